/**
 * Shards on worker threads (piscina), with a watchdog: an engine that does not return, or takes its thread down, is
 * recorded with the case it was running, left out of that case, and the shard is run again.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { EngineUnavailable } from '../engines/registry.ts';
import { findProfile } from '../model/profile.ts';
import { formatScenario } from '../model/scenario-json.ts';
import type { ShardOutcome } from './campaign.ts';
import { CaseGenerator, copyScenario } from './case.ts';
import { sizeOf } from './reduce/order.ts';
import { caseChoices, divergenceId, type FoundDivergence, type ShardTask } from './shard.ts';
import type { WorkerConfig, WorkerReply, WorkerRequest } from './worker-protocol.ts';

/** How long one engine may take for one case, and an engine module to load, in milliseconds. */
export const DEFAULT_TIMEOUT_MS = 10_000;
const POLL_MS = 100;
/** Attempts at one shard; each leaves one more engine out of one more case. */
const MAX_ATTEMPTS = 64;
/** Time-outs after which an engine is left out of the rest of the campaign's cases in the shard at hand. */
const CANNOT_LOAD = -1;

export class WorkerPool {
  private readonly config: WorkerConfig;
  private readonly pool: Piscina;
  private readonly timeoutMs: number;
  private names: readonly string[] = [];

  constructor(config: WorkerConfig, workers: number, timeoutMs: number) {
    this.config = config;
    this.timeoutMs = timeoutMs;
    const filename = fileURLToPath(new URL('../../workers/shard-worker.js', import.meta.url));
    if (!existsSync(filename)) throw new Error(`${filename} is missing: run "npm run build"`);
    this.pool = new Piscina({ filename, minThreads: workers, maxThreads: workers, idleTimeout: 60_000 });
  }

  /** Loads the engines in a worker, so that one that never loads cannot hang the campaign. Their names, in order. */
  async load(): Promise<readonly string[]> {
    const attempt = await this.attempt();
    if (attempt.kind === 'lost') {
      const seconds = this.timeoutMs / 1000;
      const why = attempt.timedOut
        ? `did not finish loading within ${seconds} s`
        : `took its worker down: ${attempt.message}`;
      throw new EngineUnavailable(`an engine module ${why}`);
    }
    if (attempt.kind === 'engines') this.names = attempt.names;
    return this.names;
  }

  async run(task: ShardTask): Promise<ShardOutcome> {
    const failures: FoundDivergence[] = [];
    let timeouts = task.timeouts;
    for (let n = 0; n < MAX_ATTEMPTS; n++) {
      const attempt = await this.attempt({ ...task, timeouts });
      if (attempt.kind === 'shard') return { result: attempt.result, failures };
      if (attempt.kind !== 'lost') continue;
      if (attempt.position === CANNOT_LOAD) throw new EngineUnavailable(`a worker failed to start: ${attempt.message}`);
      failures.push(this.failure(task, attempt));
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
    await this.pool.destroy();
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
    let started = false;
    const watchdog = setInterval(() => {
      const now = Atomics.load(pulse, 2);
      if (now !== beat || !started) since = Date.now();
      started ||= this.pool.queueSize === 0;
      beat = now;
      if (Date.now() - since > this.timeoutMs) abort.abort();
    }, POLL_MS);
    try {
      const request: WorkerRequest = {
        config: this.config,
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

  /** The finding, with the whole case as reproducer: running it again to reduce it would hang again. */
  private failure(
    task: ShardTask,
    lost: { readonly timedOut: boolean; readonly position: number; readonly engine: number; readonly message: string },
  ): FoundDivergence {
    const profile = findProfile(this.config.profile)!;
    const generator = new CaseGenerator(profile, this.config.accessesPerCase);
    const scenario = copyScenario(
      generator.generate(caseChoices(BigInt(this.config.seed), lost.position), task.steering),
    );
    const text = formatScenario(scenario);
    const subject = this.names[lost.engine] ?? `engine ${lost.engine}`;
    const kind = lost.timedOut ? 'engine-timeout' : 'engine-error';
    const message = lost.timedOut
      ? `no answer within ${this.timeoutMs / 1000} s`
      : `took its worker down: ${lost.message}`;
    return {
      // One identity per engine and kind: which case hangs first is chance.
      id: divergenceId(kind, subject, profile.id, message),
      kind,
      subject,
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
    };
  }
}
