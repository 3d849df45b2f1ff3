/**
 * Shards on worker threads (piscina), with a watchdog: an engine that does not return, or takes its thread down, is
 * recorded with the case it was running, left out of that case, and the shard is run again.
 */
import { Piscina } from 'piscina';
import { EngineUnavailable } from '../engines/engine-unavailable.ts';
import { workerFile } from '../engines/worker-file.ts';
import { formatScenario } from '../model/scenario-json.ts';
import type { ShardOutcome } from './campaign.ts';
import { type LostAttempt, LostEngines, type LostWithin, NO_CASE } from './lost-engines.ts';
import { probe } from './probe.ts';
import type { ShardTask } from './shard.ts';
import type { CloseRequest, WorkerConfig, WorkerReply, WorkerRequest } from './worker-protocol.ts';

const POLL_MS = 100;
/** How long the processes of engines may take to end, in milliseconds. */
const CLOSE_MS = 4_000;

export type LoadedEngines = Pick<Extract<WorkerReply, { kind: 'engines' }>, 'names' | 'kernels'>;

export class WorkerPool {
  private config: WorkerConfig;
  private readonly pool: Piscina;
  private readonly timeoutMs: number;
  private names: readonly string[] = [];
  private lost: LostEngines | undefined;

  private readonly kernelsElsewhere: boolean;

  /**
   * `timeoutMs`: how long one engine may take for one case, and an engine module to load. `kernelsElsewhere`: the kernels
   * of the configuration have been measured on another machine, and are not started.
   */
  constructor(config: WorkerConfig, workers: number, timeoutMs: number, kernelsElsewhere = false) {
    this.config = config;
    this.timeoutMs = timeoutMs;
    this.kernelsElsewhere = kernelsElsewhere;
    const filename = workerFile('entry.cjs');
    this.pool = new Piscina({ filename, name: 'shard', minThreads: workers, maxThreads: workers, idleTimeout: 60_000 });
    // A thread that an engine's timer ends between two shards: another one takes the next.
    this.pool.on('error', () => {});
  }

  /**
   * Loads the engines in a worker, so that one that never loads cannot hang the campaign, and measures those that are
   * kernels and have not been measured. What has been loaded, in order.
   */
  async load(): Promise<LoadedEngines> {
    const attempt = await this.attempt();
    if (attempt.kind === 'lost') {
      const seconds = this.timeoutMs / 1000;
      const why = attempt.timedOut
        ? `did not finish loading within ${seconds} s`
        : `took its worker down: ${attempt.message}`;
      throw new EngineUnavailable(`an engine module ${why}`);
    }
    if (attempt.kind === 'engines') {
      this.names = attempt.names;
      // Every worker compares with what the first one measured, and so does a run that resumes this one.
      this.config = { ...this.config, kernels: attempt.kernels };
    }
    return { names: this.names, kernels: this.config.kernels };
  }

  run(task: ShardTask): Promise<ShardOutcome> {
    this.lost ??= new LostEngines(this.config, this.names, this.timeoutMs, (engine) => this.lostAt(engine));
    return this.lost.survive(task, async (attempted) => {
      const attempt = await this.attempt(attempted);
      return attempt.kind === 'shard' || attempt.kind === 'lost' ? attempt : undefined;
    });
  }

  async close(): Promise<void> {
    if (this.config.engines.some(({ kind }) => kind !== 'built-in' && kind !== 'module')) await this.closeEngines();
    await this.pool.destroy();
  }

  /** Lets engines in processes of their own end by themselves; those that do not are killed with their threads. */
  private async closeEngines(): Promise<void> {
    const arrived = new SharedArrayBuffer(4);
    const threads = this.pool.threads.length;
    const request: CloseRequest = { close: { arrived, threads } };
    const signal = AbortSignal.timeout(CLOSE_MS);
    await Promise.allSettled(Array.from({ length: threads }, () => this.pool.run(request, { signal })));
  }

  private async attempt(task?: ShardTask): Promise<Exclude<WorkerReply, { kind: 'unavailable' }> | LostAttempt> {
    const pulse = new Int32Array(new SharedArrayBuffer(12));
    pulse[0] = NO_CASE;
    const abort = new AbortController();
    let beat = 0;
    let since = performance.now();
    const watchdog = setInterval(() => {
      const now = Atomics.load(pulse, 2);
      // The first beat says that a worker has taken the task from the queue.
      if (now !== beat || now === 0) since = performance.now();
      beat = now;
      if (performance.now() - since > this.timeoutMs) abort.abort();
    }, POLL_MS);
    try {
      const request: WorkerRequest = {
        config: this.config,
        timeoutMs: this.timeoutMs,
        kernelsElsewhere: this.kernelsElsewhere,
        pulse: pulse.buffer as SharedArrayBuffer,
        ...(task ? { task } : {}),
      };
      const reply = (await this.pool.run(request, { signal: abort.signal })) as WorkerReply;
      if (reply.kind === 'unavailable') throw new EngineUnavailable(reply.message);
      return reply;
    } catch (error) {
      if (error instanceof EngineUnavailable) throw error;
      const message = error instanceof Error ? error.message.split('\n')[0]! : String(error);
      return { kind: 'lost', timedOut: abort.signal.aborted, position: pulse[0]!, engine: pulse[1]!, message };
    } finally {
      clearInterval(watchdog);
    }
  }

  private lostAt(engine: number): LostWithin {
    const { profile, ledger, day, engines } = this.config;
    return async (scenario, limitMs) => {
      const event = new SharedArrayBuffer(4);
      const request = {
        ...{ scenario: formatScenario(scenario), profile, engines: [engines[engine]!], ledger, day, event },
        action: 'replay' as const,
      };
      return (await probe(request, limitMs)).kind === 'lost' ? new Int32Array(event)[0]! : undefined;
    };
  }
}
