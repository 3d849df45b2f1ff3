/**
 * Shards on worker threads (piscina), with a watchdog: an engine that does not return, or takes its thread down, is
 * recorded with the case it was running, left out of that case, and the shard is run again.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { EngineUnavailable } from '../engines/engine-unavailable.ts';
import type { EngineSpec } from '../engines/registry.ts';
import { findProfile } from '../model/profile.ts';
import type { Scenario } from '../model/scenario.ts';
import { formatScenario } from '../model/scenario-json.ts';
import type { ShardOutcome } from './campaign.ts';
import { CaseGenerator, copyScenario } from './case.ts';
import { divergenceId, type FoundDivergence } from './findings.ts';
import { probe } from './probe.ts';
import { sizeOf } from './reduce/order.ts';
import { reduceLost } from './reduce-lost.ts';
import { caseChoices, type ShardTask } from './shard.ts';
import type { CloseRequest, WorkerConfig, WorkerReply, WorkerRequest } from './worker-protocol.ts';

const POLL_MS = 100;
/** Time limit of one attempt at a smaller reproducer. */
const REDUCTION_TIMEOUT_MS = 1_000;
/** Attempts at one shard; each leaves one more engine out of one more case. */
const MAX_ATTEMPTS = 64;
/** How long the processes of engines may take to end, in milliseconds. */
const CLOSE_MS = 4_000;
/** Position of a worker that has not begun a case. */
const CANNOT_LOAD = -1;

export type LoadedEngines = Pick<Extract<WorkerReply, { kind: 'engines' }>, 'names' | 'kernels'>;

export class WorkerPool {
  private config: WorkerConfig;
  private readonly pool: Piscina;
  private readonly timeoutMs: number;
  private names: readonly string[] = [];
  /** Engines that have a reduced reproducer: one is enough, each costs some time-outs. */
  private readonly reduced = new Set<string>();

  /** `timeoutMs`: how long one engine may take for one case, and an engine module to load. */
  constructor(config: WorkerConfig, workers: number, timeoutMs: number) {
    this.config = config;
    this.timeoutMs = timeoutMs;
    const filename = fileURLToPath(new URL('../../workers/entry.cjs', import.meta.url));
    if (!existsSync(filename)) throw new Error(`${filename} is missing: run "npm run build"`);
    this.pool = new Piscina({ filename, name: 'shard', minThreads: workers, maxThreads: workers, idleTimeout: 60_000 });
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

  async run(task: ShardTask): Promise<ShardOutcome> {
    const failures: FoundDivergence[] = [];
    let timeouts = task.timeouts;
    for (let n = 0; n < MAX_ATTEMPTS; n++) {
      const attempt = await this.attempt({ ...task, timeouts });
      if (attempt.kind === 'shard') return { result: attempt.result, failures };
      if (attempt.kind !== 'lost') continue;
      if (attempt.position === CANNOT_LOAD) throw new EngineUnavailable(`a worker failed to start: ${attempt.message}`);
      failures.push(await this.failure(task, attempt));
      // The engine is out of this case and, so that one engine cannot cost every case a time-out, of the shard's rest.
      const lost = [];
      for (let number = attempt.position; number < task.firstCase + task.cases; number++) {
        lost.push({ case: number, engine: attempt.engine });
      }
      timeouts = [...timeouts, ...lost];
    }
    throw new EngineUnavailable(
      `shard ${task.shard} could not be run in ${MAX_ATTEMPTS} attempts: an engine keeps failing`,
    );
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

  private async attempt(
    task?: ShardTask,
  ): Promise<
    | Exclude<WorkerReply, { kind: 'unavailable' }>
    | { kind: 'lost'; timedOut: boolean; position: number; engine: number; message: string }
  > {
    const pulse = new Int32Array(new SharedArrayBuffer(12));
    pulse[0] = CANNOT_LOAD;
    const abort = new AbortController();
    let beat = 0;
    let since = Date.now();
    const watchdog = setInterval(() => {
      const now = Atomics.load(pulse, 2);
      // The first beat says that a worker has taken the task from the queue.
      if (now !== beat || now === 0) since = Date.now();
      beat = now;
      if (Date.now() - since > this.timeoutMs) abort.abort();
    }, POLL_MS);
    try {
      const request: WorkerRequest = {
        config: this.config,
        timeoutMs: this.timeoutMs,
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

  private async failure(
    task: ShardTask,
    lost: { readonly timedOut: boolean; readonly position: number; readonly engine: number; readonly message: string },
  ): Promise<FoundDivergence> {
    const profile = findProfile(this.config.profile)!;
    const generator = new CaseGenerator(profile, this.config.accessesPerCase);
    const whole = copyScenario(generator.generate(caseChoices(BigInt(this.config.seed), lost.position), task.steering));
    const spec = this.config.engines[lost.engine];
    const subject = this.names[lost.engine] ?? `engine ${lost.engine}`;
    const scenario = spec && !this.reduced.has(subject) ? await reduceLost(whole, (s) => this.isLost(s, spec)) : whole;
    this.reduced.add(subject);
    const text = formatScenario(scenario);
    const kind = lost.timedOut ? 'engine-timeout' : 'engine-error';
    const message = lost.timedOut
      ? `no answer within ${this.timeoutMs / 1000} s`
      : `took its worker down: ${lost.message}`;
    return {
      // One identity per engine and kind: which case hangs first is chance.
      id: divergenceId(kind, subject, profile.id, message),
      kind,
      subject,
      profile: profile.id,
      scenario: text,
      vector: Object.fromEntries(this.names.map((name) => [name, name === subject ? 1 : 0])),
      expected: 0,
      got: 1,
      message,
      firstCase: lost.position,
      cases: 1,
      size: sizeOf(scenario),
      evaluations: 0,
      reliability: 1,
      msr: null,
      write: null,
      rules: [],
    };
  }

  private async isLost(scenario: Scenario, engine: EngineSpec): Promise<boolean> {
    const { profile, ledger, day } = this.config;
    const request = {
      scenario: formatScenario(scenario),
      profile,
      engines: [engine],
      ledger,
      day,
      action: 'replay' as const,
    };
    const reply = await probe(request, Math.min(this.timeoutMs, REDUCTION_TIMEOUT_MS));
    return reply.kind === 'lost';
  }
}
