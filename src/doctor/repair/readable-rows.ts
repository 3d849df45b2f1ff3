/**
 * The rows of a damaged table that can still be read. A table is a tree in the order of its key: read from the front
 * until a page is damaged, from the back until it is met again, and between the two by keys that are known from
 * elsewhere, for which another way through the tree may be whole.
 */
import type { Database, Row, SqlValue } from '../../store/driver.ts';

const BATCH = 64;
/** Numbers are tried one by one; more than this are not. */
const MOST_NUMBERS = 100_000;

export interface TableKey {
  readonly table: string;
  readonly columns: readonly string[];
  /** Columns of the primary key. */
  readonly key: readonly string[];
}

export type Key = readonly SqlValue[];

export interface ReadResult {
  readonly rows: number;
  /** Keys that are known to have been there. */
  readonly lost: readonly Key[];
  /** Whether rows of unknown keys may be lost too: keys between which they were. */
  readonly unknown: readonly [after: Key | undefined, before: Key | undefined] | undefined;
}

/** `known`: keys that the table should have. `take` gets each row once; false: it is no row that can be kept. */
export async function readRows(
  db: Database,
  { table, columns, key }: TableKey,
  known: readonly Key[],
  take: (row: Row) => Promise<boolean>,
): Promise<ReadResult> {
  const selected = columns.map((name) => `"${name}"`).join();
  const keys = key.map((name) => `"${name}"`).join();
  const marks = key.map(() => '?').join();
  const seen = new Set<string>();
  const refused: Key[] = [];
  let rows = 0;
  const keyOf = (row: Row): Key => key.map((name) => row[name]!);
  const add = async (row: Row): Promise<boolean> => {
    const text = JSON.stringify(keyOf(row));
    if (seen.has(text)) return false;
    seen.add(text);
    if (await take(row)) rows++;
    else refused.push(keyOf(row));
    return true;
  };

  /** The last key read; `whole`: the other end was reached. */
  async function walk(direction: 'ASC' | 'DESC'): Promise<{ whole: boolean; last: Key | undefined }> {
    const beyond = direction === 'ASC' ? '>' : '<';
    const order = key.map((name) => `"${name}" ${direction}`).join();
    let last: Key | undefined;
    let size = BATCH;
    while (true) {
      let batch: Row[];
      try {
        const where = last ? `WHERE (${keys}) ${beyond} (${marks})` : '';
        const sql = `SELECT ${selected} FROM "${table}" NOT INDEXED ${where} ORDER BY ${order} LIMIT ${size}`;
        batch = await db.all(sql, last ?? []);
      } catch {
        if (size === 1) return { whole: false, last };
        size = 1;
        continue;
      }
      for (const row of batch) {
        // Met before: by the other walk, or in a tree that is out of order.
        if (!(await add(row))) return { whole: false, last };
        last = keyOf(row);
      }
      if (batch.length < size) return { whole: true, last };
    }
  }

  const forward = await walk('ASC');
  if (forward.whole) return { rows, lost: refused, unknown: undefined };
  const backward = await walk('DESC');
  const lost = [...refused];
  for (const candidate of [...known, ...between(forward.last, backward.last)]) {
    if (seen.has(JSON.stringify(candidate))) continue;
    const where = key.map((name) => `"${name}" = ?`).join(' AND ');
    try {
      const [row] = await db.all(`SELECT ${selected} FROM "${table}" NOT INDEXED WHERE ${where}`, candidate);
      if (row) await add(row);
    } catch {
      seen.add(JSON.stringify(candidate));
      lost.push(candidate);
    }
  }
  return { rows, lost, unknown: [forward.last, backward.last] };
}

/** Keys between two that differ in their last number alone. */
function between(after: Key | undefined, before: Key | undefined): Key[] {
  if (!after || !before) return [];
  const [first, last] = [after.at(-1), before.at(-1)];
  const same = after.slice(0, -1).every((value, i) => value === before[i]);
  if (!same || typeof first !== 'number' || typeof last !== 'number' || last - first > MOST_NUMBERS) return [];
  return Array.from({ length: Math.max(0, last - first - 1) }, (_, i) => [...after.slice(0, -1), first + 1 + i]);
}
