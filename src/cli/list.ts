/** `msrdiff list`: what a database holds. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { msrIndices } from '../model/catalogue.ts';
import { isStatus, STATUSES, type Status } from '../model/status.ts';
import { VERDICT_NAMES, type VerdictName } from '../model/verdict.ts';
import type { DivergenceQuery } from '../store/search.ts';
import { type CampaignRow, Store, type StoredDivergence } from '../store/store.ts';
import { databaseOption, jsonOption, nameList } from './options.ts';
import { quantity, table } from './render.ts';

interface ListOptions {
  readonly campaigns?: boolean;
  readonly status?: Status[];
  readonly engine?: string;
  readonly verdict?: VerdictName;
  readonly msr?: string;
  readonly rule?: string;
  readonly database: string;
  readonly json?: boolean;
}

export function addList(program: Command): void {
  program
    .command('list')
    .description('list the divergences of a database, or its campaigns')
    .option('--campaigns', 'list campaigns instead')
    .addOption(new Option('--status <names>', 'of these, separated by commas').argParser(statusList))
    .option('--engine <name>', 'engine that stands against the others')
    .addOption(new Option('--verdict <name>', 'verdict that is expected, or that came').choices(VERDICT_NAMES))
    .option('--msr <name>', 'an index, or part of a name')
    .option('--rule <name>', 'rule that is broken')
    .addOption(databaseOption())
    .addOption(jsonOption())
    .action(async (options: ListOptions) => {
      const store = await Store.open(options.database, { readOnly: true });
      try {
        const rows = options.campaigns ? await store.campaigns() : await store.divergences(queryOf(options));
        if (options.json) process.stdout.write(`${JSON.stringify(rows)}\n`);
        else if (options.campaigns) process.stdout.write(`${campaignTable(rows as CampaignRow[])}\n`);
        else process.stdout.write(`${divergenceTable(rows as StoredDivergence[])}\n`);
      } finally {
        await store.close();
      }
    });
}

function statusList(text: string): Status[] {
  return nameList(text).map((name) => {
    if (isStatus(name)) return name;
    throw new InvalidArgumentError(`Known are ${STATUSES.join(', ')}.`);
  });
}

function queryOf({ status, engine, verdict, msr, rule }: ListOptions): DivergenceQuery {
  return {
    ...(status === undefined ? {} : { statuses: status }),
    ...(engine === undefined ? {} : { subject: engine }),
    ...(verdict === undefined ? {} : { verdict: VERDICT_NAMES.indexOf(verdict) }),
    ...(msr === undefined ? {} : { msrs: msrIndices(msr) }),
    ...(rule === undefined ? {} : { rule }),
  };
}

function divergenceTable(rows: readonly StoredDivergence[]): string {
  if (rows.length === 0) return 'no divergences';
  const header = ['id', 'status', 'kind', 'engine', 'profile', 'access', 'size', 'cases', 'reliable'];
  header.push('first seen', 'last seen', 'rule');
  const body = rows.map((row) => [
    row.id,
    row.reopened > 0 && row.status === 'new' ? 'new again' : row.status,
    row.kind,
    row.subject,
    row.profile,
    accessOf(row),
    String(row.size),
    String(row.cases),
    `${Math.round(row.reliability * 100)} %`,
    row.firstSeen.slice(0, 19),
    row.lastSeen.slice(0, 19),
    row.rules.join(', ') || '-',
  ]);
  return table([header, ...body]);
}

/** The one that differs; divergences of other kinds have none. */
function accessOf({ msr, write }: StoredDivergence): string {
  return msr === null ? '-' : `${write ? 'WRMSR' : 'RDMSR'} 0x${msr.toString(16)}`;
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
