/** One campaign that a worker works for: takes its shards from the queue, runs them in threads, sends the results. */
import { setTimeout as pause } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Job, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { EngineUnavailable } from '../engines/engine-unavailable.ts';
import { type LoadedEngines, WorkerPool } from '../fuzz/pool.ts';
import type { WorkerConfig } from '../fuzz/worker-protocol.ts';
import { commit, loadBullmq } from './connection.ts';
import { QUEUE_PREFIX, queueName, resultsKey } from './keys.ts';
import { encode, parseTask, type ResultMessage, type RunDescription } from './messages.ts';
import { readRun } from './runs.ts';
import { unless } from './within.ts';
import { kernelsDifference, localEngines, type WorkerMeans } from './worker-means.ts';

/** A worker that does not renew its lock for so long has lost the job, in milliseconds. */
export const LOCK_MS = 15_000;
/** How often jobs without a lock are looked for. */
export const STALLED_MS = 5_000;
/** How often a job may be lost with its worker before it counts as failed. */
export const MAX_STALLED = 32;
/** How long results that are not taken stay, in seconds. */
const RESULTS_SECONDS = 86_400;
/** How long the queue may be away when everything is done and the worker is to end, in milliseconds. */
const CLOSE_MS = 5_000;

export class RunService {
  readonly description: RunDescription;
  /** Why the campaign's kernels are not used here; empty if they are, or there are none. */
  without: string;
  shards = 0;
  private readonly redis: Redis;
  private readonly means: WorkerMeans;
  private readonly config: WorkerConfig;
  /** Has loaded, and measured kernels, without knowing what others have measured. */
  private readonly first: WorkerPool | undefined;
  private readonly engines: LoadedEngines | undefined;
  private pool: Promise<WorkerPool> | undefined;
  private readonly workers: Worker[] = [];
  /** Takes the shards that need the campaign's kernels. */
  private kernelWorker: Worker | undefined;
  private onWithout = (): void => {};

  private constructor(
    redis: Redis,
    description: RunDescription,
    means: WorkerMeans,
    config: WorkerConfig,
    first: { pool: WorkerPool; engines: LoadedEngines } | undefined,
    without: string,
  ) {
    this.redis = redis;
    this.description = description;
    this.means = means;
    this.config = config;
    this.first = first?.pool;
    this.engines = first?.engines;
    this.without = without;
  }

  get withKernels(): boolean {
    return this.without === '' && hasKernels(this.config);
  }

  /** Loads the engines. Throws QueueError or EngineUnavailable: why this worker cannot work for the campaign. */
  static async open(redis: Redis, description: RunDescription, means: WorkerMeans): Promise<RunService> {
    const config: WorkerConfig = { ...description.config, engines: localEngines(description, means), kernels: {} };
    if (hasKernels(config) && !means.kernels)
      return new RunService(redis, description, means, config, undefined, 'without kernels, as asked');
    const pool = new WorkerPool(config, means.threads, description.timeoutMs);
    try {
      const engines = await pool.load();
      const { kernels } = description.config;
      const difference = Object.keys(kernels).length === 0 ? '' : kernelsDifference(kernels, engines.kernels);
      if (difference !== '') throw new EngineUnavailable(difference);
      return new RunService(redis, description, means, config, { pool, engines }, '');
    } catch (error) {
      await pool.close();
      if (!hasKernels(config) || !(error instanceof EngineUnavailable)) throw error;
      return new RunService(redis, description, means, config, undefined, `without kernels: ${error.message}`);
    }
  }

  /** `onWithout`: it goes on without the campaign's kernels. */
  async start(onWithout: () => void): Promise<void> {
    this.onWithout = onWithout;
    const { Worker } = await loadBullmq();
    const { token } = this.description;
    for (const kernels of this.withKernels ? [true, false] : [false]) {
      const worker = new Worker(queueName(token, kernels), (job, lock) => this.work(job, lock!, kernels), {
        connection: this.redis,
        prefix: QUEUE_PREFIX,
        // One waits here, so that no thread waits for the queue.
        concurrency: this.means.threads + 1,
        lockDuration: LOCK_MS,
        stalledInterval: STALLED_MS,
        maxStalledCount: MAX_STALLED,
      });
      // A lost connection is made again, and a job that was lost meanwhile is somebody else's.
      worker.on('error', () => {});
      this.workers.push(worker);
      if (kernels) this.kernelWorker = worker;
    }
  }

  /** Finishes what has been begun. */
  async close(): Promise<void> {
    const closing = Promise.all(this.workers.map((worker) => worker.close())).then(() => {});
    const away = async (signal: AbortSignal): Promise<void> => {
      for (let since = 0; since < CLOSE_MS; since += 100) {
        await pause(100, undefined, { signal });
        if (this.redis.status === 'ready') since = 0;
      }
    };
    await unless(
      away,
      closing.catch(() => {}),
    );
    const pool = await this.pool?.catch(() => undefined);
    await pool?.close();
    if (this.first && this.first !== pool) await this.first.close();
  }

  /** `lock`: the token that holds the job. `kernels`: it is one for workers that have the campaign's kernels. */
  private async work(job: Job, lock: string, kernels: boolean): Promise<void> {
    const { run, task } = parseTask(String(job.data));
    const { build } = this.description;
    if (!task) {
      if (!this.engines) throw new EngineUnavailable(this.without);
      return this.send({ kind: 'engines', run, build, engines: this.engines });
    }
    const pool = await this.shardPool();
    if (kernels && !this.withKernels) {
      // Back to where others find it, which is no failed attempt.
      await job.moveToWait(lock);
      const { WaitingError } = await loadBullmq();
      throw new WaitingError();
    }
    const outcome = await pool.run(task);
    this.shards++;
    await this.send({ kind: 'shard', run, build, outcome });
  }

  private async send(message: ResultMessage): Promise<void> {
    const key = resultsKey(this.description.token);
    await commit(this.redis.multi().rpush(key, encode(message)).expire(key, RESULTS_SECONDS));
  }

  private shardPool(): Promise<WorkerPool> {
    this.pool ??= this.makePool().catch((error: unknown) => {
      this.pool = undefined;
      throw error;
    });
    return this.pool;
  }

  /** What the kernels do where no filter decides is known once one worker has measured it. */
  private async makePool(): Promise<WorkerPool> {
    const description = (await readRun(this.redis, this.description.token)) ?? this.description;
    const { kernels } = description.config;
    if (this.first && this.engines) {
      const difference = kernelsDifference(kernels, this.engines.kernels);
      if (difference !== '') this.leaveKernels(`without kernels: ${difference}`);
      // As it comes out of a message: without fields that are undefined.
      else if (isDeepStrictEqual(kernels, JSON.parse(JSON.stringify(this.engines.kernels)))) return this.first;
      await this.first.close();
    }
    const pool = new WorkerPool(
      { ...this.config, kernels },
      this.means.threads,
      description.timeoutMs,
      !this.withKernels,
    );
    try {
      await pool.load();
      return pool;
    } catch (error) {
      await pool.close();
      throw error;
    }
  }

  /** Takes no more of the shards that need them; the others go on. */
  private leaveKernels(why: string): void {
    this.without = why;
    this.onWithout();
    // It ends when the jobs have been given back that it has taken, which are those that lead here.
    this.kernelWorker?.close().catch(() => {});
  }
}

function hasKernels({ engines }: WorkerConfig): boolean {
  return engines.some(({ kind }) => kind === 'kernel');
}
