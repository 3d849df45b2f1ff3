/** Shards in the calling thread, for engines that are objects of it; those that do not return are left out. */
import { setImmediate } from 'node:timers/promises';
import type { Engine } from '../engines/contract.ts';
import { EngineUnavailable } from '../engines/engine-unavailable.ts';
import { type Beat, interruptible } from '../engines/interruptible.ts';
import { countAccesses, Runner } from '../engines/runner.ts';
import type { ShardOutcome } from '../fuzz/campaign.ts';
import { type LostAttempt, LostEngines, NO_CASE } from '../fuzz/lost-engines.ts';
import type { ShardResult, ShardRunner, ShardTask } from '../fuzz/shard.ts';
import { kernelsOf, shardRunner } from '../fuzz/shard-engines.ts';
import type { WorkerConfig } from '../fuzz/worker-protocol.ts';
import { catalogueBase } from '../model/catalogue.ts';
import { findProfile } from '../model/profile.ts';

/** What most shards take. */
const BEATING_MS = 2_000;
/** An attempt at a smaller reproducer: here, unlike in a new thread, a case takes milliseconds. */
const REDUCTION_LIMIT_MS = 250;

export class LocalShards {
  private readonly engines: readonly Engine[];
  private readonly config: WorkerConfig;
  private readonly timeoutMs: number;
  private readonly lost: LostEngines;
  /** What the running attempt tells; position of the case and of the engine. */
  private place = { position: NO_CASE, engine: 0 };
  private beat: Beat = () => {};
  private runner: ShardRunner | undefined;

  /** `timeoutMs`: how long one engine may take for one case. Throws EngineUnavailable. */
  constructor(engines: readonly Engine[], config: WorkerConfig, timeoutMs: number) {
    this.engines = engines;
    this.timeoutMs = timeoutMs;
    const kernels = interruptible(() => kernelsOf(engines, config), timeoutMs);
    if (kernels === 'lost') {
      throw new EngineUnavailable(`an engine did not create a VM within ${timeoutMs / 1000} s: see its createVm`);
    }
    this.config = { ...config, kernels: kernels.value };
    const names = engines.map(({ name }) => name);
    this.lost = new LostEngines(this.config, names, timeoutMs, (engine) => async (scenario, limitMs) => {
      const vm = { profile: findProfile(config.profile)!, base: catalogueBase() };
      let event = 0;
      const run = (): void => {
        const runner = new Runner(engines[engine]!, vm);
        runner.onEvent = (number) => {
          event = number;
        };
        runner.run(scenario, countAccesses(scenario));
      };
      return interruptible(run, Math.min(limitMs, REDUCTION_LIMIT_MS)) === 'lost' ? event : undefined;
    });
  }

  async run(task: ShardTask): Promise<ShardOutcome> {
    // Timers and signals are to have their turn.
    await setImmediate();
    return this.lost.survive(task, async (attempted) => this.attempt(attempted));
  }

  private attempt(task: ShardTask): { readonly kind: 'shard'; readonly result: ShardResult } | LostAttempt {
    this.place = { position: task.firstCase, engine: 0 };
    const done = interruptible(
      (beat) => {
        this.beat = beat;
        // What was interrupted is in no state to go on from.
        const runner = this.runner ?? this.newRunner();
        this.runner = undefined;
        const result = runner.run(task);
        this.runner = runner;
        return result;
      },
      this.timeoutMs,
      BEATING_MS,
    );
    if (done !== 'lost') return { kind: 'shard', result: done.value };
    return { kind: 'lost', timedOut: true, ...this.place, message: 'it did not return' };
  }

  private newRunner(): ShardRunner {
    return shardRunner(this.engines, this.config, (position, engine) => {
      this.place = { position, engine };
      this.beat();
    });
  }
}
