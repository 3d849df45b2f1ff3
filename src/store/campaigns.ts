/** Campaigns, their shards and their coverage as rows. Everything here runs within a transaction of the caller. */
import { readString } from '../model/json-fields.ts';
import type { Database, Row } from './driver.ts';
import { RowReader, readNumber } from './row.ts';
import { StoreError } from './store-error.ts';

/** Stands for the seed of a campaign that holds what a proof found. */
export const PROOF_SEED = 'proof';

const STATES = ['running', 'finished', 'interrupted'] as const;

export interface CampaignRow {
  readonly id: number;
  /** u64 in decimal, or PROOF_SEED. */
  readonly seed: string;
  readonly profile: string;
  readonly engines: readonly string[];
  /** Everything that a resumed run needs; written once. */
  readonly config: unknown;
  readonly state: (typeof STATES)[number];
  readonly createdAt: string;
  /** When its last run was started, and when that was last heard of. */
  readonly startedAt: string;
  readonly updatedAt: string;
  readonly cases: number;
  readonly accesses: number;
  readonly seconds: number;
  readonly digest: string;
  /** Observations by ledger entry. */
  readonly known: Readonly<Record<string, number>>;
}

/** A campaign's counts up to and including a shard. */
export interface CampaignProgress {
  readonly cases: number;
  readonly accesses: number;
  readonly seconds: number;
  readonly digest: string;
  readonly known: Readonly<Record<string, number>>;
}

export interface StoredCoverage {
  /** Times seen, by feature name. */
  readonly features: Readonly<Record<string, number>>;
  readonly featuresSeen: number;
  readonly pairsSeen: number;
}

export async function insertCampaign(
  db: Database,
  seed: string,
  profile: string,
  engines: readonly string[],
  config: unknown,
): Promise<number> {
  const now = new Date().toISOString();
  await db.run(
    `INSERT INTO campaigns (seed, profile, engines, config, state, created_at, started_at, updated_at)
     VALUES (?, ?, ?, ?, 'running', ?, ?, ?)`,
    [seed, profile, JSON.stringify(engines), JSON.stringify(config), now, now, now],
  );
  return Number((await db.all('SELECT last_insert_rowid() AS id'))[0]!.id);
}

/** For who has just taken the writer's lock: what was running then has died. */
export async function interruptRunning(db: Database): Promise<void> {
  await db.run(`UPDATE campaigns SET state = 'interrupted' WHERE state = 'running'`);
}

/** The newest campaign that is not finished, or the one asked for; it is running now. */
export async function restartCampaign(db: Database, path: string, id: number | undefined): Promise<CampaignRow> {
  const [row] =
    id === undefined
      ? await db.all(`SELECT * FROM campaigns WHERE state <> 'finished' ORDER BY id DESC LIMIT 1`)
      : await db.all('SELECT * FROM campaigns WHERE id = ?', [id]);
  if (!row) {
    throw new StoreError(
      id === undefined
        ? `database ${path} holds no campaign to resume: start one without --resume`
        : `database ${path} holds no campaign ${id}: see "msrdiff list --campaigns"`,
    );
  }
  if (row.state === 'finished') {
    throw new StoreError(`campaign ${row.id} of database ${path} is finished: start a new one without --resume`);
  }
  const [{ shards }] = (await db.all('SELECT count(*) AS shards FROM shards WHERE campaign_id = ?', [row.id!])) as [
    Row,
  ];
  if (shards === 0 && Number(row.cases) > 0) {
    throw new StoreError(
      `campaign ${row.id} of database ${path} has been pruned and cannot be resumed: start a new one without --resume`,
    );
  }
  await setState(db, Number(row.id), 'running');
  await db.run('UPDATE campaigns SET started_at = updated_at WHERE id = ?', [Number(row.id)]);
  return campaignOf({ ...row, state: 'running' });
}

/** Times of a campaign stay in order, whatever the clock does. */
export async function setState(db: Database, id: number, state: CampaignRow['state']): Promise<void> {
  await db.run('UPDATE campaigns SET state = ?, updated_at = max(updated_at, ?) WHERE id = ?', [
    state,
    new Date().toISOString(),
    id,
  ]);
}

/** What only a resumed run would need: nobody resumes a finished campaign, and a night's shards are hundreds of MB. */
export async function dropShardResults(db: Database, id: number): Promise<void> {
  await db.run(`UPDATE shards SET result = 'null' WHERE campaign_id = ?`, [id]);
}

export async function selectCampaigns(db: Database): Promise<CampaignRow[]> {
  return (await db.all('SELECT * FROM campaigns ORDER BY id')).map(campaignOf);
}

