/**
 * `npm run prove-bench`: how fast proofs over the whole index space are. `--shards N` of the 512 of a brute force per pair
 * of engines, from which its time on two cores is extrapolated; `--whole` runs one whole, interval against reference, on
 * `--workers N` threads; `--seconds N` per way of partition; `--json` for machines.
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { quantity, table } from '../src/cli/render.ts';
import type { Engine } from '../src/engines/contract.ts';
import { interval } from '../src/engines/interval.ts';
import { reference } from '../src/engines/reference.ts';
import { svm } from '../src/engines/svm.ts';
import { vmx } from '../src/engines/vmx.ts';
import { Random } from '../src/fuzz/random.ts';
import { catalogueBase } from '../src/model/catalogue.ts';
import { KVM_MSR_FILTER_MAX_NMSRS, KVM_MSR_FILTER_MAX_RANGES, type MsrFilter } from '../src/model/filter.ts';
import { formatFilter } from '../src/model/filter-json.ts';
import { NEWEST_PROFILE } from '../src/model/profile.ts';
import { ApicMode } from '../src/model/scenario.ts';
import { bruteForceShards, proveByBruteForce } from '../src/prove/brute-force.ts';
import { Partition, proveByPartition } from '../src/prove/partition.ts';
import type { BruteForcePlan } from '../src/prove/plan.ts';
import { FilterSource, somePoints } from '../src/prove/random-filters.ts';
import { Trial } from '../src/prove/trial.ts';
import { Samples } from './statistics.ts';
import { spreadFilter } from './workload.ts';

const MODELS = [reference, interval, vmx, svm];
const PAIRS = MODELS.slice(1).map((engine) => [reference, engine] as const);
const RANGES = [1, 4, KVM_MSR_FILTER_MAX_RANGES];
const CORES = 2;
const ACCESSES = 2 ** 33;
const BATCH = 16_384;
const STATE = { profile: NEWEST_PROFILE.id, mask: 7, apic: ApicMode.X2APIC } as const;

const { values } = parseArgs({
  options: {
    shards: { type: 'string', default: '6' },
    seconds: { type: 'string', default: '3' },
    workers: { type: 'string', default: String(CORES) },
    whole: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});

function bruteForcePlan(ranges: number): BruteForcePlan {
  const filter = formatFilter(spreadFilter(ranges, KVM_MSR_FILTER_MAX_NMSRS, new Random(ranges)));
  return { kind: 'brute-force', engines: [], ...STATE, filter };
}

function noBeat(): void {}

/** Nanoseconds per access of each engine by itself, in batches of consecutive indices; the engines take turns. */
function engineRow(ranges: number): Record<string, number> {
  const config = { profile: NEWEST_PROFILE, base: catalogueBase() };
  const vms = MODELS.map((engine) => engine.createVm(config));
  const filter = spreadFilter(ranges, KVM_MSR_FILTER_MAX_NMSRS, new Random(ranges));
  for (const vm of vms) vm.setFilter(filter, 'normal');
  const samples = new Samples();
  const [verdicts, routes] = [new Uint8Array(BATCH), new Uint8Array(BATCH)];
  const random = new Random(ranges, 1);
  for (let round = 0; round < 400; round++) {
    const first = random.below(2 ** 32 / BATCH) * BATCH;
    const indices = Uint32Array.from({ length: BATCH }, (_, i) => first + i);
    const types = new Uint8Array(BATCH).fill(round & 1);
    for (const [i, vm] of vms.entries()) {
      const started = performance.now();
      vm.access({ indices, types }, verdicts, routes);
      // The first rounds warm up.
      if (round >= 100) samples.note(MODELS[i]!.name, ((performance.now() - started) * 1e6) / BATCH);
    }
  }
  return samples.medians();
}

/** Nanoseconds per access of a brute force, both engines and their comparison, by pair; the pairs take turns. */
function bruteForceRow(ranges: number, shards: number): Record<string, number> {
  const plan = bruteForcePlan(ranges);
  const samples = new Samples();
  for (let n = 0; n <= shards; n++) {
    const shard = Math.floor((n * bruteForceShards(plan)) / (shards + 1));
    for (const pair of PAIRS) {
      const started = performance.now();
      const { accesses, disproof } = proveByBruteForce(plan, shard, pair, noBeat);
      if (disproof !== null) throw new Error(`disproved: ${disproof}`);
      if (n > 0) samples.note(pair[1].name, ((performance.now() - started) * 1e6) / accesses);
    }
  }
  return samples.medians();
}

/**
 * All shards of one brute force on several threads. Seconds on the clock, without starting the threads, and of the
 * processor: on a machine that is shared the first is more than the second divided by the threads.
 */
async function whole(ranges: number, threads: number): Promise<{ seconds: number; cpuSeconds: number }> {
  const plan = bruteForcePlan(ranges);
  let [next, running, started] = [0, 0, 0];
  const url = new URL(import.meta.url);
  const workers = Array.from({ length: threads }, () => new Worker(url, { workerData: plan }));
  await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))));
  started = performance.now();
  const before = process.cpuUsage();
  await new Promise<void>((resolve, reject) => {
    for (const worker of workers) {
      const feed = (): void => {
        if (next < bruteForceShards(plan)) worker.postMessage(next++);
        else if (--running === 0) resolve();
      };
      running++;
      worker.on('message', feed);
      worker.on('error', reject);
      feed();
    }
  });
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(before);
  await Promise.all(workers.map((worker) => worker.terminate()));
  return { seconds, cpuSeconds: (user + system) / 1e6 };
}

