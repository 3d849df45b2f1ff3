/** A database whose rows are given as JSON, by table: what SQLite would hand out, without SQLite. */
import { fileURLToPath } from 'node:url';
import type { Database, Driver, Row } from '../../src/store/driver.ts';
import { APPLICATION_ID, MIGRATIONS } from '../../src/store/schema.ts';
import { Store } from '../../src/store/store.ts';
import { SCENARIO_SEEDS } from './targets/scenario.ts';

/** A file that exists; it is not read. */
const DATABASE = fileURLToPath(import.meta.url);
const TIME = '2026-01-01T00:00:00.000Z';

/** A campaign and what belongs to it, as msrdiff writes it. */
export const ROWS_SEED = JSON.stringify({
  campaigns: [
    {
      ...{ id: 1, seed: '18446744073709551615', profile: '6.1', engines: '["reference","svm"]' },
      ...{
        config: '{"cases":null,"seconds":5}',
        state: 'finished',
        created_at: TIME,
        started_at: TIME,
        updated_at: TIME,
      },
      ...{ cases: 32, accesses: 320, seconds: 1.5, digest: 'd', known: '{"tsc-deadline-fastpath":1}' },
      ...{ features_seen: 3, pairs_seen: 4, features: 3, pairs: 4, divergences: 1, first_seen: 1 },
    },
  ],
  divergences: [
    {
      ...{ id: 'aa01', kind: 'verdict', subject: 'svm', profile: '6.1', scenario: SCENARIO_SEEDS[0] },
      ...{ vector: '{"reference":0,"svm":1,"vmx":null}', expected: 0, got: 1, message: '', size: 12, evaluations: 40 },
      ...{ reliability: 1, cases: 1, first_seen: TIME, last_seen: TIME, first_campaign: 1, seed: '7' },
      ...{ msr: 372, is_write: 1, rules: '["range end inclusive"]', status: 'new', reopened: 0 },
      engines:
        '[{"kind":"built-in","name":"reference"},{"kind":"command","command":"x"},{"kind":"module","path":"m.mjs",' +
        '"sha256":"00"},{"kind":"kernel","name":"kvm-svm@6.1","options":{"guestMode":"long","moduleParameters":{"kvm":"a=1"}}}]',
    },
  ],
  vectors: [{ vector: '{"reference":0,"svm":1}', n: 1 }],
  statuses: [{ status: 'new', n: 1 }],
  values: [{ value: 'svm' }],
  history: [{ id: 1, divergence_id: 'aa01', at: TIME, author: 'a', status: 'triaged', note: 'n' }],
  occurrences: [{ campaign_id: 1, created_at: TIME, cases: 1, first_case: 7 }],
  exposures: [{ cases: 32, first_case: 7 }],
  progress: [{ seconds: 1, cases: 32, accesses: 320, features: 3, pairs: 4, divergences: 1 }],
  shards: [{ result: '{"shard":0,"cases":32}' }],
  coverage: [{ features: '{"access.type=read":3}', features_seen: 1, pairs_seen: 0 }],
  nights: [{ id: 1, started_at: TIME, finished_at: TIME, campaign_id: 1, report: '{"version":1}' }],
});

/** The table that a statement asks, by a part of its text. */
const STATEMENTS: readonly (readonly [RegExp, string])[] = [
  [/^SELECT vector, count/, 'vectors'],
  [/^SELECT status, count/, 'statuses'],
  [/^SELECT DISTINCT/, 'values'],
  [/FROM history/, 'history'],
  [/FROM occurrences o JOIN/, 'occurrences'],
  [/^WITH shown/, 'exposures'],
  [/^SELECT c\.\*|FROM campaigns/, 'campaigns'],
  [/FROM divergences d JOIN/, 'divergences'],
  [/FROM progress/, 'progress'],
  [/FROM shards/, 'shards'],
  [/FROM coverage/, 'coverage'],
  [/FROM nights/, 'nights'],
];

const PRAGMAS: Readonly<Record<string, number>> = {
  application_id: APPLICATION_ID,
  user_version: MIGRATIONS.length,
  data_version: 1,
};

/** Undefined if the text gives no tables of rows. */
export async function openRows(text: string): Promise<Store | undefined> {
  let tables: Record<string, unknown>;
  try {
    tables = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof tables !== 'object' || tables === null) return undefined;
  const rowsOf = (sql: string): Row[] => {
    const pragma = /^PRAGMA (\w+)$/.exec(sql)?.[1];
    if (pragma !== undefined) return [{ [pragma]: PRAGMAS[pragma] ?? 0 }];
    if (/^SELECT count\(\*\) AS n FROM/.test(sql)) return [{ n: 1 }];
    const table = STATEMENTS.find(([pattern]) => pattern.test(sql))?.[1];
    const rows = table === undefined ? undefined : tables[table];
    return Array.isArray(rows) ? rows.filter(isRow) : [];
  };
  const database: Database = {
    exec: async () => {},
    run: async () => 1,
    all: async (sql) => rowsOf(sql.trim()),
    close: async () => {},
  };
  const driver: Driver = { name: 'node', open: async () => database };
  return Store.open(DATABASE, { readOnly: true, driver }).catch(() => undefined);
}

/** Cells are what SQLite has: text, numbers, null. */
function isRow(value: unknown): value is Row {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((cell) => cell === null || ['string', 'number'].includes(typeof cell));
}
