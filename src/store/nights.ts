/** Nights: what `msrdiff nightly` did and found, to be compared with the next one. */
import type { Database } from './driver.ts';

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

export async function insertNight(db: Database, night: Omit<NightRow, 'id'>): Promise<number> {
  await db.run('INSERT INTO nights (started_at, finished_at, campaign_id, report) VALUES (?, ?, ?, ?)', [
    ...[night.startedAt, night.finishedAt, night.campaign, JSON.stringify(night.report)],
  ]);
  return Number((await db.all('SELECT last_insert_rowid() AS id'))[0]!.id);
}

/** The last ones, oldest first. */
export async function selectNights(db: Database, limit: number): Promise<NightRow[]> {
  const rows = await db.all('SELECT * FROM nights ORDER BY id DESC LIMIT ?', [limit]);
  return rows.reverse().map((row) => ({
    id: Number(row.id),
    startedAt: String(row.started_at),
    finishedAt: String(row.finished_at),
    campaign: row.campaign_id === null ? null : Number(row.campaign_id),
    report: JSON.parse(String(row.report)),
  }));
}
