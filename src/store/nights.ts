/** Nights: what `msrdiff nightly` did and found, to be compared with the next one. */
import type { Database } from './driver.ts';
import { RowReader } from './row.ts';

export interface NightRow {
  readonly id: number;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly finishedAt: string;
  /** Null if it ran no campaign. */
  readonly campaign: number | null;
  /** Whatever the nightly run reports, JSON. */
  readonly report: unknown;
}

/**
 * Marks a night as begun, for the case that it never ends.
 *
 * @param mark JSON
 * @returns the mark of an earlier night that did not end, which stays; else this one
 */
export async function beginNight(db: Database, startedAt: string, mark: unknown): Promise<unknown> {
  const [row] = await db.all(`SELECT report FROM nights WHERE finished_at = ''`);
  if (row) return new RowReader(row, 'the night that has begun').json('report');
  await db.run(`INSERT INTO nights (started_at, finished_at, report) VALUES (?, '', ?)`, [
    ...[startedAt, JSON.stringify(mark)],
  ]);
  return mark;
}

/** A night that has ended; what had only begun is told by it. */
export async function insertNight(db: Database, night: Omit<NightRow, 'id'>): Promise<number> {
  await db.run(`DELETE FROM nights WHERE finished_at = ''`);
  await db.run('INSERT INTO nights (started_at, finished_at, campaign_id, report) VALUES (?, ?, ?, ?)', [
    ...[night.startedAt, night.finishedAt, night.campaign, JSON.stringify(night.report)],
  ]);
  return Number((await db.all('SELECT last_insert_rowid() AS id'))[0]!.id);
}

/** The last ones that have ended, oldest first. */
export async function selectNights(db: Database, limit: number): Promise<NightRow[]> {
  const rows = await db.all(`SELECT * FROM nights WHERE finished_at <> '' ORDER BY id DESC LIMIT ?`, [limit]);
  return rows.reverse().map((row) => {
    const read = new RowReader(row, `night ${row.id}`);
    return {
      id: read.count('id'),
      startedAt: read.text('started_at'),
      finishedAt: read.text('finished_at'),
      campaign: read.orNull('campaign_id', read.count),
      report: read.json('report'),
    };
  });
}
