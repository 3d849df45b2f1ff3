/** piscina worker: runs shards. Engines, VMs and buffers live as long as the thread. */
import type { Engine, VmConfig } from '../src/engines/contract.ts';
import { EngineUnavailable, loadEngines } from '../src/engines/registry.ts';
import { Ledger } from '../src/fuzz/ledger.ts';
import { ShardRunner } from '../src/fuzz/shard.ts';
import type { WorkerConfig, WorkerReply, WorkerRequest } from '../src/fuzz/worker-protocol.ts';
import { catalogueBase } from '../src/model/catalogue.ts';
import { findProfile } from '../src/model/profile.ts';

let current: { readonly key: string; readonly runner: ShardRunner; readonly names: readonly string[] } | undefined;
let pulse = new Int32Array(new SharedArrayBuffer(12));

async function runnerFor(config: WorkerConfig): Promise<NonNullable<typeof current>> {
  const key = JSON.stringify(config);
  if (current?.key === key) return current;
  const engines = await loadEngines(config.engines);
  const profile = findProfile(config.profile)!;
  for (const engine of engines) refuseIncomplete(engine, { profile, base: catalogueBase() });
  const runner = new ShardRunner(
    engines,
    {
      seed: BigInt(config.seed),
      vm: { profile, base: catalogueBase() },
      ledger: new Ledger(config.ledger, config.profile, config.day),
      accessesPerCase: config.accessesPerCase,
    },
    (position, engine) => {
      Atomics.store(pulse, 0, position);
      Atomics.store(pulse, 1, engine);
      Atomics.add(pulse, 2, 1);
    },
  );
  current = { key, runner, names: engines.map(({ name }) => name) };
  return current;
}

/** What an engine's VM lacks is said before the campaign starts; what else goes wrong there is a finding. */
function refuseIncomplete(engine: Engine, vm: VmConfig): void {
  try {
    engine.createVm(vm);
  } catch (error) {
    if (error instanceof EngineUnavailable) throw error;
  }
}

export default async function run({ config, task, pulse: shared }: WorkerRequest): Promise<WorkerReply> {
  pulse = new Int32Array(shared);
  Atomics.add(pulse, 2, 1);
  try {
    const { runner, names } = await runnerFor(config);
    if (!task) return { kind: 'engines', names };
    return { kind: 'shard', result: runner.run(task) };
  } catch (error) {
    if (error instanceof EngineUnavailable) return { kind: 'unavailable', message: error.message };
    throw error;
  }
}
