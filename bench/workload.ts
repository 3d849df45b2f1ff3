/** What lookups are measured on: filters, boundary-biased accesses, and the file that hands both to the C rivals. */
import type { Random } from '../src/fuzz/random.ts';
import { LANDMARKS } from '../src/fuzz/space.ts';
import { KVM_MSR_FILTER_MAX_BITMAP_SIZE, type MsrFilter, type MsrFilterRange } from '../src/model/filter.ts';
import type { AccessBatch } from '../src/model/scenario.ts';
import { AccessType } from '../src/model/verdict.ts';

export interface Workload {
  readonly filter: MsrFilter;
  /** Of equal length. */
  readonly batches: readonly AccessBatch[];
}

/** Distance of the ranges' bases: 16 of them span the index space. */
const SPREAD = 0x0f00_0000;

function range(slot: number, nmsrs: number, random: Random): MsrFilterRange {
  const bitmap = new Uint8Array(Math.ceil(nmsrs / 64) * 8).map(() => random.u32());
  return { flags: 3, nmsrs, base: ((slot * SPREAD) >>> 0) + 0x1000 + random.below(0x1000), bitmap };
}

/** Ranges far apart, DENY by default: nothing is decided early. Without ranges ALLOW, as the ioctl demands. */
export function spreadFilter(ranges: number, nmsrs: number, random: Random): MsrFilter {
  return { flags: ranges > 0 ? 1 : 0, ranges: Array.from({ length: ranges }, (_, slot) => range(slot, nmsrs, random)) };
}

/** The filter with other bits in one range. */
export function changeOneRange(filter: MsrFilter, random: Random): MsrFilter {
  const slot = random.below(filter.ranges.length);
  const { base, nmsrs } = filter.ranges[slot]!;
  return { ...filter, ranges: filter.ranges.with(slot, { ...range(slot, nmsrs, random), base }) };
}

/** Reads only: WRMSR is completed before the filter is asked (docs/findings.md), which vmx and svm do as kernels do. */
const TSC_DEADLINE = 0x6e0;

/** A quarter landmarks, a quarter next to the ends of ranges, the rest inside ranges; reads and writes. */
export function boundaryBatch({ ranges }: MsrFilter, accesses: number, random: Random): AccessBatch {
  const indices = new Uint32Array(accesses);
  const types = new Uint8Array(accesses);
  for (let i = 0; i < accesses; i++) {
    const kind = random.below(4);
    types[i] = random.below(2);
    if (kind === 0) indices[i] = LANDMARKS[random.below(LANDMARKS.length)]!;
    else if (ranges.length === 0) indices[i] = random.u32();
    else {
      const { base, nmsrs } = ranges[random.below(ranges.length)]!;
      if (kind === 1) indices[i] = base + (random.below(2) === 0 ? 0 : nmsrs) + random.below(3) - 1;
      else indices[i] = base + random.below(nmsrs);
    }
    if (indices[i] === TSC_DEADLINE) types[i] = AccessType.READ;
  }
  return { indices, types };
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Uint8Array | Uint32Array): Buffer =>
  Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);

/** As bench/c/harness.c reads it. */
export function encodeWorkloads(workloads: readonly Workload[]): Buffer {
  const [{ batches }] = workloads as [Workload];
  const parts = [Uint32Array.of(workloads.length, batches.length, batches[0]!.indices.length)].map(bytesOf);
  for (const { filter } of workloads) {
    parts.push(bytesOf(Uint32Array.of(1 - filter.flags, filter.ranges.length)));
    for (const { flags, base, nmsrs, bitmap } of filter.ranges) {
      const whole = new Uint8Array(KVM_MSR_FILTER_MAX_BITMAP_SIZE);
      whole.set(bitmap!);
      parts.push(bytesOf(Uint32Array.of(flags, base, nmsrs)), bytesOf(whole));
    }
  }
  const all = workloads.flatMap((workload) => workload.batches);
  return Buffer.concat([
    ...parts,
    ...all.map(({ indices }) => bytesOf(indices)),
    ...all.map(({ types }) => bytesOf(types)),
  ]);
}
