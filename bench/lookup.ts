/** One lookup: the engines beside the kernel's algorithm in C, on the same filter and accesses, interleaved. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Engine } from '../src/engines/contract.ts';
import { interval } from '../src/engines/interval.ts';
import { reference } from '../src/engines/reference.ts';
import { svm } from '../src/engines/svm.ts';
import { vmx } from '../src/engines/vmx.ts';
import { Random } from '../src/fuzz/random.ts';
import { LANDMARKS } from '../src/fuzz/space.ts';
import { catalogueBase } from '../src/model/catalogue.ts';
import type { MsrFilter } from '../src/model/filter.ts';
import { NEWEST_PROFILE } from '../src/model/profile.ts';

const ACCESSES = 65_536;
const ROUNDS = 7;
const REPEATS = 40;

export interface LookupRow {
  readonly ranges: number;
  /** Nanoseconds per lookup, median of the rounds, by rival. */
  readonly ns: Readonly<Record<string, number>>;
}

/** Full-size ranges, far apart, DENY by default: nothing is decided early. */
function fullFilter(count: number, random: Random): MsrFilter {
  const ranges = Array.from({ length: count }, (_, i) => {
    const bitmap = new Uint8Array(1536).map(() => random.u32());
    return { flags: 3, nmsrs: 12288, base: ((i * 0x0f00_0000) >>> 0) + 0x1000, bitmap };
  });
  return { flags: 1, ranges };
}

/** Boundary-biased: range ends, insides and landmarks. */
function stream(filter: MsrFilter, random: Random): { indices: Uint32Array; types: Uint8Array } {
  const indices = new Uint32Array(ACCESSES);
  const types = new Uint8Array(ACCESSES);
  for (let i = 0; i < ACCESSES; i++) {
    const range = filter.ranges[random.below(filter.ranges.length)]!;
    const kind = random.below(4);
    if (kind === 0) indices[i] = LANDMARKS[random.below(LANDMARKS.length)]!;
    else if (kind === 1) indices[i] = range.base + (random.below(2) === 0 ? 0 : range.nmsrs) + random.below(3) - 1;
    else indices[i] = range.base + random.below(range.nmsrs);
    types[i] = random.below(2);
  }
  return { indices, types };
}

function encode(filter: MsrFilter, indices: Uint32Array, types: Uint8Array): Buffer {
  const u32 = (value: number): Buffer => Buffer.from(Uint32Array.of(value).buffer);
  const ranges = filter.ranges.flatMap(({ flags, base, nmsrs, bitmap }) => [
    u32(flags),
    u32(base),
    u32(nmsrs),
    Buffer.from(bitmap!),
  ]);
  return Buffer.concat([
    u32(filter.ranges.length),
    ...ranges,
    u32(indices.length),
    Buffer.from(indices.buffer),
    Buffer.from(types),
  ]);
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >>> 1]!;

export function lookupBench(): LookupRow[] {
  const folder = mkdtempSync(join(tmpdir(), 'msrdiff-bench-'));
  try {
    const program = join(folder, 'linear-scan');
    execFileSync('cc', ['-O2', '-o', program, new URL('../../bench/linear-scan.c', import.meta.url).pathname]);
    return [1, 4, 16].map((count) => measure(count, program, folder));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function measure(count: number, program: string, folder: string): LookupRow {
  const filter = fullFilter(count, new Random(count));
  const config = { profile: NEWEST_PROFILE, base: catalogueBase() };
  const engines: readonly Engine[] = [reference, interval, vmx, svm];
  const vms = engines.map((engine) => engine.createVm(config));
  for (const vm of vms) vm.setFilter(filter, 'normal');
  const samples = new Map<string, number[]>();
  const note = (name: string, ns: number): void => void samples.set(name, [...(samples.get(name) ?? []), ns]);
  const verdicts = new Uint8Array(ACCESSES);
  const routes = new Uint8Array(ACCESSES);
  for (let round = 0; round <= ROUNDS; round++) {
    // A fresh stream each round: a repeated one trains the branch predictor.
    const batch = stream(filter, new Random(count, round));
    const path = join(folder, 'accesses');
    writeFileSync(path, encode(filter, batch.indices, batch.types));
    const scan = Number(execFileSync(program, [path, String(REPEATS)], { encoding: 'utf8' }).split(' ')[0]);
    if (round > 0) note('C -O2 scan', scan);
    for (const [i, vm] of vms.entries()) {
      const from = process.hrtime.bigint();
      for (let n = 0; n < REPEATS; n++) vm.access(batch, verdicts, routes);
      // The first round warms up.
      if (round > 0) note(engines[i]!.name, Number(process.hrtime.bigint() - from) / REPEATS / ACCESSES);
    }
  }
  return { ranges: count, ns: Object.fromEntries([...samples].map(([name, values]) => [name, median(values)])) };
}
