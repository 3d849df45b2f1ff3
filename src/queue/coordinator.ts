/**
 * The coordinator's side of a queue: hands out shards as jobs, takes results, and hands out again what got lost. A shard
 * has one result, whoever runs it and however often, so nothing that the queue loses or delivers twice changes a campaign.
 */
import { randomUUID } from 'node:crypto';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { EngineUnavailable } from '../engines/engine-unavailable.ts';
import type { ShardOutcome } from '../fuzz/campaign.ts';
import type { LoadedEngines } from '../fuzz/pool.ts';
import type { ShardTask } from '../fuzz/shard.ts';
import type { WorkerConfig } from '../fuzz/worker-protocol.ts';
import { buildHash, engineHashes } from './build.ts';
import { connect, loadBullmq } from './connection.ts';
import { QUEUE_PREFIX, queueName, resultsKey, workersKey } from './keys.ts';
import { encodeTask, parseResult, parseStatement, type ResultMessage, type RunDescription } from './messages.ts';
import { queueFault } from './queue-error.ts';
import { type RunStatus, writeStatus } from './run-status.ts';
import { announceRun, removeForgotten, removeRun, serverSeconds } from './runs.ts';
import { within } from './within.ts';

/** Seconds that a blocking read of results waits; results that are there are read at once. */
const RECEIVE_SECONDS = 1;
/** Results that are taken with one command. */
const RECEIVE_COUNT = 64;
const SWEEP_MS = 1_000;
/** Statements of workers that are read per sweep on average: with 10,000 workers reading all takes 0.1 s and more. */
const STATEMENTS_PER_SWEEP = 500;
/** Shards that are looked after at each sweep: those that the fold waits for first. */
const SWEEP_SHARDS = 64;
const ANNOUNCE_MS = 4_000;
/** A worker that has not been heard of for so long is gone, in seconds. */
export const WORKER_SECONDS = 15;
/** How often a shard may fail on workers before the campaign does. */
const ATTEMPTS = 3;
/** Sweeps in which a job must be missing: its result may be on its way. */
const MISSING_SWEEPS = 2;
/** How long shards that workers have begun are waited for when the campaign is to end, in milliseconds. */
const DRAIN_MS = 60_000;
/** The same, where neither the queue nor a worker is left. */
const DRAIN_ALONE_MS = 3_000;
const STATUS_MS = 1_000;

interface Handed {
  readonly kernels: boolean;
  readonly data: string;
  readonly resolve: (outcome: ShardOutcome | undefined) => void;
  readonly reject: (error: Error) => void;
  missing: number;
}

export interface CoordinatorOptions {
  readonly timeoutMs: number;
  readonly version: string;
  /** Says something that the user should know, a line. */
  readonly onNotice: (text: string) => void;
}

export class Coordinator {
  private readonly redis: Redis;
  /** Blocks while it waits for results. */
  private readonly receiver: Redis;
  private readonly queues: readonly [Queue, Queue];
  private readonly options: CoordinatorOptions;
  private description: RunDescription;
  private readonly handed = new Map<number, Handed>();
  private loading:
    | { readonly resolve: (engines: LoadedEngines) => void; readonly reject: (error: Error) => void }
    | undefined;
  private readonly timers: NodeJS.Timeout[] = [];
  private readonly told = new Set<string>();
  private cancelledAt: number | undefined;
  private closed = false;
  private workers = 0;
  /** Of these, that run the campaign's kernels. */
  private workersWithKernels = 0;
  private waitingFor = '';
  private sweepsToCount = 0;
  private statusAt = 0;
  private readonly received: Promise<void>;

  private constructor(
    redis: Redis,
    receiver: Redis,
    queues: readonly [Queue, Queue],
    description: RunDescription,
    options: CoordinatorOptions,
  ) {
    this.redis = redis;
    this.receiver = receiver;
    this.queues = queues;
    this.description = description;
    this.options = options;
    this.received = this.receive();
    this.every(SWEEP_MS, () => this.sweep());
    this.every(ANNOUNCE_MS, () => announceRun(this.redis, this.description));
  }

  /** `token` names the campaign in the queue, as long as it lives. Throws QueueError, EngineUnavailable. */
  static async open(
    url: string,
    token: string,
    label: string,
    config: WorkerConfig,
    options: CoordinatorOptions,
  ): Promise<Coordinator> {
    const { Queue } = await loadBullmq();
    const description: RunDescription = {
      ...{ token, run: randomUUID(), label, config, version: options.version, timeoutMs: options.timeoutMs },
      build: buildHash(),
      engineHashes: engineHashes(config.engines),
    };
    const redis = await connect(url);
    try {
      await removeForgotten(redis);
      // What an earlier run of this campaign left: its results are those of shards that are handed out again.
      await removeRun(redis, token);
      const queueOf = (kernels: boolean): Queue =>
        new Queue(queueName(token, kernels), {
          connection: redis,
          prefix: QUEUE_PREFIX,
          streams: { events: { maxLen: 16 } },
          defaultJobOptions: {
            attempts: ATTEMPTS,
            removeOnComplete: true,
            backoff: { type: 'fixed', delay: 500 },
            stackTraceLimit: 1,
          },
        });
      const queues = [queueOf(false), queueOf(true)] as const;
      for (const queue of queues) queue.on('error', () => {});
      await announceRun(redis, description);
      const receiver = redis.duplicate();
      receiver.on('error', () => {});
      await receiver.connect().catch(() => {});
      return new Coordinator(redis, receiver, queues, description, options);
    } catch (error) {
      redis.disconnect();
      throw queueFault(error);
    }
  }

