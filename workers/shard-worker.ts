/** piscina worker: runs shards. Engines, VMs and buffers live as long as the thread. */
import type { Engine } from '../src/engines/contract.ts';
import { EngineUnavailable } from '../src/engines/engine-unavailable.ts';
import { closeEngines, loadEngines } from '../src/engines/registry.ts';
import type { ShardRunner } from '../src/fuzz/shard.ts';
import { kernelsOf, shardRunner } from '../src/fuzz/shard-engines.ts';
import type { CloseRequest, WorkerConfig, WorkerReply, WorkerRequest } from '../src/fuzz/worker-protocol.ts';
import type { MeasuredKernel } from '../src/model/kernel.ts';

/** What a thread keeps: engines are expensive to start. */
interface Loaded {
  readonly key: string;
  readonly engines: readonly Engine[];
  readonly kernels: Readonly<Record<string, MeasuredKernel>>;
  runner: ShardRunner | undefined;
}

let current: Loaded | undefined;
let pulse = new Int32Array(new SharedArrayBuffer(12));

async function loaded({ config, timeoutMs, kernelsElsewhere }: WorkerRequest): Promise<Loaded> {
  const key = JSON.stringify({ ...config, kernels: undefined });
  if (current?.key === key) return current;
  closeEngines(current?.engines ?? []);
  // Waiting for an engine with a time limit of its own is life: the watchdog is for those that have none.
  const onWait = (): void => void Atomics.add(pulse, 2, 1);
  const elsewhere = kernelsElsewhere ? { kernelsElsewhere: config.kernels } : {};
  const engines = await loadEngines(config.engines, { timeoutMs, onWait, ...elsewhere });
  current = { key, engines, kernels: kernelsOf(engines, config), runner: undefined };
  return current;
}

function runnerOf(all: Loaded, config: WorkerConfig): ShardRunner {
  all.runner ??= shardRunner(all.engines, { ...config, kernels: all.kernels }, (position, engine) => {
    Atomics.store(pulse, 0, position);
    Atomics.store(pulse, 1, engine);
    Atomics.add(pulse, 2, 1);
  });
  return all.runner;
}

/** Milliseconds that a thread holds its request to close, so that another thread gets the next one. */
const HOLD_MS = 1_000;

function close({ arrived, threads }: CloseRequest['close']): WorkerReply {
  const here = new Int32Array(arrived);
  Atomics.add(here, 0, 1);
  Atomics.notify(here, 0);
  closeEngines(current?.engines ?? []);
  current = undefined;
  const end = performance.now() + HOLD_MS;
  for (let count = Atomics.load(here, 0); count < threads; count = Atomics.load(here, 0)) {
    const left = end - performance.now();
    if (left <= 0) break;
    Atomics.wait(here, 0, count, left);
  }
  return { kind: 'closed' };
}

export default async function run(request: WorkerRequest | CloseRequest): Promise<WorkerReply> {
  if ('close' in request) return close(request.close);
  const { config, task, pulse: shared } = request;
  pulse = new Int32Array(shared);
  Atomics.add(pulse, 2, 1);
  try {
    const all = await loaded(request);
    if (!task) return { kind: 'engines', names: all.engines.map(({ name }) => name), kernels: all.kernels };
    return { kind: 'shard', result: runnerOf(all, config).run(task) };
  } catch (error) {
    if (error instanceof EngineUnavailable) return { kind: 'unavailable', message: error.message };
    throw error;
  }
}
