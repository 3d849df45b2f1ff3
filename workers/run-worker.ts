/** Worker thread: runs scenarios through engines that it keeps loaded, and posts what each decided. */
import { parentPort } from 'node:worker_threads';
import type { Engine } from '../src/engines/contract.ts';
import { EngineUnavailable } from '../src/engines/engine-unavailable.ts';
import { type EngineSpec, labelOf, loadEngines } from '../src/engines/registry.ts';
import { runAll } from '../src/fuzz/run-all.ts';
import type { AbsentEngine, RunAnswer, RunTask } from '../src/fuzz/run-thread.ts';
import { catalogueBase } from '../src/model/catalogue.ts';
import { findProfile } from '../src/model/profile.ts';

/** By position in the specs, which are the same for every task of a thread; a text: why it cannot be had. */
const loaded = new Map<number, Engine | string>();

async function engineAt(position: number, spec: EngineSpec): Promise<Engine | string> {
  const before = loaded.get(position);
  if (before !== undefined) return before;
  const engine = await load(spec);
  loaded.set(position, engine);
  return engine;
}

async function load(spec: EngineSpec): Promise<Engine | string> {
  if (spec.kind === 'kernel') return 'a kernel takes too long to start: use "msrdiff replay"';
  try {
    return (await loadEngines([spec]))[0]!;
  } catch (error) {
    if (error instanceof EngineUnavailable) return error.message.split('\n')[0]!;
    throw error;
  }
}

async function run({ engines: specs, skip, scenario, profile, pulse }: RunTask): Promise<RunAnswer> {
  const place = new Int32Array(pulse);
  const absent: AbsentEngine[] = [];
  const engines: Engine[] = [];
  const positions: number[] = [];
  for (const [position, spec] of specs.entries()) {
    if (skip.includes(position)) continue;
    Atomics.store(place, 0, position + 1);
    const engine = await engineAt(position, spec);
    if (typeof engine === 'string') absent.push({ engine: labelOf(spec), reason: engine });
    else if (engines.some(({ name }) => name === engine.name)) {
      absent.push({ engine: labelOf(spec), reason: `another engine is named "${engine.name}"` });
    } else {
      engines.push(engine);
      positions.push(position);
    }
  }
  const config = { profile: findProfile(profile)!, base: catalogueBase() };
  const outcome = runAll(scenario, engines, config, (number) => Atomics.store(place, 0, positions[number]! + 1));
  return { ...outcome, absent };
}

parentPort!.on('message', async (task: RunTask) => {
  parentPort!.postMessage(await run(task));
});
