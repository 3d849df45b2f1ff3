/** What is wrong in the rows of a database that SQLite finds whole, set right. */
import { interruptRunning } from '../../store/campaigns.ts';
import type { Database } from '../../store/driver.ts';
import { acquireWriter, findWriter, releaseWriter } from '../../store/writer-lock.ts';
import { type CampaignState, examineCampaigns } from '../database/campaigns.ts';
import { wrongCounts } from '../database/divergences.ts';
import { brokenReferences } from '../database/structure.ts';
import { counted, few } from '../finding.ts';

/** Stands for the seed of a campaign whose row is lost, and that divergences name. */
const LOST_SEED = 'lost';

/** All or nothing. What it did, one line each; throws StoreError while a writer lives. */
export async function mend(db: Database, path: string): Promise<string[]> {
  await db.exec('PRAGMA foreign_keys = OFF; BEGIN IMMEDIATE');
  try {
    const lines = await mendRows(db, path);
    await db.exec('COMMIT');
    return lines;
  } catch (error) {
    await db.exec('ROLLBACK').catch(() => {});
    throw error;
  }
}

async function mendRows(db: Database, path: string): Promise<string[]> {
  const lines: string[] = [];
  const writer = await findWriter(db);
  await acquireWriter(db, path);
  if (writer) lines.push(`removed the lock of ${writer.name}, which is gone`);
  if ((await brokenReferences(db)).length > 0) lines.push(...(await mendReferences(db)));
  for (const state of await examineCampaigns(db)) {
    if (state.faults.length > 0) lines.push(await mendCampaign(db, state));
  }
  const counts = await wrongCounts(db);
  if (counts.length > 0) {
    await db.run(
      `UPDATE divergences SET cases = coalesce((SELECT sum(cases) FROM occurrences WHERE divergence_id = divergences.id), 0)`,
    );
    lines.push(`counted the cases of ${counted(counts.length, 'divergence')} anew: ${few(counts)}`);
  }
  const running = await db.all(`SELECT id FROM campaigns WHERE state = 'running' ORDER BY id`);
  if (running.length > 0) {
    await interruptRunning(db);
    lines.push(`marked as interrupted: campaign ${running.map(({ id }) => id).join(', ')}`);
  }
  await releaseWriter(db);
  return lines;
}

/** A divergence is kept though the campaign that found it is lost; what only a campaign would need is not. */
async function mendReferences(db: Database): Promise<string[]> {
  const lines: string[] = [];
  const orphan = 'divergence_id NOT IN (SELECT id FROM divergences)';
  for (const table of ['occurrences', 'history']) {
    const dropped = await db.run(`DELETE FROM ${table} WHERE ${orphan}`);
    if (dropped > 0) lines.push(`dropped ${dropped} rows of ${table} whose divergence is lost`);
  }
  const homeless = 'campaign_id NOT IN (SELECT id FROM campaigns)';
  for (const table of ['shards', 'progress', 'coverage']) {
    const dropped = await db.run(`DELETE FROM ${table} WHERE ${homeless}`);
    if (dropped > 0) lines.push(`dropped ${dropped} rows of ${table} whose campaign is lost`);
  }
  await db.run(`UPDATE nights SET campaign_id = NULL WHERE ${homeless}`);
  const named = await db.run(
    `INSERT INTO campaigns (id, seed, profile, engines, config, state, created_at, started_at, updated_at)
     SELECT n.id, '${LOST_SEED}', coalesce(max(d.profile), ''), '[]', '{}', 'finished',
       coalesce(min(d.first_seen), ''), coalesce(min(d.first_seen), ''), coalesce(max(d.last_seen), '')
     FROM (SELECT first_campaign AS id FROM divergences UNION SELECT campaign_id FROM occurrences) n
     LEFT JOIN divergences d ON d.first_campaign = n.id
     WHERE typeof(n.id) = 'integer' AND n.id NOT IN (SELECT id FROM campaigns) GROUP BY n.id`,
  );
  if (named > 0) lines.push(`entered ${counted(named, 'campaign')} anew that is lost and has found divergences`);
  return lines;
}

async function mendCampaign(db: Database, { id, finished, run }: CampaignState): Promise<string> {
  if (finished || !run) {
    const dropped = await db.run('DELETE FROM shards WHERE campaign_id = ?', [id]);
    return `dropped ${counted(dropped, 'shard')} of the finished campaign ${id}: its digest cannot be checked any more`;
  }
  const { shards, cases, accesses, digest, known } = run.totals;
  const dropped = await db.run('DELETE FROM shards WHERE campaign_id = ? AND shard >= ?', [id, shards]);
  await db.run('DELETE FROM occurrences WHERE campaign_id = ? AND shard >= ?', [id, shards]);
  await db.run('DELETE FROM progress WHERE campaign_id = ? AND cases > ?', [id, cases]);
  await db.run(
    `UPDATE campaigns SET cases = ?, accesses = ?, digest = ?, known = ?, state = 'interrupted' WHERE id = ?`,
    [cases, accesses, digest, JSON.stringify(known), id],
  );
  if (dropped === 0) return `counted campaign ${id} anew: ${cases} cases, digest ${digest}`;
  return (
    `went back to the last good shard of campaign ${id}, ${shards} in all, and dropped ${dropped} after it: ` +
    `"msrdiff fuzz --resume ${id}" runs them again`
  );
}
