/** Keeping a database small. Everything here runs within a transaction of the caller, which holds the writer's lock. */
import type { Database } from './driver.ts';

/** What was dropped. */
export interface Pruned {
  /** Campaigns whose details (shards, points of progress, coverage by feature, occurrences by shard) are gone. */
  readonly campaigns: number;
  /** Divergences that were fixed, or let be, and have not been seen since. */
  readonly divergences: number;
  readonly nights: number;
}

const OLD = `state <> 'running' AND updated_at < ?`;
/** Of campaigns c. */
const DETAILED = 'EXISTS (SELECT 1 FROM shards s WHERE s.campaign_id = c.id)';
const SETTLED = `status IN ('fixed', 'wont-fix') AND last_seen < ?`;

/**
 * Drops what is older than that time: of campaigns, what is more than their row and what they showed; divergences that
 * are fixed or let be and were not seen since; nights. A divergence that is new, triaged or known stays: dropped, it
 * would be new again when it shows next.
 */
export async function dropOlder(db: Database, before: string): Promise<Pruned> {
  const [row] = await db.all(`SELECT count(*) AS n FROM campaigns c WHERE ${OLD} AND ${DETAILED}`, [before]);
  const old = `campaign_id IN (SELECT id FROM campaigns WHERE ${OLD})`;
  for (const table of ['shards', 'progress']) await db.run(`DELETE FROM ${table} WHERE ${old}`, [before]);
  await db.run(`UPDATE coverage SET features = '{}' WHERE ${old}`, [before]);
  await mergeOccurrences(db, old, before);
  const settled = `(SELECT id FROM divergences WHERE ${SETTLED})`;
  await db.run(`DELETE FROM history WHERE divergence_id IN ${settled}`, [before]);
  await db.run(`DELETE FROM occurrences WHERE divergence_id IN ${settled}`, [before]);
  const divergences = await db.run(`DELETE FROM divergences WHERE ${SETTLED}`, [before]);
  const nights = await db.run(`DELETE FROM nights WHERE finished_at <> '' AND finished_at < ?`, [before]);
  return { campaigns: Number(row!.n), divergences, nights };
}

/** One row by divergence and campaign, instead of one by shard. */
async function mergeOccurrences(db: Database, old: string, before: string): Promise<void> {
  await db.run(
    `INSERT INTO occurrences (divergence_id, campaign_id, shard, first_case, cases)
     SELECT divergence_id, campaign_id, -1, min(first_case), sum(cases) FROM occurrences WHERE ${old}
     GROUP BY divergence_id, campaign_id
     ON CONFLICT DO UPDATE SET first_case = excluded.first_case, cases = excluded.cases`,
    [before],
  );
  await db.run(`DELETE FROM occurrences WHERE shard >= 0 AND ${old}`, [before]);
}

/** Bytes of the database that hold something: what its file has after VACUUM, nearly. */
export async function usedBytes(db: Database): Promise<number> {
  const pragma = async (name: string): Promise<number> => Number((await db.all(`PRAGMA ${name}`))[0]![name]);
  return ((await pragma('page_count')) - (await pragma('freelist_count'))) * (await pragma('page_size'));
}

/** When the campaigns that have ended, and still have details, were last heard of; oldest first. */
export async function endedTimes(db: Database): Promise<string[]> {
  const rows = await db.all(
    `SELECT updated_at FROM campaigns c WHERE state <> 'running' AND ${DETAILED} ORDER BY updated_at`,
  );
  return rows.map((row) => String(row.updated_at));
}
