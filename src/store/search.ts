/** Finding divergences among many. Everything here runs within a transaction of the caller. */
import { STATUSES, type Status } from '../model/status.ts';
import { divergenceOf, SELECT, type StoredDivergence } from './divergences.ts';
import type { Database, SqlValue } from './driver.ts';
import { RowReader, readNumber } from './row.ts';

/** Which divergences to list; what is left out does not matter. */
export interface DivergenceFilter {
  /** Any of these. */
  readonly statuses?: readonly Status[];
  readonly kinds?: readonly string[];
  /** Engine that stands against the others. */
  readonly subject?: string;
  /** Two engines that disagree in it. */
  readonly between?: readonly [string, string];
  /** Of kind `verdict`, this one expected or got. */
  readonly verdict?: number;
  /** Name of a broken rule. */
  readonly rule?: string;
  /** Any of these indices. */
  readonly msrs?: readonly number[];
  readonly profile?: string;
  /** Number of a campaign in which it occurred. */
  readonly campaign?: number;
  /** Came back after it had been fixed. */
  readonly reopened?: boolean;
  /** Part of its id or message, or of its engine's name. */
  readonly text?: string;
}

/** Descending, `size` ascending. `seen`: in the order in which they were seen first. */
export const ORDERS = ['last-seen', 'first-seen', 'cases', 'size', 'seen'] as const;
export type DivergenceOrder = (typeof ORDERS)[number];

export interface DivergenceQuery extends DivergenceFilter {
  readonly order?: DivergenceOrder;
  readonly offset?: number;
  /** Rows at most; left out: all. */
  readonly limit?: number;
}

const ORDER_BY: Readonly<Record<DivergenceOrder, string>> = {
  'last-seen': 'd.last_seen DESC, d.id',
  'first-seen': 'd.first_seen DESC, d.id',
  cases: 'd.cases DESC, d.id',
  size: 'd.size, d.id',
  seen: 'd.first_seen, d.id',
};

type Condition = readonly [sql: string, params: readonly SqlValue[]];

function oneOf(expression: string, values: readonly SqlValue[]): Condition {
  return [`${expression} IN (SELECT value FROM json_each(?))`, [JSON.stringify(values)]];
}

const CONDITIONS: {
  readonly [K in keyof Required<DivergenceFilter>]: (value: Required<DivergenceFilter>[K]) => Condition;
} = {
  statuses: (values) => oneOf('d.status', values),
  kinds: (values) => oneOf('d.kind', values),
  subject: (name) => ['d.subject = ?', [name]],
  between: ([a, b]) => [
    `(SELECT count(*) FROM json_each(d.vector) v WHERE v.key IN (?, ?) AND v.value IS NOT NULL) = 2
     AND (SELECT count(DISTINCT v.value) FROM json_each(d.vector) v WHERE v.key IN (?, ?)) = 2`,
    [a, b, a, b],
  ],
  verdict: (value) => [`d.kind = 'verdict' AND ? IN (d.expected, d.got)`, [value]],
  rule: (name) => ['? IN (SELECT value FROM json_each(d.rules))', [name]],
  msrs: (indices) => oneOf('d.msr', indices),
  profile: (id) => ['d.profile = ?', [id]],
  campaign: (id) => ['d.id IN (SELECT divergence_id FROM occurrences WHERE campaign_id = ?)', [id]],
  reopened: (value) => ['(d.reopened > 0) = ?', [Number(value)]],
  text: (part) => [
    '(instr(d.id, lower(?)) > 0 OR instr(lower(d.message), lower(?)) > 0 OR instr(lower(d.subject), lower(?)) > 0)',
    [part, part, part],
  ],
};

function whereOf(filter: DivergenceFilter): { readonly sql: string; readonly params: SqlValue[] } {
  const conditions: Condition[] = [];
  for (const key of Object.keys(CONDITIONS) as (keyof DivergenceFilter)[]) {
    const value = filter[key];
    if (value !== undefined) conditions.push((CONDITIONS[key] as (value: unknown) => Condition)(value));
  }
  const sql = conditions.length > 0 ? ` WHERE ${conditions.map(([text]) => text).join(' AND ')}` : '';
  return { sql, params: conditions.flatMap(([, params]) => params) };
}

