/** `msrdiff list`: what a database holds. */
import type { Command } from 'commander';
import { type CampaignRow, Store, type StoredDivergence } from '../store/store.ts';
import { databaseOption, jsonOption } from './options.ts';
import { quantity, table } from './render.ts';

export function addList(program: Command): void {
  program
    .command('list')
    .description('list the divergences of a database, or its campaigns')
    .option('--campaigns', 'list campaigns instead')
    .addOption(databaseOption())
    .addOption(jsonOption())
    .action(async (options: { campaigns?: boolean; database: string; json?: boolean }) => {
      const store = await Store.open(options.database, { readOnly: true });
      try {
        const rows = options.campaigns ? await store.campaigns() : await store.divergences();
        if (options.json) process.stdout.write(`${JSON.stringify(rows)}\n`);
        else if (options.campaigns) process.stdout.write(`${campaignTable(rows as CampaignRow[])}\n`);
        else process.stdout.write(`${divergenceTable(rows as StoredDivergence[])}\n`);
      } finally {
        await store.close();
      }
    });
}

function divergenceTable(rows: readonly StoredDivergence[]): string {
  if (rows.length === 0) return 'no divergences';
  const header = ['id', 'kind', 'engine', 'profile', 'size', 'cases', 'reliable', 'first seen', 'last seen'];
  const body = rows.map((row) => [
    row.id,
    row.kind,
    row.subject,
    row.profile,
    String(row.size),
    String(row.cases),
    `${Math.round(row.reliability * 100)} %`,
    row.firstSeen.slice(0, 19),
    row.lastSeen.slice(0, 19),
  ]);
  return table([header, ...body]);
}

function campaignTable(rows: readonly CampaignRow[]): string {
  if (rows.length === 0) return 'no campaigns';
  const header = [
    'campaign',
    'state',
    'started',
    'profile',
    'seed',
    'engines',
    'cases',
    'accesses',
    'seconds',
    'digest',
  ];
  const body = rows.map((row) => [
    String(row.id),
    row.state,
    row.createdAt.slice(0, 19),
    row.profile,
    row.seed,
    row.engines.join(','),
    String(row.cases),
    quantity(row.accesses),
    row.seconds.toFixed(1),
    row.digest,
  ]);
  return table([header, ...body]);
}
