/** What runs the shards of a campaign in the calling thread, made of the campaign's configuration and its engines. */
import type { Engine, VmConfig } from '../engines/contract.ts';
import { EngineUnavailable } from '../engines/engine-unavailable.ts';
import { catalogueBase } from '../model/catalogue.ts';
import type { MeasuredKernel } from '../model/kernel.ts';
import { findProfile } from '../model/profile.ts';
import { Ledger } from './ledger.ts';
import { type Heartbeat, ShardRunner } from './shard.ts';
import type { WorkerConfig } from './worker-protocol.ts';

/**
 * The kernels among the engines by name, measured where they have not been. Throws EngineUnavailable for an engine
 * whose VM lacks what it states.
 */
export function kernelsOf(engines: readonly Engine[], config: WorkerConfig): Record<string, MeasuredKernel> {
  const vm: VmConfig = { profile: findProfile(config.profile)!, base: catalogueBase() };
  for (const engine of engines) refuseIncomplete(engine, vm);
  const kernels = { ...config.kernels };
  for (const { name, kernel } of engines) if (kernel) kernels[name] ??= kernel.measure();
  return kernels;
}

/** Its engines are those of the configuration, loaded; the kernels among them have been measured. */
export function shardRunner(engines: readonly Engine[], config: WorkerConfig, heartbeat: Heartbeat): ShardRunner {
  const ledgerOf = (id: string): Ledger => new Ledger(config.ledger, id, config.day);
  return new ShardRunner(
    engines,
    {
      seed: BigInt(config.seed),
      vm: { profile: findProfile(config.profile)!, base: catalogueBase() },
      ledger: ledgerOf(config.profile),
      accessesPerCase: config.accessesPerCase,
      lanes: { sample: config.sample, kernels: config.kernels, ledgerOf },
    },
    heartbeat,
  );
}

/** What an engine's VM lacks is said before the campaign starts; what else goes wrong there is a finding. */
function refuseIncomplete(engine: Engine, vm: VmConfig): void {
  try {
    engine.createVm(vm);
  } catch (error) {
    if (error instanceof EngineUnavailable) throw error;
  }
}
