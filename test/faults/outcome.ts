/** What a campaign has left in its database: everything but times, to be compared with another run's. */
import { isDeepStrictEqual } from 'node:util';
import type { Row } from '../../src/store/driver.ts';
import { loadDriver } from '../../src/store/driver.ts';

export interface Outcome {
  readonly campaigns: readonly Row[];
  readonly shards: readonly Row[];
  readonly divergences: readonly Row[];
  readonly occurrences: readonly Row[];
  readonly coverage: readonly Row[];
}

/** What an outcome is compared by; `engines` of a divergence may hold the name of a trial's folder. */
const QUERIES: Readonly<Record<keyof Outcome, string>> = {
  campaigns: 'SELECT id, seed, profile, engines, state, cases, accesses, digest, known FROM campaigns ORDER BY id',
  shards: 'SELECT campaign_id, shard, digest, result FROM shards ORDER BY campaign_id, shard',
  divergences: `SELECT id, kind, subject, profile, scenario, vector, expected, got, message, size, evaluations,
    reliability, cases, first_campaign, status, reopened, msr, is_write, rules FROM divergences ORDER BY id`,
  occurrences: 'SELECT * FROM occurrences ORDER BY divergence_id, campaign_id, shard',
  coverage: 'SELECT * FROM coverage ORDER BY campaign_id',
};

/** Rows that must not be there: times out of order, a shard twice or left out. */
const LAWS: Readonly<Record<string, string>> = {
  'a campaign was changed before it was made': `SELECT id FROM campaigns
    WHERE started_at < created_at OR updated_at < started_at OR seconds < 0`,
  'a divergence was last seen before it was first seen': 'SELECT id FROM divergences WHERE last_seen < first_seen',
  'progress went back': `SELECT a.cases FROM progress a JOIN progress b
    ON a.campaign_id = b.campaign_id AND a.cases < b.cases AND a.seconds > b.seconds`,
  'shards are not numbered from 0 on': `SELECT campaign_id FROM shards GROUP BY campaign_id
    HAVING min(shard) <> 0 OR max(shard) <> count(*) - 1`,
  'a writer is left': 'SELECT pid FROM writer',
  'cases of a divergence are not those of its occurrences': `SELECT d.id FROM divergences d
    WHERE d.cases <> (SELECT sum(cases) FROM occurrences WHERE divergence_id = d.id)`,
};

export interface Examined {
  readonly outcome: Outcome;
  readonly problems: readonly string[];
}

export async function examine(database: string): Promise<Examined> {
  const db = await (await loadDriver()).open(database, { readOnly: true });
  try {
    const problems: string[] = [];
    const integrity = JSON.stringify(await db.all('PRAGMA integrity_check'));
    if (integrity !== '[{"integrity_check":"ok"}]') problems.push(`integrity_check: ${integrity}`);
    const foreign = await db.all('PRAGMA foreign_key_check');
    if (foreign.length > 0) problems.push(`foreign_key_check: ${JSON.stringify(foreign)}`);
    for (const [law, query] of Object.entries(LAWS)) {
      const rows = await db.all(query);
      if (rows.length > 0) problems.push(`${law}: ${JSON.stringify(rows[0])}`);
    }
    const outcome: Record<string, Row[]> = {};
    for (const [name, query] of Object.entries(QUERIES)) outcome[name] = await db.all(query);
    return { outcome: outcome as unknown as Outcome, problems };
  } finally {
    await db.close();
  }
}

/** A divergence that a fault may leave beside what the undisturbed run has: an engine's incident. */
export type Allowance = (divergence: Row) => boolean;

/** Differences, one line each. */
export function differences(expected: Outcome, got: Outcome, isIncident: Allowance): string[] {
  const incidents = new Set(got.divergences.filter(isIncident).map(({ id }) => id));
  const kept: Outcome = {
    ...got,
    divergences: got.divergences.filter(({ id }) => !incidents.has(id)),
    occurrences: got.occurrences.filter(({ divergence_id: id }) => !incidents.has(id!)),
  };
  return (Object.keys(QUERIES) as (keyof Outcome)[]).flatMap((name) =>
    tableDifferences(name, expected[name], kept[name]),
  );
}

function tableDifferences(name: string, expected: readonly Row[], got: readonly Row[]): string[] {
  if (expected.length !== got.length) return [`${name}: ${got.length} rows instead of ${expected.length}`];
  return expected.flatMap((row, i) =>
    Object.keys(row)
      .filter((column) => !isDeepStrictEqual(row[column], got[i]![column]))
      .map((column) => `${name} ${i}: ${column} is ${brief(got[i]![column])} instead of ${brief(row[column])}`),
  );
}

function brief(value: unknown): string {
  return String(value).slice(0, 120);
}
