/** Engines in processes of their own (`--engine-command`). */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Row } from '../../../src/store/driver.ts';
import { ROOT } from '../campaign.ts';
import type { FaultKind } from '../kind.ts';
import { processesOf } from '../processes.ts';
import { Missed, type Trial } from '../trial.ts';

const ENGINE = join(ROOT, 'test/remote/faulty-engine.mjs');
/** Requests of a process, among which the fault may strike. */
const REQUESTS = 150;

const isIncident = ({ kind, subject, reliability }: Row): boolean =>
  kind === 'engine-error' && subject === 'faulty' && reliability === 0;

/** A campaign with the engine as a process beside the one with two bugs. Its fault strikes if the file is not there. */
async function prepare(trial: Trial, fault: string, at: number): Promise<string> {
  const marker = trial.file('struck');
  const command = `${process.execPath} ${ENGINE} ${fault} at=${at} once=${marker}`;
  const { engines, always } = trial.campaign.options;
  // The undisturbed run: it has struck before.
  writeFileSync(marker, '');
  await trial.prepare({ engines, always: [...always, '--engine-command', command, '--timeout', '3'] }, 'process');
  trial.allowance = isIncident;
  return marker;
}

function once(...faults: string[]): FaultKind['inject'] {
  return async (trial) => {
    const marker = await prepare(trial, trial.pick(faults), 1 + trial.below(REQUESTS));
    rmSync(marker);
    await trial.ended(trial.fuzz(), { codes: [1] });
    if (!existsSync(marker)) throw new Missed();
  };
}

async function kill(trial: Trial): Promise<void> {
  await prepare(trial, 'die', 0);
  const run = trial.fuzz();
  await trial.moment(run);
  for (;;) {
    const engines = processesOf(trial.mark).filter(({ command }) =>
      command.startsWith(`${process.execPath} ${ENGINE}`),
    );
    if (engines.length > 0 && killed(trial.pick(engines).pid)) break;
    if (run.ended) throw new Missed();
    await sleep(20);
  }
  await trial.ended(run, { codes: [1] });
}

/** False if it has just ended. */
function killed(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}

/** Its engines must not outlive it. */
async function killCampaign(trial: Trial): Promise<void> {
  await prepare(trial, 'die', 0);
  const run = trial.fuzz();
  await trial.moment(run);
  if (!run.signal('SIGKILL')) throw new Missed();
  await run.end;
}

const INCIDENT = 'the incident, as a finding that was not met again';

export const ENGINE_PROCESSES: readonly FaultKind[] = [
  { id: 'kill-engine', fault: "kill -9 of an engine's process", shows: INCIDENT, inject: kill },
  {
    id: 'kill-campaign-of-processes',
    fault: 'kill -9 of `msrdiff fuzz` whose engines are processes',
    shows: 'nothing; its engines end with it',
    inject: killCampaign,
  },
  {
    id: 'engine-crash',
    fault: "an engine's process exits or dies of a signal",
    shows: INCIDENT,
    inject: once('die', 'exit'),
  },
  { id: 'engine-hang', fault: "an engine's process says nothing more", shows: INCIDENT, inject: once('hang') },
  {
    id: 'engine-garbage',
    fault: "an engine's process answers garbage: text, a frame that is too long or short, of another number or type",
    shows: INCIDENT,
    inject: once('text', 'reserved', 'long', 'short', 'number', 'type'),
  },
];
