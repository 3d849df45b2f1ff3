/** `msrdiff show`: one divergence, what decided in each engine, and what does not matter. */
import type { Command } from 'commander';
import { explainStored } from '../fuzz/explain/stored.ts';
import { vectorText } from '../model/result-name.ts';
import { PROOF_SEED } from '../store/campaigns.ts';
import { Store, type StoredDivergence } from '../store/store.ts';
import type { HistoryEntry } from '../store/triage.ts';
import { commandOption, databaseOption, jsonOption } from './options.ts';
import { historyTable, table } from './render.ts';
import { enginesFor } from './scenario-source.ts';

export function addShow(program: Command): void {
  program
    .command('show')
    .argument('<id>', 'a stored divergence, or the first digits of its id')
    .description('explain a divergence')
    .addOption(databaseOption())
    .addOption(commandOption())
    .addOption(jsonOption())
    .action(async (id: string, options: { database: string; engineCommand?: string[]; json?: boolean }) => {
      const store = await Store.open(options.database, { readOnly: true });
      let found: StoredDivergence;
      let history: HistoryEntry[];
      try {
        found = await store.divergence(id);
        history = await store.history(found.id);
      } finally {
        await store.close();
      }
      const { explanation, text, refused, lost } = await explainStored(found, () => enginesFor(options, found));
      if (options.json) {
        process.stdout.write(`${JSON.stringify({ ...found, history, explanation })}\n`);
        return;
      }
      process.stdout.write(`${heading(found)}\n${historyTable(history)}\n${found.scenario}\n`);
      if (explanation) process.stdout.write(`${text.join('\n')}\n`);
      else process.stdout.write(`${noExplanation(refused, lost)}\n`);
    });
}

function noExplanation(refused: string | undefined, lost: string | undefined): string {
  const why = refused ?? lost;
  return why === undefined ? 'it no longer diverges' : `no explanation: ${why}`;
}

function firstIn({ firstCampaign, seed }: StoredDivergence): string {
  return seed === PROOF_SEED ? `campaign ${firstCampaign}, a proof` : `campaign ${firstCampaign}, seed ${seed}`;
}

function heading(found: StoredDivergence): string {
  return table([
    ['divergence', found.id],
    ['status', found.reopened > 0 ? `${found.status}; came back after it was fixed: ${found.reopened}` : found.status],
    ['kind', found.kind],
    ['engine', found.subject],
    ['results', found.message || vectorText(found.kind, found.vector)],
    ['profile', found.profile],
    ['seen', `in ${found.cases} cases, from ${found.firstSeen.slice(0, 19)} to ${found.lastSeen.slice(0, 19)}`],
    ['first in', firstIn(found)],
    [
      'reproduces',
      `${Math.round(found.reliability * 100)} % of re-runs; size ${found.size}, ${found.evaluations} evaluations`,
    ],
    ['replay', `msrdiff replay ${found.id}`],
  ]);
}
