/** Shards of a proof on worker threads (piscina), with a watchdog for engines that do not come back. */
import { Piscina } from 'piscina';
import { EngineUnavailable } from '../engines/engine-unavailable.ts';
import type { EngineSpec } from '../engines/registry.ts';
import { workerFile } from '../engines/worker-file.ts';
import { InputError } from '../model/input-error.ts';
import type { ProofPlan, ShardProof } from './plan.ts';
import { scenarioAt } from './provers.ts';
import type { LoadedSubjects, ProveReply, ProveRequest } from './worker-protocol.ts';

const POLL_MS = 100;

/** What became of a request: a reply, or how its thread was lost and where it was. */
type Attempt =
  | Exclude<ProveReply, { kind: 'unavailable' | 'input' }>
  | { readonly kind: 'lost'; readonly why: string; readonly place: number };

export class ProofPool {
  private readonly pool: Piscina;
  private readonly engines: readonly EngineSpec[];
  private readonly timeoutMs: number;

  /** `timeoutMs`: how long a shard may stay at one place. */
  constructor(engines: readonly EngineSpec[], workers: number, timeoutMs: number) {
    const filename = workerFile('entry.cjs');
    this.engines = engines;
    this.timeoutMs = timeoutMs;
    this.pool = new Piscina({ filename, name: 'prove', minThreads: workers, maxThreads: workers, idleTimeout: 60_000 });
    // A thread that is lost between two shards: another one takes the next.
    this.pool.on('error', () => {});
  }

  /** Loads the engines in a worker, so that one that never loads cannot hang the proof. Throws EngineUnavailable. */
  async load(): Promise<LoadedSubjects> {
    const attempt = await this.attempt();
    if (attempt.kind === 'engines') return attempt.engines;
    const why = attempt.kind === 'lost' ? attempt.why : 'answered something else';
    throw new EngineUnavailable(`an engine could not be loaded: ${why}`);
  }

  /**
   * A shard that an engine does not come back from, twice, is a disproof of its own: what was run there. Once is chance,
   * or its thread was ended from outside.
   */
  async prove(plan: ProofPlan, shard: number): Promise<ShardProof> {
    const first = await this.attempt({ plan, shard });
    const attempt = first.kind === 'lost' ? await this.attempt({ plan, shard }) : first;
    if (attempt.kind === 'shard') return attempt.proof;
    if (attempt.kind !== 'lost') throw new Error(`a worker answered ${attempt.kind} to a shard`);
    const disproof = scenarioAt(plan, shard, attempt.place);
    const counts = { [`lost: ${attempt.why}`]: 1 };
    return { shard, cases: attempt.place + 1, accesses: 0, digest: '0'.repeat(16), counts, known: {}, disproof };
  }

  async close(): Promise<void> {
    await this.pool.destroy();
  }

  private async attempt(task?: ProveRequest['task']): Promise<Attempt> {
    const pulse = new Int32Array(new SharedArrayBuffer(8));
    const abort = new AbortController();
    let beat = 0;
    let since = performance.now();
    const watchdog = setInterval(() => {
      const now = Atomics.load(pulse, 1);
      // The first beat says that a worker has taken the task from the queue.
      if (now !== beat || now === 0) since = performance.now();
      beat = now;
      if (performance.now() - since > this.timeoutMs) abort.abort();
    }, POLL_MS);
    try {
      const request: ProveRequest = {
        engines: this.engines,
        pulse: pulse.buffer as SharedArrayBuffer,
        ...(task ? { task } : {}),
      };
      const reply = (await this.pool.run(request, { signal: abort.signal })) as ProveReply;
      if (reply.kind === 'unavailable') throw new EngineUnavailable(reply.message);
      if (reply.kind === 'input') throw new InputError(reply.message);
      return reply;
    } catch (error) {
      if (error instanceof EngineUnavailable || error instanceof InputError) throw error;
      const message = error instanceof Error ? error.message.split('\n')[0]! : String(error);
      const why = abort.signal.aborted ? `no answer within ${this.timeoutMs / 1000} s` : message;
      return { kind: 'lost', why, place: pulse[0]! };
    } finally {
      clearInterval(watchdog);
    }
  }
}
