/** Divergences and where they occurred as rows. Everything here runs within a transaction of the caller. */

import { readEngineSpec } from '../engines/engine-spec.ts';
import type { EngineSpec } from '../engines/registry.ts';
import { readString } from '../model/json-fields.ts';
import { STATUSES, type Status } from '../model/status.ts';
import type { Database, Row } from './driver.ts';
import { RowReader, readNumber } from './row.ts';
import { StoreError } from './store-error.ts';
import { reopenIfFixed } from './triage.ts';

/** A divergence as it is stored; `id` is its identity. */
interface DivergenceRecord {
  readonly id: string;
  readonly kind: string;
  readonly subject: string;
  readonly profile: string;
  readonly scenario: string;
  readonly vector: Readonly<Record<string, number | null>>;
  readonly expected: number;
  readonly got: number;
  readonly message: string;
  readonly size: number;
  readonly evaluations: number;
  readonly reliability: number;
  /** Index of the MSR, null where it is about no single one. */
  readonly msr?: number | null;
  /** Null where it is about no single access. */
  readonly write?: boolean | null;
  /** Names of the broken rules: several if nothing near it tells them apart, none if no single rule explains it. */
  readonly rules?: readonly string[];
}

/** A divergence as a shard found it. */
export interface FoundRecord extends DivergenceRecord {
  readonly firstCase: number;
  /** Cases of the shard that showed it. */
  readonly cases: number;
}

export interface StoredDivergence extends Required<DivergenceRecord> {
  readonly status: Status;
  /** Times it came back after it had been fixed. */
  readonly reopened: number;
  /** Specs of the engines that were compared, to replay with. */
  readonly engines: readonly EngineSpec[];
  /** Cases that showed it, in all campaigns. */
  readonly cases: number;
  readonly firstSeen: string;
  readonly lastSeen: string;
  readonly firstCampaign: number;
  readonly seed: string;
}

/** Ids that an error message names. */
const MAX_NAMED = 4;
export const SELECT = 'SELECT d.*, c.seed FROM divergences d JOIN campaigns c ON c.id = d.first_campaign';

/** `added`: the database had not seen it before; `reopened`: it was fixed, and is new again. */
export async function recordDivergence(
  db: Database,
  found: FoundRecord,
  campaign: number,
  shard: number,
  engines: readonly unknown[],
): Promise<'added' | 'reopened' | 'known'> {
  const { id, kind, subject, profile, scenario, expected, got, message, size, evaluations, reliability } = found;
  const now = new Date().toISOString();
  const values = {
    ...{ id, kind, subject, profile, scenario, expected, got, message, size, evaluations, reliability },
    ...{ vector: JSON.stringify(found.vector), engines: JSON.stringify(engines), cases: 0 },
    ...{ first_seen: now, last_seen: now, first_campaign: campaign },
    ...{ msr: found.msr ?? null, is_write: found.write == null ? null : Number(found.write) },
    rules: JSON.stringify(found.rules ?? []),
  } satisfies Row;
  const columns = Object.keys(values);
  const added = await db.run(
    `INSERT INTO divergences (${columns}) VALUES (${columns.map(() => '?')}) ON CONFLICT DO NOTHING`,
    Object.values(values),
  );
  // A shard can name a divergence twice: found by comparison, and by an engine that failed.
  await db.run(
    `INSERT INTO occurrences (divergence_id, campaign_id, shard, first_case, cases) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET
       first_case = min(first_case, excluded.first_case), cases = cases + excluded.cases`,
    [id, campaign, shard, found.firstCase, found.cases],
  );
  // A result that did not reproduce once is less reliable than it looked.
  await db.run(
    'UPDATE divergences SET cases = cases + ?, last_seen = max(last_seen, ?), reliability = min(reliability, ?) WHERE id = ?',
    [found.cases, now, reliability, id],
  );
  if (added > 0) return 'added';
  return (await reopenIfFixed(db, id, campaign)) ? 'reopened' : 'known';
}

/** By identity, or by a prefix of it that is unique. */
export async function selectDivergence(db: Database, path: string, given: string): Promise<StoredDivergence> {
  const prefix = given.toLowerCase();
  if (!/^[0-9a-f]{1,64}$/.test(prefix)) {
    throw new StoreError(`"${given}" is no divergence id: give the hex digits that "msrdiff list" shows`);
  }
  // The first letter after "f" ends the prefix's interval.
  const rows = await db.all(`${SELECT} WHERE d.id >= ? AND d.id < ? ORDER BY d.id LIMIT ${MAX_NAMED + 1}`, [
    prefix,
    `${prefix}g`,
  ]);
  if (rows.length === 0)
    throw new StoreError(`database ${path} has no divergence ${prefix}: see "msrdiff list"`, {
      lookup: 'absent',
    });
  const exact = rows.length === 1 ? rows[0] : rows.find(({ id }) => id === prefix);
  if (exact) return divergenceOf(exact);
  const names = rows.slice(0, MAX_NAMED).map(({ id }) => id);
  if (rows.length > MAX_NAMED) names.push('...');
  throw new StoreError(`divergence ${prefix} is ambiguous in ${path} (${names.join(', ')}): give more digits`, {
    lookup: 'ambiguous',
  });
}

/** Throws InputError that names the column. */
export function divergenceOf(row: Row): StoredDivergence {
  const read = new RowReader(row, `divergence ${row.id}`);
  return {
    id: read.text('id'),
    kind: read.text('kind'),
    subject: read.text('subject'),
    profile: read.text('profile'),
    scenario: read.text('scenario'),
    vector: read.record('vector', (value, place) => (value === null ? null : readNumber(value, place))),
    expected: read.number('expected'),
    got: read.number('got'),
    message: read.text('message'),
    engines: read.list('engines', readEngineSpec),
    size: read.number('size'),
    evaluations: read.number('evaluations'),
    reliability: read.number('reliability'),
    msr: read.orNull('msr', read.count),
    write: row.is_write === null ? null : row.is_write === 1,
    rules: read.list('rules', readString),
    status: read.word('status', STATUSES),
    reopened: read.count('reopened'),
    cases: read.count('cases'),
    firstSeen: read.text('first_seen'),
    lastSeen: read.text('last_seen'),
    firstCampaign: read.count('first_campaign'),
    seed: read.text('seed'),
  };
}