  /** What the campaign's engines are, from the first worker that has them all; waits for one. */
  async load(): Promise<LoadedEngines> {
    const { config } = this.description;
    const queue = this.queues[hasKernels(config) ? 1 : 0];
    const engines = await new Promise<LoadedEngines>((resolve, reject) => {
      this.loading = { resolve, reject };
      queue
        .add('engines', encodeTask({ run: this.description.run }), { jobId: 'engines' })
        .catch((error: unknown) => reject(queueFault(error)));
    });
    this.loading = undefined;
    // A campaign that goes on keeps what its kernels were when it began.
    const kernels = { ...engines.kernels, ...config.kernels };
    this.description = { ...this.description, config: { ...config, kernels } };
    await announceRun(this.redis, this.description);
    return { ...engines, kernels };
  }

  /** undefined: called off before a worker took it. */
  run(task: ShardTask): Promise<ShardOutcome | undefined> {
    return new Promise((resolve, reject) => {
      const { config, run } = this.description;
      const data = encodeTask({ run, task });
      const kernels = hasKernels(config) && hasSample(task, config.sample.every);
      const handed: Handed = { kernels, data, resolve, reject, missing: 0 };
      this.handed.set(task.shard, handed);
      this.add(task.shard, handed).catch((error: unknown) => reject(queueFault(error)));
    });
  }

  /** The campaign is to end: what no worker has begun is called off, what one has is waited for. */
  cancel(): void {
    this.cancelledAt ??= performance.now();
    void this.sweep().catch(() => {});
    // Not with the sweeps: these wait as long as the queue is away.
    this.timers.push(setInterval(() => this.giveUp(), SWEEP_MS));
  }

