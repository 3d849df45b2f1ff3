/** Campaigns, shards, divergences and coverage in one SQLite file: who may write, and what belongs together. */
import {
  type CampaignProgress,
  type CampaignRow,
  dropShardResults,
  insertCampaign,
  insertShard,
  interruptRunning,
  restartCampaign,
  type StoredCoverage,
  selectCampaigns,
  selectCoverage,
  selectShards,
  setState,
  updateProgress,
  upsertCoverage,
} from './campaigns.ts';
import {
  type DivergenceFilter,
  type FoundRecord,
  recordDivergence,
  type StoredDivergence,
  selectDivergence,
  selectDivergences,
} from './divergences.ts';
import { type Database, type Driver, loadDriver } from './driver.ts';
import { openDatabase } from './open-database.ts';
import { BUSY_TIMEOUT_MS } from './schema.ts';
import { storeError } from './store-error.ts';
import { acquireWriter, HEARTBEAT_MS, keepWriter, notWriter, releaseWriter } from './writer-lock.ts';

export type { CampaignRow, StoredDivergence };

export interface ShardRecord {
  readonly campaign: number;
  readonly shard: number;
  readonly digest: string;
  /** What resuming needs, JSON. */
  readonly result: unknown;
  readonly divergences: readonly FoundRecord[];
  readonly totals: CampaignProgress;
  /** Of the campaign so far; left out, what is stored stays. */
  readonly coverage?: StoredCoverage;
}

/** Shards between two checkpoints of the write-ahead log: keeps it to some megabytes. */
const CHECKPOINT_SHARDS = 256;
/** A checkpoint waits for readers no longer than this: with a longer reader, the next one does the work. */
const CHECKPOINT_WAIT_MS = 200;

/** A database of msrdiff. Any number of readers, at most one writer (`createCampaign`, `resumeCampaign`). */
export class Store {
  readonly path: string;
  private readonly db: Database;
  private sinceCheckpoint = 0;
  /** Set while this store holds the writer's lock. */
  private heartbeat: NodeJS.Timeout | undefined;
  private closed = false;
  /** Calls are serialized: a transaction is several statements, and the driver is asynchronous. */
  private queue: Promise<unknown> = Promise.resolve();

  private constructor(path: string, db: Database) {
    this.path = path;
    this.db = db;
  }

  /** Opens, and creates where needed. `driver`: its name, or one of the caller's own. Throws StoreError. */
  static async open(
    path: string,
    { readOnly = false, driver }: { readOnly?: boolean; driver?: string | Driver } = {},
  ): Promise<Store> {
    const library = typeof driver === 'object' ? driver : await loadDriver(driver);
    return new Store(path, await openDatabase(library, path, readOnly));
  }

  /** Takes the writer's lock and records the campaign; its number. */
  async createCampaign(seed: string, profile: string, engines: readonly string[], config: unknown): Promise<number> {
    return this.asWriter(() => insertCampaign(this.db, seed, profile, engines, config));
  }

  /** Takes the writer's lock for an earlier campaign: the newest unfinished one, or the one asked for. */
  async resumeCampaign(id?: number): Promise<CampaignRow> {
    return this.asWriter(() => restartCampaign(this.db, this.path, id));
  }

  async campaigns(): Promise<CampaignRow[]> {
    return this.serialized(() => selectCampaigns(this.db));
  }

  /** Results of a campaign's shards, in order. */
  async shards(campaign: number): Promise<unknown[]> {
    return this.serialized(() => selectShards(this.db, campaign));
  }

  /**
   * Stores a shard's result with its divergences and the campaign's totals, all or nothing. A shard that is there
   * already changes nothing. Returns the divergences that the database had not seen before.
   */
  async recordShard(record: ShardRecord, engines: readonly unknown[]): Promise<string[]> {
    const { campaign, shard, digest, result, divergences, totals, coverage } = record;
    const fresh = await this.transaction(async () => {
      const { db } = this;
      await this.keepLock();
      if (!(await insertShard(db, campaign, shard, digest, result))) return [];
      const ids: string[] = [];
      for (const found of divergences) {
        if (await recordDivergence(db, found, campaign, shard, engines)) ids.push(found.id);
      }
      await updateProgress(db, campaign, totals);
      if (coverage) await upsertCoverage(db, campaign, coverage);
      return ids;
    });
    if (++this.sinceCheckpoint >= CHECKPOINT_SHARDS) await this.checkpoint();
    return fresh;
  }

  /** Ends this run of the campaign, and gives the writer's lock back. */
  async finishCampaign(id: number, state: 'finished' | 'interrupted', coverage: StoredCoverage): Promise<void> {
    await this.transaction(async () => {
      await this.keepLock();
      await setState(this.db, id, state);
      await upsertCoverage(this.db, id, coverage);
      if (state === 'finished') await dropShardResults(this.db, id);
      await releaseWriter(this.db);
    });
    this.stopHeartbeat();
    await this.checkpoint();
  }

  /** Null for a campaign that has not stored any yet. */
  async coverage(campaign: number): Promise<StoredCoverage | null> {
    return this.serialized(() => selectCoverage(this.db, campaign));
  }

  async divergences(filter: DivergenceFilter = {}): Promise<StoredDivergence[]> {
    return this.serialized(() => selectDivergences(this.db, filter));
  }

  /** By identity, or by a prefix of it that is unique. */
  async divergence(prefix: string): Promise<StoredDivergence> {
    return this.serialized(() => selectDivergence(this.db, this.path, prefix));
  }

  /** Writes the log back into the database file, so that the file alone is complete; as far as readers let it. */
  async checkpoint(): Promise<void> {
    this.sinceCheckpoint = 0;
    await this.serialized(async () => {
      await this.db.exec(`PRAGMA busy_timeout = ${CHECKPOINT_WAIT_MS}`);
      await this.db.all('PRAGMA wal_checkpoint(TRUNCATE)');
      await this.db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    });
  }

  /** A campaign that was not finished is interrupted. Closing twice does nothing. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    if (this.heartbeat) {
      this.stopHeartbeat();
      const release = this.transaction(async () => {
        await keepWriter(this.db, this.path);
        await interruptRunning(this.db);
        await releaseWriter(this.db);
      });
      // On a full disk, or without the lock: the end of this process says the same.
      await release.catch(() => {});
    }
    // The last connection to a file checkpoints it as well.
    await this.serialized(() => this.db.close());
  }

  private async asWriter<T>(work: () => Promise<T>): Promise<T> {
    const result = await this.transaction(async () => {
      if (!this.heartbeat) {
        await acquireWriter(this.db, this.path);
        await interruptRunning(this.db);
      }
      return work();
    });
    // A shard can take longer than a writer may be silent. Losing the lock is told by the next write.
    this.heartbeat ??= setInterval(() => {
      this.transaction(() => keepWriter(this.db, this.path)).catch(() => {});
    }, HEARTBEAT_MS).unref();
    return result;
  }

  /** The row alone does not tell this store from another one of the same process. */
  private async keepLock(): Promise<void> {
    if (!this.heartbeat) throw notWriter(this.path);
    await keepWriter(this.db, this.path);
  }

  private stopHeartbeat(): void {
    clearInterval(this.heartbeat);
    this.heartbeat = undefined;
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
