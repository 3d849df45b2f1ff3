/** Campaigns, shards, divergences and coverage in one SQLite file: who may write, and what belongs together. */
import {
  type CampaignProgress,
  type CampaignRow,
  type CampaignSummaryRow,
  dropShardResults,
  insertCampaign,
  insertShard,
  interruptRunning,
  restartCampaign,
  type StoredCoverage,
  selectCampaigns,
  selectCoverage,
  selectShards,
  selectSummaries,
  setState,
  updateProgress,
  upsertCoverage,
} from './campaigns.ts';
import { type FoundRecord, recordDivergence, type StoredDivergence, selectDivergence } from './divergences.ts';
import { type Database, type Driver, loadDriver } from './driver.ts';
import { beginNight, insertNight, type NightRow, selectNights } from './nights.ts';
import { openDatabase } from './open-database.ts';
import { addProgress, type ProgressPoint, selectProgress } from './progress.ts';
import { dropOlder, endedTimes, type Pruned, usedBytes } from './prune.ts';
import { BUSY_TIMEOUT_MS } from './schema.ts';
import {
  countDisagreements,
  countDivergences,
  countStatuses,
  type Disagreements,
  type DivergenceQuery,
  type Facets,
  type Occurrence,
  type StatusCounts,
  selectDivergences,
  selectFacets,
  selectOccurrences,
} from './search.ts';
import { storeError } from './store-error.ts';
import { type SurvivalPoint, selectExposures, survivalCurve } from './survival.ts';
import { changeStatus, type HistoryEntry, reopen, type StatusChange, selectHistory } from './triage.ts';
import { acquireWriter, HEARTBEAT_MS, keepWriter, notWriter, releaseWriter } from './writer-lock.ts';

export type { CampaignRow, StoredDivergence };

export interface ShardRow {
  readonly shard: number;
  readonly digest: string;
  /** What resuming needs, JSON. */
  readonly result: unknown;
  readonly divergences: readonly FoundRecord[];
}

/** A campaign so far, its latest shards included. */
export interface CampaignState {
  readonly campaign: number;
  readonly totals: CampaignProgress;
  /** Left out, what is stored stays. */
  readonly coverage?: StoredCoverage;
  /** Features and pairs covered, for the campaign's points of progress. */
  readonly covered?: { readonly features: number; readonly pairs: number };
}

export interface ShardRecord extends ShardRow, CampaignState {}

/** Ids of divergences that a shard brought. */
export interface Recorded {
  /** Not seen before. */
  readonly added: readonly string[];
  /** Fixed before, and new again. */
  readonly reopened: readonly string[];
}