  /** Tells those that follow; now and then only, unless the campaign has ended. */
  async publish(status: () => RunStatus, always = false): Promise<void> {
    if (!always && performance.now() - this.statusAt < STATUS_MS) return;
    this.statusAt = performance.now();
    const writing = writeStatus(this.redis, this.description.token, status()).catch(() => {});
    // A queue that is away must not hold what is recorded here.
    if (always) await within(DRAIN_ALONE_MS, writing);
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const timer of this.timers) clearInterval(timer);
    const clean = async (): Promise<void> => {
      await removeRun(this.redis, this.description.token);
      for (const queue of this.queues) await queue.close();
      await this.received;
    };
    // The rest is for the next run of this campaign, or for another one's, a day later.
    await within(
      DRAIN_ALONE_MS,
      clean().catch(() => {}),
    );
    this.receiver.disconnect();
    this.redis.disconnect();
  }

  private async add(shard: number, { kernels, data }: Handed): Promise<void> {
    await this.queues[kernels ? 1 : 0].add('shard', data, { jobId: jobId(shard) });
  }

  private async receive(): Promise<void> {
    const key = resultsKey(this.description.token);
    while (!this.closed) {
      try {
        const first = await this.receiver.blpop(key, RECEIVE_SECONDS);
        if (!first) continue;
        this.take(first[1]);
        for (const text of (await this.receiver.lpop(key, RECEIVE_COUNT)) ?? []) this.take(text);
      } catch {
        // The connection is being made again.
        if (!this.closed) await pause(100);
      }
    }
  }

  private take(text: string): void {
    const message = this.read(text);
    if (message?.run !== this.description.run) return;
    if (message.build !== this.description.build) this.notice('a result of a worker with other code is ignored');
    else if (message.kind === 'engines') this.loading?.resolve(message.engines);
    else {
      const { shard } = message.outcome.result;
      // Not there: it was delivered twice.
      this.handed.get(shard)?.resolve(message.outcome);
      this.handed.delete(shard);
    }
  }

  private read(text: string): ResultMessage | undefined {
    try {
      return parseResult(text);
    } catch (error) {
      this.notice(`a result is ignored: ${(error as Error).message}`);
      return undefined;
    }
  }

  /** Looks after jobs: what Redis has lost is added again, what has failed for good ends the campaign. */
  private async sweep(): Promise<void> {
    if (this.redis.status !== 'ready') return;
    if (--this.sweepsToCount <= 0) {
      await this.countWorkers();
      this.sweepsToCount = Math.min(Math.ceil(this.workers / STATEMENTS_PER_SWEEP), WORKER_SECONDS);
    }
    if (this.cancelledAt !== undefined) return this.drain();
    this.sayWaiting();
    if (this.loading) await this.lookAfterLoading();
    const oldest = [...this.handed].slice(0, SWEEP_SHARDS);
    await Promise.all(
      oldest.map(async ([shard, handed]) => {
        const queue = this.queues[handed.kernels ? 1 : 0];
        const state = await queue.getJobState(jobId(shard));
        if (!this.handed.has(shard)) return;
        if (state === 'failed') return this.fail(queue, shard, handed);
        handed.missing = state === 'unknown' ? handed.missing + 1 : 0;
        if (handed.missing < MISSING_SWEEPS) return;
        handed.missing = 0;
        await this.add(shard, handed);
      }),
    );
  }

  private async fail(queue: Queue, shard: number, handed: Handed): Promise<void> {
    const reason = (await queue.getJob(jobId(shard)))?.failedReason ?? 'no reason given';
    this.handed.delete(shard);
    handed.reject(new EngineUnavailable(`shard ${shard} failed on the workers: ${reason.split('\n')[0]}`));
  }

  private async lookAfterLoading(): Promise<void> {
    const queue = this.queues[hasKernels(this.description.config) ? 1 : 0];
    const state = await queue.getJobState('engines');
    if (state === 'failed') {
      const reason = (await queue.getJob('engines'))?.failedReason ?? 'no reason given';
      this.loading?.reject(new EngineUnavailable(`no worker could load the engines: ${reason.split('\n')[0]}`));
    } else if (state === 'unknown') {
      await queue.add('engines', encodeTask({ run: this.description.run }), { jobId: 'engines' });
    }
  }

  /** Once for every time that it begins to wait. */
  private sayWaiting(): void {
    const before = this.waitingFor;
    this.waitingFor = '';
    if (this.workers === 0) this.waitingFor = 'a worker: start "msrdiff worker --queue ..." on this machine or another';
    else if (hasKernels(this.description.config) && this.workersWithKernels === 0) {
      this.waitingFor = "a worker that has the campaign's kernels";
    }
    if (this.waitingFor !== '' && this.waitingFor !== before) this.options.onNotice(`waiting for ${this.waitingFor}`);
  }

  private async countWorkers(): Promise<void> {
    const now = await serverSeconds(this.redis);
    const statements = Object.entries(await this.redis.hgetall(workersKey(this.description.token)));
    this.workers = 0;
    this.workersWithKernels = 0;
    for (const [name, text] of statements) {
      const { at, kernels, without, refused } = parseStatement(text);
      if (now - at > WORKER_SECONDS) {
        await this.redis.hdel(workersKey(this.description.token), name);
        continue;
      }
      const why = refused ?? without;
      if (why !== undefined) this.notice(`worker ${name}: ${why}`);
      if (refused === undefined) this.workers++;
      if (kernels) this.workersWithKernels++;
    }
  }

  /** After `cancel`: calls off what is still waiting. */
  private async drain(): Promise<void> {
    // The last ones first: they are the least likely to have been begun.
    for (const [shard, { kernels }] of [...this.handed].reverse()) {
      if ((await this.queues[kernels ? 1 : 0].remove(jobId(shard))) === 1) this.callOff(shard);
    }
  }

  /** After `cancel`: what is not heard of any more is not waited for. */
  private giveUp(): void {
    const elapsedMs = performance.now() - this.cancelledAt!;
    const alone = this.redis.status !== 'ready' || this.workers === 0;
    if (elapsedMs < (alone ? DRAIN_ALONE_MS : DRAIN_MS)) return;
    for (const shard of [...this.handed.keys()]) this.callOff(shard);
  }

  private callOff(shard: number): void {
    this.handed.get(shard)?.resolve(undefined);
    this.handed.delete(shard);
  }

  private notice(text: string): void {
    if (this.told.has(text)) return;
    this.told.add(text);
    this.options.onNotice(text);
  }

  /** One at a time: while the connection is away, commands wait. */
  private every(milliseconds: number, work: () => Promise<void>): void {
    let busy = false;
    const timer = setInterval(() => {
      if (busy) return;
      busy = true;
      work()
        .catch((error: unknown) => {
          // What was under way when the connection was given up.
          if (!this.closed) this.notice(`the queue: ${(error as Error).message}`);
        })
        .finally(() => {
          busy = false;
        });
    }, milliseconds);
    this.timers.push(timer);
  }
}

function jobId(shard: number): string {
  return `shard-${shard}`;
}

function hasKernels({ engines }: WorkerConfig): boolean {
  return engines.some(({ kind }) => kind === 'kernel');
}

/** Whether one of the shard's cases is among those that kernels get. */
export function hasSample({ firstCase, cases }: Pick<ShardTask, 'firstCase' | 'cases'>, every: number): boolean {
  return Math.ceil(firstCase / every) * every < firstCase + cases;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
