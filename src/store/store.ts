/** What msrdiff keeps: campaigns, shards, divergences, their occurrences, coverage. One transaction per shard. */
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Database, loadDriver, type Row } from './driver.ts';
import { prepareSchema } from './schema.ts';
import { StoreError, storeError } from './store-error.ts';
import { acquireWriter, keepWriter, releaseWriter } from './writer-lock.ts';

export interface CampaignRow {
  readonly id: number;
  readonly seed: string;
  readonly profile: string;
  readonly engines: readonly string[];
  /** Everything that a resumed run needs; written once. */
  readonly config: unknown;
  readonly state: 'running' | 'finished' | 'interrupted';
  readonly createdAt: string;
  readonly cases: number;
  readonly accesses: number;
  readonly seconds: number;
  readonly digest: string;
}

/** A divergence as it is stored; `id` is its identity. */
export interface DivergenceRecord {
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
}

export interface StoredDivergence extends DivergenceRecord {
  /** Specs of the engines that were compared, to replay with. */
  readonly engines: readonly unknown[];
  /** Cases that showed it, in all campaigns. */
  readonly cases: number;
  readonly firstSeen: string;
  readonly lastSeen: string;
  readonly firstCampaign: number;
  readonly seed: string;
}

export interface ShardRecord {
  readonly campaign: number;
  readonly shard: number;
  readonly digest: string;
  /** What resuming needs, JSON. */
  readonly result: unknown;
  readonly divergences: readonly (DivergenceRecord & { readonly firstCase: number; readonly cases: number })[];
  readonly totals: {
    readonly cases: number;
    readonly accesses: number;
    readonly seconds: number;
    readonly digest: string;
    readonly known: Readonly<Record<string, number>>;
  };
}

/** Shards between two checkpoints of the write-ahead log: keeps it to some megabytes even beside a long reader. */
const CHECKPOINT_SHARDS = 256;

export class Store {
  readonly path: string;
  private readonly db: Database;
  private sinceCheckpoint = 0;
  /** Calls are serialized: a transaction is several statements, and the driver is asynchronous. */
  private queue: Promise<unknown> = Promise.resolve();

  private constructor(path: string, db: Database) {
    this.path = path;
    this.db = db;
  }