/** Shards between two checkpoints of the write-ahead log: keeps it to some megabytes. */
const CHECKPOINT_SHARDS = 256;
/** A checkpoint waits for readers no longer than this: with a longer reader, the next one does the work. */
const CHECKPOINT_WAIT_MS = 200;
/** How long a store that is closed waits to give its lock back: the end of the process says the same. */
const CLOSE_WAIT_MS = 500;

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
   * already changes nothing.
   */
  async recordShard(record: ShardRecord, engines: readonly unknown[]): Promise<Recorded> {
    return (await this.recordShards([record], record, engines))[0]!;
  }

  /** The same for several shards in order, all or none of them: a transaction costs more than a row. */
  async recordShards(
    shards: readonly ShardRow[],
    { campaign, totals, coverage, covered }: CampaignState,
    engines: readonly unknown[],
  ): Promise<Recorded[]> {
    const recorded = await this.transaction(async () => {
      const { db } = this;
      await this.keepLock();
      const all: Recorded[] = [];
      let inserted = false;
      for (const { shard, digest, result, divergences } of shards) {
        const ids = { added: [] as string[], reopened: [] as string[] };
        all.push(ids);
        if (!(await insertShard(db, campaign, shard, digest, result))) continue;
        inserted = true;
        for (const found of divergences) {
          const news = await recordDivergence(db, found, campaign, shard, engines);
          if (news !== 'known') ids[news].push(found.id);
        }
      }
      if (!inserted) return all;
      await updateProgress(db, campaign, totals);
      if (coverage) await upsertCoverage(db, campaign, coverage);
      if (covered) await addProgress(db, campaign, { ...totals, ...covered });
      return all;
    });
    this.sinceCheckpoint += shards.length;
    if (this.sinceCheckpoint >= CHECKPOINT_SHARDS) await this.checkpoint();
    return recorded;
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

  async divergences(query: DivergenceQuery = {}): Promise<StoredDivergence[]> {
    return this.serialized(() => selectDivergences(this.db, query));
  }

  /** One page of them, and how many match in all. */
  async divergencePage(query: DivergenceQuery): Promise<{ total: number; rows: StoredDivergence[] }> {
    return this.serialized(async () => ({
      total: await countDivergences(this.db, query),
      rows: await selectDivergences(this.db, query),
    }));
  }

  /** By identity, or by a prefix of it that is unique. */
  async divergence(prefix: string): Promise<StoredDivergence> {
    return this.serialized(() => selectDivergence(this.db, this.path, prefix));
  }

  /** Sets the status, adds a note, or both; needs no writer's lock. `prefix` as for `divergence`. */
  async setStatus(prefix: string, change: StatusChange): Promise<StoredDivergence> {
    return this.transaction(async () => {
      const { id } = await selectDivergence(this.db, this.path, prefix);
      await changeStatus(this.db, id, change);
      return selectDivergence(this.db, this.path, id);
    });
  }

  /** A fixed divergence diverges again, as something else than a campaign found; false if it is not fixed. */
  async reopen(id: string, note: string): Promise<boolean> {
    return this.transaction(async () => {
      if ((await selectDivergence(this.db, this.path, id)).status !== 'fixed') return false;
      await reopen(this.db, id, note);
      return true;
    });
  }

  async history(id: string): Promise<HistoryEntry[]> {
    return this.serialized(() => selectHistory(this.db, id));
  }

  async occurrences(id: string): Promise<Occurrence[]> {
    return this.serialized(() => selectOccurrences(this.db, id));
  }

  async survival(id: string): Promise<SurvivalPoint[]> {
    return survivalCurve(await this.serialized(() => selectExposures(this.db, id)));
  }

  async statusCounts(): Promise<StatusCounts> {
    return this.serialized(() => countStatuses(this.db));
  }

  async facets(): Promise<Facets> {
    return this.serialized(() => selectFacets(this.db));
  }

  async disagreements(): Promise<Disagreements> {
    return this.serialized(() => countDisagreements(this.db));
  }

  /** The newest campaigns first. */
  async campaignSummaries(limit: number): Promise<CampaignSummaryRow[]> {
    return this.serialized(() => selectSummaries(this.db, limit));
  }

  async progress(campaign: number): Promise<ProgressPoint[]> {
    return this.serialized(() => selectProgress(this.db, campaign));
  }

  /** A number that changes whenever another connection has changed the database. */
  async dataVersion(): Promise<number> {
    return this.serialized(async () => Number((await this.db.all('PRAGMA data_version'))[0]!.data_version));
  }

  /** See `beginNight` of nights.ts. */
  async beginNight(startedAt: string, mark: unknown): Promise<unknown> {
    return this.transaction(() => beginNight(this.db, startedAt, mark));
  }

  async recordNight(night: Omit<NightRow, 'id'>): Promise<number> {
    return this.transaction(() => insertNight(this.db, night));
  }

  /** The last ones, oldest first. */
  async nights(limit: number): Promise<NightRow[]> {
    return this.serialized(() => selectNights(this.db, limit));
  }

  /**
   * Drops what is older than `before` (ISO 8601), and then, as long as the database has more than `maxBytes`, what is
   * older than the next ended campaign, but for the newest one; see `dropOlder` for what that is. Not while a campaign is
   * running.
   */
  async prune({ before, maxBytes }: { before: string; maxBytes: number }): Promise<Pruned & { bytes: number }> {
    const pruned = await this.transaction(async () => {
      await acquireWriter(this.db, this.path);
      await interruptRunning(this.db);
      let dropped = await dropOlder(this.db, before);
      // Not the newest: what it has shown and was let be would be new again tomorrow.
      for (const time of (await endedTimes(this.db)).slice(0, -1)) {
        if ((await usedBytes(this.db)) <= maxBytes) break;
        // Times are compared as text: this is the next one after it.
        const more = await dropOlder(this.db, `${time}~`);
        dropped = {
          campaigns: dropped.campaigns + more.campaigns,
          divergences: dropped.divergences + more.divergences,
          nights: dropped.nights + more.nights,
        };
      }
      await releaseWriter(this.db);
      return dropped;
    });
    await this.serialized(() => this.db.exec('VACUUM'));
    await this.checkpoint();
    return { ...pruned, bytes: await this.serialized(() => usedBytes(this.db)) };
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
      // If a lock of others is why the campaign ends, it has been waited for already.
      await this.serialized(() => this.db.exec(`PRAGMA busy_timeout = ${CLOSE_WAIT_MS}`));
      const release = this.transaction(async () => {
        await keepWriter(this.db, this.path);
        await interruptRunning(this.db);
        await releaseWriter(this.db);
      });
      // On a full disk, or without the lock.
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