/** A campaign with what it has found and covered so far. */
export interface CampaignSummaryRow extends CampaignRow {
  /** Divergences that occurred in it, and those that no campaign had shown before. */
  readonly divergences: number;
  readonly firstSeen: number;
  readonly coverage: { readonly features: number; readonly pairs: number } | null;
}

/**
 * The newest first, at most so many. First divergences are counted in one pass: their table has no index by campaign,
 * and a year of nights would read all of it 365 times.
 */
export async function selectSummaries(db: Database, limit: number): Promise<CampaignSummaryRow[]> {
  const rows = await db.all(
    `SELECT c.*, v.features_seen, v.pairs_seen, p.features, p.pairs,
       (SELECT count(DISTINCT o.divergence_id) FROM occurrences o WHERE o.campaign_id = c.id) AS divergences,
       coalesce(f.n, 0) AS first_seen
     FROM campaigns c
     LEFT JOIN coverage v ON v.campaign_id = c.id
     LEFT JOIN progress p ON p.campaign_id = c.id
       AND p.cases = (SELECT max(cases) FROM progress WHERE campaign_id = c.id)
     LEFT JOIN (SELECT first_campaign, count(*) AS n FROM divergences GROUP BY first_campaign) f
       ON f.first_campaign = c.id
     ORDER BY c.id DESC LIMIT ?`,
    [limit],
  );
  return rows.map((row) => {
    // While it runs, its last point of progress; once it has ended, what it ended with.
    const [features, pairs] = row.features_seen == null ? ['features', 'pairs'] : ['features_seen', 'pairs_seen'];
    const read = new RowReader(row, `campaign ${row.id}`);
    return {
      ...campaignOf(row),
      divergences: read.count('divergences'),
      firstSeen: read.count('first_seen'),
      coverage: row[features!] == null ? null : { features: read.count(features!), pairs: read.count(pairs!) },
    };
  });
}

/** False if the shard is there already. */
export async function insertShard(
  db: Database,
  campaign: number,
  shard: number,
  digest: string,
  result: unknown,
): Promise<boolean> {
  // Not OR IGNORE, which would swallow a value that is missing as well.
  const added = await db.run(
    'INSERT INTO shards (campaign_id, shard, digest, result) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
    [campaign, shard, digest, JSON.stringify(result)],
  );
  return added > 0;
}

export async function updateProgress(
  db: Database,
  campaign: number,
  { cases, accesses, seconds, digest, known }: CampaignProgress,
): Promise<void> {
  await db.run(
    'UPDATE campaigns SET cases = ?, accesses = ?, seconds = ?, digest = ?, known = ?, updated_at = max(updated_at, ?) WHERE id = ?',
    [cases, accesses, seconds, digest, JSON.stringify(known), new Date().toISOString(), campaign],
  );
}

export async function selectShards(db: Database, campaign: number): Promise<unknown[]> {
  const rows = await db.all('SELECT result FROM shards WHERE campaign_id = ? ORDER BY shard', [campaign]);
  return rows.map((row) => new RowReader(row, `a shard of campaign ${campaign}`).json('result'));
}

export async function upsertCoverage(db: Database, campaign: number, coverage: StoredCoverage): Promise<void> {
  await db.run(
    `INSERT INTO coverage (campaign_id, features, features_seen, pairs_seen) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET
       features = excluded.features, features_seen = excluded.features_seen, pairs_seen = excluded.pairs_seen`,
    [campaign, JSON.stringify(coverage.features), coverage.featuresSeen, coverage.pairsSeen],
  );
}

export async function selectCoverage(db: Database, campaign: number): Promise<StoredCoverage | null> {
  const [row] = await db.all('SELECT * FROM coverage WHERE campaign_id = ?', [campaign]);
  if (!row) return null;
  const read = new RowReader(row, `coverage of campaign ${campaign}`);
  return {
    features: read.record('features', readNumber),
    featuresSeen: read.count('features_seen'),
    pairsSeen: read.count('pairs_seen'),
  };
}

/** Throws InputError that names the column. */
function campaignOf(row: Row): CampaignRow {
  const read = new RowReader(row, `campaign ${row.id}`);
  return {
    id: read.count('id'),
    seed: read.text('seed'),
    profile: read.text('profile'),
    engines: read.list('engines', readString),
    config: read.json('config'),
    state: read.word('state', STATES),
    createdAt: read.text('created_at'),
    startedAt: read.text('started_at'),
    updatedAt: read.text('updated_at'),
    cases: read.count('cases'),
    accesses: read.count('accesses'),
    seconds: read.number('seconds'),
    digest: read.text('digest'),
    known: read.record('known', readNumber),
  };
}
