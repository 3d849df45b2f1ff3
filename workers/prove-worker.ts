/** piscina worker: settles shards of proofs. Engines live as long as the thread. */
import type { Engine } from '../src/engines/contract.ts';
import { EngineUnavailable } from '../src/engines/engine-unavailable.ts';
import { loadEngines } from '../src/engines/registry.ts';
import { InputError } from '../src/model/input-error.ts';
import { proveShard } from '../src/prove/provers.ts';
import type { ProveReply, ProveRequest } from '../src/prove/worker-protocol.ts';

let current: { readonly key: string; readonly engines: readonly Engine[] } | undefined;

async function loaded(specs: ProveRequest['engines']): Promise<readonly Engine[]> {
  const key = JSON.stringify(specs);
  if (current?.key !== key) current = { key, engines: await loadEngines(specs) };
  return current.engines;
}

export default async function prove({ engines: specs, task, pulse: shared }: ProveRequest): Promise<ProveReply> {
  const pulse = new Int32Array(shared);
  Atomics.add(pulse, 1, 1);
  try {
    const engines = await loaded(specs);
    if (!task) {
      const vendors = engines.flatMap(({ capabilities: { bitmap } }) => bitmap ?? []);
      return { kind: 'engines', engines: { names: engines.map(({ name }) => name), vendors: [...new Set(vendors)] } };
    }
    const beat = (place: number): void => {
      // Plain stores: the watchdog looks seldom, and a beat is as frequent as a filter.
      pulse[0] = place;
      pulse[1] = pulse[1]! + 1;
    };
    return { kind: 'shard', proof: proveShard(task.plan, task.shard, engines, beat) };
  } catch (error) {
    if (error instanceof EngineUnavailable) return { kind: 'unavailable', message: error.message };
    if (error instanceof InputError) return { kind: 'input', message: error.message };
    throw error;
  }
}
