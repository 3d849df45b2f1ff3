/** A worker of a queue: finds campaigns, works for one at a time, and goes on to the next. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { EngineUnavailable } from '../engines/engine-unavailable.ts';
import { buildHash } from './build.ts';
import { commit, connect } from './connection.ts';
import { runKey, workersKey } from './keys.ts';
import { parseStatement, type RunDescription, type WorkerStatement } from './messages.ts';
import { QueueError, queueFault } from './queue-error.ts';
import { RunService } from './run-service.ts';
import { readStatus } from './run-status.ts';
import { liveRuns, readRun, removeRun, serverSeconds } from './runs.ts';
import type { WorkerMeans } from './worker-means.ts';

const LOOK_MS = 1_000;
/** How often a worker says that it is there. */
const STATEMENT_MS = 5_000;
/** How long statements stay after the last one, in seconds. */
const STATEMENTS_SECONDS = 3_600;
/** Looks in which a campaign must be gone: a queue that has lost its data gets it back within some seconds. */
const GONE_LOOKS = 8;

export interface WorkerOptions {
  readonly means: WorkerMeans;
  /** Ends if there has been no campaign for so long, in seconds; Infinity: never. */
  readonly idleSeconds: number;
  readonly onNotice: (text: string) => void;
  /** Shards done in the campaign at hand. */
  readonly onProgress: (label: string, shards: number) => void;
}

/** Works until the signal aborts; what has been begun is finished. Shards done. Throws QueueError. */
export async function runWorker(url: string, options: WorkerOptions, signal: AbortSignal): Promise<number> {
  const redis = await connect(url);
  try {
    return await new QueueWorker(redis, options, signal).work();
  } catch (error) {
    throw queueFault(error);
  } finally {
    redis.disconnect();
  }
}

class QueueWorker {
  private readonly redis: Redis;
  private readonly options: WorkerOptions;
  private readonly signal: AbortSignal;
  /** Runs of coordinators that are refused, and that are not tried again. */
  private readonly refused = new Set<string>();
  private shards = 0;

  constructor(redis: Redis, options: WorkerOptions, signal: AbortSignal) {
    this.redis = redis;
    this.options = options;
    this.signal = signal;
  }

  async work(): Promise<number> {
    let idleSince = performance.now();
    while (!this.signal.aborted) {
      const description = await this.choose();
      if (description) {
        await this.serve(description);
        idleSince = performance.now();
      } else if (performance.now() - idleSince > this.options.idleSeconds * 1000) break;
      else await this.look();
    }
    return this.shards;
  }

  /** The campaign that has the fewest workers. */
  private async choose(): Promise<RunDescription | undefined> {
    if (this.redis.status !== 'ready') return undefined;
    let chosen: RunDescription | undefined;
    let fewest = Number.POSITIVE_INFINITY;
    const now = await serverSeconds(this.redis);
    const tokens = await liveRuns(this.redis);
    for (const token of tokens) {
      const description = await this.read(token);
      if (!description || this.refused.has(description.run)) continue;
      // Nothing to choose from: thousands of workers that start need not read what each of them has said.
      if (tokens.length === 1) return description;
      const statements = Object.values(await this.redis.hgetall(workersKey(token))).map(parseStatement);
      const workers = statements.filter(
        ({ at, refused }) => refused === undefined && now - at < (2 * STATEMENT_MS) / 1000,
      ).length;
      if (workers >= fewest) continue;
      fewest = workers;
      chosen = description;
    }
    return chosen;
  }

  /** A description that cannot be read is another version's. */
  private async read(token: string): Promise<RunDescription | undefined> {
    try {
      return await readRun(this.redis, token);
    } catch (error) {
      if (error instanceof QueueError && !this.refused.has(token)) {
        this.refused.add(token);
        this.options.onNotice(`campaign ${token}: refused, as its description cannot be read: ${error.message}`);
        await this.state(token, { kernels: false, refused: 'cannot read the description: is it of another version?' });
      }
      return undefined;
    }
  }

  private async serve(description: RunDescription): Promise<void> {
    const { label, token, run } = description;
    let service: RunService;
    try {
      service = await RunService.open(this.redis, description, this.options.means);
    } catch (error) {
      if (!(error instanceof QueueError) && !(error instanceof EngineUnavailable)) throw error;
      this.refused.add(run);
      this.options.onNotice(`campaign ${label}: ${error.message}`);
      return this.state(token, { kernels: false, refused: error.message });
    }
    const say = (): void => {
      const { without } = service;
      this.options.onNotice(`campaign ${label}: working for it${without === '' ? '' : `, ${without}`}`);
    };
    const state = (): Promise<void> => {
      const { withKernels, without } = service;
      // What a worker was asked for is no news.
      const news = without !== '' && this.options.means.kernels;
      return this.state(token, { kernels: withKernels, ...(news ? { without } : {}) });
    };
    await state();
    say();
    await service.start(() => {
      say();
      void state().catch(() => {});
    });
    const statements = setInterval(() => void state().catch(() => {}), STATEMENT_MS);
    try {
      await this.untilOver(token, run, service);
    } finally {
      clearInterval(statements);
      await service.close();
      this.shards += service.shards;
      if (this.redis.status === 'ready') await this.leave(token);
    }
    this.options.onNotice(
      `campaign ${label}: ${this.signal.aborted ? 'left' : 'over'}, ${service.shards} shards done here`,
    );
  }

  /** Until the campaign's coordinator is gone, or is another one, or this worker is to end. */
  private async untilOver(token: string, run: string, service: RunService): Promise<void> {
    for (let gone = 0; gone < GONE_LOOKS && !this.signal.aborted; ) {
      await this.look();
      this.options.onProgress(service.description.label, service.shards);
      // While the queue is away nothing is known.
      if (this.redis.status !== 'ready') continue;
      const description = await readRun(this.redis, token).catch(() => undefined);
      if (description && description.run !== run) return;
      if (!description && (await this.hasEnded(token))) return;
      gone = description ? 0 : gone + 1;
    }
  }

  private async leave(token: string): Promise<void> {
    await this.redis.hdel(workersKey(token), this.options.means.name);
    // A worker that asks for one more job makes an event of it, also in a queue that its coordinator has removed.
    const isOver = (await this.hasEnded(token)) && (await this.redis.exists(runKey(token))) === 0;
    // Another worker may be at it too.
    if (isOver) await removeRun(this.redis, token).catch(() => {});
  }

  private async hasEnded(token: string): Promise<boolean> {
    const status = await readStatus(this.redis, token).catch(() => undefined);
    return status !== undefined && status.state !== 'running';
  }

  private async state(token: string, said: Pick<WorkerStatement, 'kernels' | 'without' | 'refused'>): Promise<void> {
    const { name, version, threads } = this.options.means;
    const statement: WorkerStatement = {
      at: await serverSeconds(this.redis),
      version,
      build: buildHash(),
      threads,
      ...said,
    };
    const key = workersKey(token);
    await commit(this.redis.multi().hset(key, name, JSON.stringify(statement)).expire(key, STATEMENTS_SECONDS));
  }

  private async look(): Promise<void> {
    await pause(LOOK_MS, undefined, { signal: this.signal }).catch(() => {});
  }
}