  /** Opens, and creates where needed. Throws StoreError. */
  static async open(
    path: string,
    { readOnly = false, driver }: { readOnly?: boolean; driver?: string } = {},
  ): Promise<Store> {
    const absolute = resolve(path);
    try {
      if (readOnly && !existsSync(absolute))
        throw new StoreError(`database ${path} does not exist: name it with --database`);
      if (!readOnly) mkdirSync(dirname(absolute), { recursive: true });
      const library = await loadDriver(driver);
      let db = await library.open(absolute, { readOnly });
      try {
        await prepareSchema(db, path, readOnly);
      } catch (error) {
        await db.close();
        // A WAL database alone in a read-only folder cannot make its -shm file; nobody writes to it there either.
        if (!readOnly || error instanceof StoreError || existsSync(`${absolute}-wal`)) throw error;
        db = await library.open(`${pathToFileURL(absolute).href}?immutable=1`, { readOnly });
        await prepareSchema(db, path, readOnly);
      }
      return new Store(path, db);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EACCES' || code === 'EROFS' || code === 'ENOTDIR' || code === 'EEXIST') {
        throw new StoreError(
          `database ${path} cannot be created (${code}): name a place that is writable with --database`,
        );
      }
      throw storeError(path, error);
    }
  }

  /** Takes the writer's lock and records the campaign; its number. */
  async createCampaign(seed: string, profile: string, engines: readonly string[], config: unknown): Promise<number> {
    const now = new Date().toISOString();
    return this.transaction(async () => {
      await acquireWriter(this.db, this.path);
      await this.db.run(
        `INSERT INTO campaigns (seed, profile, engines, config, state, created_at, updated_at) VALUES (?, ?, ?, ?, 'running', ?, ?)`,
        [seed, profile, JSON.stringify(engines), JSON.stringify(config), now, now],
      );
      return (await this.db.all('SELECT max(id) AS id FROM campaigns'))[0]!.id as number;
    });
  }

  /** Takes the writer's lock for an earlier campaign: the newest unfinished one, or the one asked for. */
  async resumeCampaign(id?: number): Promise<CampaignRow> {
    return this.transaction(async () => {
      await acquireWriter(this.db, this.path);
      const where = id === undefined ? `state <> 'finished'` : 'id = ?';
      const params = id === undefined ? [] : [id];
      const [row] = await this.db.all(`SELECT * FROM campaigns WHERE ${where} ORDER BY id DESC LIMIT 1`, params);
      if (!row) {
        await releaseWriter(this.db);
        throw new StoreError(`database ${this.path} holds no campaign to resume: start one without --resume`);
      }
      await this.db.run(`UPDATE campaigns SET state = 'running' WHERE id = ?`, [row.id!]);
      return campaignOf(row);
    });
  }

  async campaigns(): Promise<CampaignRow[]> {
    return this.serialized(async () => (await this.db.all('SELECT * FROM campaigns ORDER BY id')).map(campaignOf));
  }

  /** Results of a campaign's shards, in order. */
  async shards(campaign: number): Promise<unknown[]> {
    return this.serialized(async () => {
      const rows = await this.db.all('SELECT result FROM shards WHERE campaign_id = ? ORDER BY shard', [campaign]);
      return rows.map(({ result }) => JSON.parse(String(result)));
    });
  }

  /**
   * Stores a shard's result with its divergences and the campaign's totals, all or nothing. A shard that is there
   * already changes nothing. Returns the divergences that the database had not seen before.
   */
  async recordShard(record: ShardRecord, engines: readonly unknown[]): Promise<string[]> {
    const fresh: string[] = [];
    await this.transaction(async () => {
      const { campaign, shard, totals } = record;
      const added = await this.db.run('INSERT OR IGNORE INTO shards VALUES (?, ?, ?, ?)', [
        campaign,
        shard,
        record.digest,
        JSON.stringify(record.result),
      ]);
      if (added === 0) return;
      const now = new Date().toISOString();
      for (const divergence of record.divergences) {
        if (await this.recordDivergence(divergence, record, engines, now)) fresh.push(divergence.id);
      }
      await this.db.run(
        'UPDATE campaigns SET cases = ?, accesses = ?, seconds = ?, digest = ?, known = ?, updated_at = ? WHERE id = ?',
        [totals.cases, totals.accesses, totals.seconds, totals.digest, JSON.stringify(totals.known), now, campaign],
      );
      await keepWriter(this.db);
    });
    if (++this.sinceCheckpoint >= CHECKPOINT_SHARDS) await this.checkpoint();
    return fresh;
  }

  async finishCampaign(id: number, state: 'finished' | 'interrupted', coverage: Coverage): Promise<void> {
    await this.transaction(async () => {
      await this.db.run('UPDATE campaigns SET state = ?, updated_at = ? WHERE id = ?', [
        state,
        new Date().toISOString(),
        id,
      ]);
      const { features, featuresSeen, pairsSeen } = coverage;
      await this.db.run('INSERT OR REPLACE INTO coverage VALUES (?, ?, ?, ?)', [
        id,
        JSON.stringify(features),
        featuresSeen,
        pairsSeen,
      ]);
      await releaseWriter(this.db);
    });
    await this.checkpoint();
  }

  async divergences(): Promise<StoredDivergence[]> {
    return this.serialized(async () => (await this.db.all(`${DIVERGENCES} ORDER BY first_seen, id`)).map(divergenceOf));
  }

  /** By identity, or by a prefix of it that is unique. */
  async divergence(prefix: string): Promise<StoredDivergence> {
    if (!/^[0-9a-f]{1,16}$/.test(prefix)) {
      throw new StoreError(`"${prefix}" is no divergence id: give up to 16 hex digits, as "msrdiff list" shows them`);
    }
    const rows = await this.serialized(() =>
      this.db.all(`${DIVERGENCES} WHERE d.id >= ? AND d.id < ? ORDER BY d.id`, [prefix, `${prefix}g`]),
    );
    if (rows.length === 0)
      throw new StoreError(`database ${this.path} has no divergence ${prefix}: see "msrdiff list"`);
    if (rows.length > 1) {
      throw new StoreError(
        `divergence ${prefix} is ambiguous (${rows.map(({ id }) => id).join(', ')}): give more digits`,
      );
    }
    return divergenceOf(rows[0]!);
  }

  /** Writes the log back into the database file, so that the file alone is complete. */
  async checkpoint(): Promise<void> {
    this.sinceCheckpoint = 0;
    await this.serialized(() => this.db.all('PRAGMA wal_checkpoint(TRUNCATE)'));
  }

  async close(): Promise<void> {
    await this.serialized(() => this.db.close());
  }

  private async recordDivergence(
    found: ShardRecord['divergences'][number],
    { campaign, shard }: ShardRecord,
    engines: readonly unknown[],
    now: string,
  ): Promise<boolean> {
    const { id, kind, subject, profile, scenario, vector, expected, got, message, size, evaluations, reliability } =
      found;
    const added = await this.db.run(
      'INSERT OR IGNORE INTO divergences VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?)',
      [
        ...[id, kind, subject, profile, scenario, JSON.stringify(vector), expected, got, message],
        ...[JSON.stringify(engines), size, evaluations, reliability, now, now, campaign],
      ],
    );
    await this.db.run('INSERT OR IGNORE INTO occurrences VALUES (?, ?, ?, ?, ?)', [
      id,
      campaign,
      shard,
      found.firstCase,
      found.cases,
    ]);
    // A result that did not reproduce once is less reliable than it looked.
    await this.db.run(
      'UPDATE divergences SET cases = cases + ?, last_seen = ?, reliability = min(reliability, ?) WHERE id = ?',
      [found.cases, now, reliability, id],
    );
    return added > 0;
  }

  private async transaction<T>(work: () => Promise<T>): Promise<T> {
    return this.serialized(async () => {
      await this.db.exec('BEGIN IMMEDIATE');
      try {
        const result = await work();
        await this.db.exec('COMMIT');
        return result;
      } catch (error) {
        // SQLITE_FULL and the like may have rolled back already.
        await this.db.exec('ROLLBACK').catch(() => {});
        throw error;
      }
    });
  }

  private serialized<T>(work: () => Promise<T>): Promise<T> {
    const result = this.queue.then(work).catch((error: unknown) => {
      throw storeError(this.path, error);
    });
    this.queue = result.catch(() => {});
    return result;
  }
}

