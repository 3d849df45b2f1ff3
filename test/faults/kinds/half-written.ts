/** Files that a campaign reads, written by halves. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { TWO_BUGS } from '../campaign.ts';
import type { FaultKind } from '../kind.ts';
import { Missed, type Trial } from '../trial.ts';

/** The engine's code in a file of the trial. */
function moduleOf(trial: Trial): { path: string; text: string } {
  const path = trial.file('engine.mjs');
  const text = readFileSync(TWO_BUGS, 'utf8').replace('../../../', new URL('../../../', `file://${TWO_BUGS}`).href);
  writeFileSync(path, text);
  return { path, text };
}

/** Bytes of a text that is cut before its last statement is complete. */
function half(trial: Trial, text: string): string {
  return text.slice(0, 1 + trial.below(text.trimEnd().length - 2));
}

/** The campaign was interrupted, and its engine module is being replaced when it is resumed. */
async function engine(trial: Trial): Promise<void> {
  const { path, text } = moduleOf(trial);
  await trial.prepare({ engines: ['--engines', 'reference,interval', '--engine-module', path] }, 'half-written');
  const run = trial.fuzz();
  await trial.moment(run);
  if (!run.signal('SIGINT')) throw new Missed();
  await run.end;
  writeFileSync(path, half(trial, text));
  await trial.ended(trial.fuzz(existsSync(trial.database)), {
    codes: [2, 3],
    says: /engine\.mjs|no campaign to resume/,
  });
  writeFileSync(path, text);
}

const LEDGER = `{"entries": [{"id": "mine", "title": "known", "owner": "me", "link": "none"}]}`;

async function ledger(trial: Trial): Promise<void> {
  await trial.prepare();
  const path = trial.file('ledger.json');
  writeFileSync(path, half(trial, LEDGER));
  const { always } = trial.campaign.options;
  const whole = trial.campaign;
  trial.alter({ always: [...always, '--ledger', path] });
  await trial.ended(trial.fuzz(), { codes: [2], says: /ledger\.json/ });
  trial.campaign = whole;
}

export const HALF_WRITTEN: readonly FaultKind[] = [
  {
    id: 'half-engine',
    fault: 'Ctrl-C, and the engine module is half-written when the campaign is resumed; then it is whole again',
    shows: 'exit code 2 or 3: the file and what is wrong with it',
    inject: engine,
  },
  {
    id: 'half-ledger',
    fault: 'a ledger that is half-written',
    shows: 'exit code 2: the file, line and column',
    inject: ledger,
  },
];