/** In the order asked for, `seen` by default. */
export async function selectDivergences(db: Database, query: DivergenceQuery): Promise<StoredDivergence[]> {
  const { order = 'seen', offset = 0, limit = -1 } = query;
  const { sql, params } = whereOf(query);
  const rows = await db.all(`${SELECT}${sql} ORDER BY ${ORDER_BY[order]} LIMIT ? OFFSET ?`, [...params, limit, offset]);
  return rows.map(divergenceOf);
}

/** How many match, on all pages. */
export async function countDivergences(db: Database, filter: DivergenceFilter): Promise<number> {
  const { sql, params } = whereOf(filter);
  return Number((await db.all(`SELECT count(*) AS n FROM divergences d${sql}`, params))[0]!.n);
}

/** What a search can be narrowed to. */
export interface Facets {
  readonly subjects: readonly string[];
  readonly kinds: readonly string[];
  readonly profiles: readonly string[];
  readonly rules: readonly string[];
}

export async function selectFacets(db: Database): Promise<Facets> {
  const values = async (sql: string): Promise<string[]> =>
    (await db.all(sql)).map((row) => new RowReader(row, 'a divergence').text('value'));
  const column = (name: string): Promise<string[]> =>
    values(`SELECT DISTINCT ${name} AS value FROM divergences ORDER BY value`);
  return {
    subjects: await column('subject'),
    kinds: await column('kind'),
    profiles: await column('profile'),
    rules: await values('SELECT DISTINCT r.value FROM divergences d, json_each(d.rules) r ORDER BY r.value'),
  };
}

export interface StatusCounts {
  readonly counts: Readonly<Record<Status, number>>;
  /** New ones that had been fixed before. */
  readonly reopened: number;
}

export async function countStatuses(db: Database): Promise<StatusCounts> {
  const counts = Object.fromEntries(STATUSES.map((status) => [status, 0])) as Record<Status, number>;
  for (const row of await db.all('SELECT status, count(*) AS n FROM divergences GROUP BY status')) {
    const read = new RowReader(row, 'a divergence');
    counts[read.word('status', STATUSES)] = read.count('n');
  }
  const [row] = await db.all(`SELECT count(*) AS n FROM divergences WHERE status = 'new' AND reopened > 0`);
  return { counts, reopened: Number(row!.n) };
}

/** Engine by engine, how many divergences that are neither fixed nor let be have the two disagree. */
export interface Disagreements {
  readonly engines: readonly string[];
  /** Symmetric, 0 on the diagonal. */
  readonly counts: readonly (readonly number[])[];
}

export async function countDisagreements(db: Database): Promise<Disagreements> {
  const rows = await db.all(
    `SELECT vector, count(*) AS n FROM divergences WHERE status NOT IN ('fixed', 'wont-fix') GROUP BY vector`,
  );
  const vectors = rows.map((row) => {
    const read = new RowReader(row, 'a divergence');
    const vector = read.record('vector', (value, place) => (value === null ? null : readNumber(value, place)));
    return [vector, read.count('n')] as const;
  });
  const engines = [...new Set(vectors.flatMap(([vector]) => Object.keys(vector)))];
  const counts = engines.map(() => engines.map(() => 0));
  for (const [vector, n] of vectors) {
    for (const [i, a] of engines.entries()) {
      for (const [j, b] of engines.entries()) {
        // Own ones: an engine may be named "constructor".
        const [one, other] = [a, b].map((name) => (Object.hasOwn(vector, name) ? vector[name] : null));
        if (one != null && other != null && one !== other) counts[i]![j]! += n;
      }
    }
  }
  return { engines, counts };
}

/** One campaign that showed a divergence. */
export interface Occurrence {
  readonly campaign: number;
  readonly startedAt: string;
  /** Cases that showed it, and the number of the first one. */
  readonly cases: number;
  readonly firstCase: number;
}

/** The newest first. */
export async function selectOccurrences(db: Database, id: string): Promise<Occurrence[]> {
  const rows = await db.all(
    `SELECT o.campaign_id, c.created_at, sum(o.cases) AS cases, min(o.first_case) AS first_case
     FROM occurrences o JOIN campaigns c ON c.id = o.campaign_id
     WHERE o.divergence_id = ? GROUP BY o.campaign_id ORDER BY o.campaign_id DESC`,
    [id],
  );
  return rows.map((row) => {
    const read = new RowReader(row, `an occurrence of divergence ${id}`);
    return {
      campaign: read.count('campaign_id'),
      startedAt: read.text('created_at'),
      cases: read.count('cases'),
      firstCase: read.count('first_case'),
    };
  });
}