export interface Coverage {
  /** Times seen, by feature name. */
  readonly features: Readonly<Record<string, number>>;
  readonly featuresSeen: number;
  readonly pairsSeen: number;
}

const DIVERGENCES = 'SELECT d.*, c.seed FROM divergences d JOIN campaigns c ON c.id = d.first_campaign';

function campaignOf(row: Row): CampaignRow {
  return {
    id: Number(row.id),
    seed: String(row.seed),
    profile: String(row.profile),
    engines: JSON.parse(String(row.engines)),
    config: JSON.parse(String(row.config)),
    state: row.state as CampaignRow['state'],
    createdAt: String(row.created_at),
    cases: Number(row.cases),
    accesses: Number(row.accesses),
    seconds: Number(row.seconds),
    digest: String(row.digest),
  };
}

function divergenceOf(row: Row): StoredDivergence {
  return {
    id: String(row.id),
    kind: String(row.kind),
    subject: String(row.subject),
    profile: String(row.profile),
    scenario: String(row.scenario),
    vector: JSON.parse(String(row.vector)),
    expected: Number(row.expected),
    got: Number(row.got),
    message: String(row.message),
    engines: JSON.parse(String(row.engines)),
    size: Number(row.size),
    evaluations: Number(row.evaluations),
    reliability: Number(row.reliability),
    cases: Number(row.cases),
    firstSeen: String(row.first_seen),
    lastSeen: String(row.last_seen),
    firstCampaign: Number(row.first_campaign),
    seed: String(row.seed),
  };
}
