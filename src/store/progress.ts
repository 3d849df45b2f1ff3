/** How a campaign came along: its counts from time to time. Everything here runs within a transaction of the caller. */
import type { Database } from './driver.ts';
import { RowReader } from './row.ts';

/** A campaign at one time; all counts are totals so far. */
export interface ProgressPoint {
  readonly seconds: number;
  readonly cases: number;
  readonly accesses: number;
  /** Features and pairs of features covered. */
  readonly features: number;
  readonly pairs: number;
  /** Divergences that have occurred in it. */
  readonly divergences: number;
}

/** Seconds between two points, at least, and as a share of the time so far: a night leaves about 2,000 points. */
const MIN_SECONDS = 1;
const SHARE = 1 / 300;

/** Keeps a point if the last one is long enough ago, or if it is the last of all. */
export async function addProgress(
  db: Database,
  campaign: number,
  { seconds, cases, accesses, features, pairs }: Omit<ProgressPoint, 'divergences'>,
  last = false,
): Promise<void> {
  const [row] = await db.all('SELECT max(seconds) AS seconds FROM progress WHERE campaign_id = ?', [campaign]);
  const since = row?.seconds == null ? Number.POSITIVE_INFINITY : seconds - Number(row.seconds);
  if (!last && since < Math.max(MIN_SECONDS, seconds * SHARE)) return;
  await db.run(
    `INSERT OR REPLACE INTO progress (campaign_id, cases, accesses, seconds, features, pairs, divergences)
     VALUES (?, ?, ?, ?, ?, ?, (SELECT count(DISTINCT divergence_id) FROM occurrences WHERE campaign_id = ?))`,
    [campaign, cases, accesses, seconds, features, pairs, campaign],
  );
}

/** In order of time. */
export async function selectProgress(db: Database, campaign: number): Promise<ProgressPoint[]> {
  const rows = await db.all('SELECT * FROM progress WHERE campaign_id = ? ORDER BY cases', [campaign]);
  return rows.map((row) => {
    const read = new RowReader(row, `progress of campaign ${campaign}`);
    return {
      seconds: read.number('seconds'),
      cases: read.count('cases'),
      accesses: read.count('accesses'),
      features: read.count('features'),
      pairs: read.count('pairs'),
      divergences: read.count('divergences'),
    };
  });
}