/** Filters per second on one core, compiled forms, by engine that is compared with the reference. */
function partitionRow(draw: (number: number) => MsrFilter, seconds: number): Record<string, number> {
  const rates: Record<string, number> = {};
  for (const pair of PAIRS) {
    const trial = new Trial(STATE, pair);
    const partition = new Partition(trial, STATE.apic, 0, noBeat);
    const prove = (number: number): void => {
      const filter = draw(number);
      if (trial.install(filter).kind !== 'accepted' || partition.check(somePoints(filter, number)) !== undefined) {
        throw new Error(`disproved: filter ${number}`);
      }
    };
    for (let number = 0; number < 300; number++) prove(number);
    const started = performance.now();
    let count = 0;
    for (; performance.now() - started < seconds * 1000; count++) prove(300 + count);
    rates[pair[1].name] = (count * 1000) / (performance.now() - started);
  }
  return rates;
}

/** 16 ranges of 12,288 MSRs anywhere, all bits random. */
function fullSize(number: number): MsrFilter {
  const random = new Random(number, 7);
  const bits = new Uint32Array((KVM_MSR_FILTER_MAX_NMSRS / 32) * KVM_MSR_FILTER_MAX_RANGES);
  for (let i = 0; i < bits.length; i++) bits[i] = random.u32();
  const bytes = KVM_MSR_FILTER_MAX_NMSRS / 8;
  const ranges = Array.from({ length: KVM_MSR_FILTER_MAX_RANGES }, (_, i) => {
    const bitmap = new Uint8Array(bits.buffer, i * bytes, bytes);
    return { flags: 1 + random.below(3), nmsrs: KVM_MSR_FILTER_MAX_NMSRS, base: random.u32(), bitmap };
  });
  return { flags: random.below(2), ranges };
}

/** Milliseconds to prove one filter by partition, every bit run as well: the second of two runs. */
function singleRow(engines: readonly Engine[]): number {
  const plan = { ...bruteForcePlan(KVM_MSR_FILTER_MAX_RANGES), kind: 'partition' } as const;
  let ms = 0;
  for (let run = 0; run < 2; run++) {
    const started = performance.now();
    if (proveByPartition(plan, 0, engines, noBeat).disproof !== null) throw new Error('disproved');
    ms = performance.now() - started;
  }
  return ms;
}

async function main(): Promise<void> {
  const shards = Number(values.shards);
  const seconds = Number(values.seconds);
  const source = new FilterSource('1', NEWEST_PROFILE);
  const engines = RANGES.map((ranges) => ({ ranges, ns: engineRow(ranges) }));
  const bruteForce = shards === 0 ? [] : RANGES.map((ranges) => ({ ranges, ns: bruteForceRow(ranges, shards) }));
  const partition = {
    fullSizePerSecond: partitionRow(fullSize, seconds),
    mixturePerSecond: partitionRow((number) => source.filter(number), seconds),
    everyBitMs: singleRow(MODELS),
  };
  const workers = Number(values.workers);
  const run = values.whole ? await whole(KVM_MSR_FILTER_MAX_RANGES, workers) : undefined;
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version };
  if (values.json) {
    const result = { machine, engines, bruteForce, partition, ...(run ? { whole: { workers, ...run } } : {}) };
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  const names = MODELS.map(({ name }) => name);
  const others = names.slice(1);
  const time = (ns: number): string => `${((ns * ACCESSES) / CORES / 1e9).toFixed(0)} s`;
  const parts = [
    `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}`,
    `ns per access, batches of ${BATCH} consecutive indices, median`,
    table([
      ['ranges', ...names, 'reference / interval'],
      ...engines.map(({ ranges, ns }) => [
        String(ranges),
        ...names.map((name) => ns[name]!.toFixed(1)),
        (ns.reference! / ns.interval!).toFixed(1),
      ]),
    ]),
    `brute force against the reference: ns per access, and 2^33 accesses on ${CORES} cores, extrapolated`,
    table([
      ['ranges', ...others.flatMap((name) => [name, ''])],
      ...bruteForce.map(({ ranges, ns }) => [
        String(ranges),
        ...others.flatMap((name) => [ns[name]!.toFixed(1), time(ns[name]!)]),
      ]),
    ]),
    'partition against the reference: filters of 16 ranges per second on one core',
    table([
      ['', ...others],
      ['16 x 12,288 MSRs', ...others.map((name) => quantity(partition.fullSizePerSecond[name]!))],
      ['mixture of the generator', ...others.map((name) => quantity(partition.mixturePerSecond[name]!))],
    ]),
    `one filter of 16 x 12,288 MSRs, four engines, every bit run: ${partition.everyBitMs.toFixed(0)} ms`,
  ];
  if (run) {
    const [clock, cpu] = [run.seconds.toFixed(1), run.cpuSeconds.toFixed(1)];
    parts.push(`2^33 accesses, interval against reference, 16 ranges, ${workers} threads: ${clock} s, ${cpu} s of CPU`);
  }
  process.stdout.write(`${parts.join('\n\n')}\n`);
}

/** A thread of `whole`: proves the shards that it is sent. */
function work(plan: BruteForcePlan): void {
  parentPort!.on('message', (shard: number) => {
    const { disproof } = proveByBruteForce(plan, shard, [reference, interval], noBeat);
    if (disproof !== null) throw new Error(`disproved: ${disproof}`);
    parentPort!.postMessage(shard);
  });
  parentPort!.postMessage('ready');
}

if (isMainThread) await main();
else work(workerData as BruteForcePlan);
