/** Proof of random filters of 16 ranges, each by partition, in the compiled form of the engines that have one. */
import { allCandidates } from '../fuzz/case.ts';
import { BitmapPool, type FilterContext, generateRange } from '../fuzz/generate.ts';
import { Random } from '../fuzz/random.ts';
import { NEUTRAL_STEERING, Policy } from '../fuzz/space.ts';
import {
  KVM_MSR_FILTER_MAX_NMSRS,
  KVM_MSR_FILTER_MAX_RANGES,
  type MsrFilter,
  type MsrFilterRange,
} from '../model/filter.ts';
import { InputError } from '../model/input-error.ts';
import type { KernelProfile } from '../model/profile.ts';
import { everyPoint, filterCuts, Partition } from './partition.ts';
import type { RandomPlan, ShardProof, ShardProver } from './plan.ts';
import { INDICES } from './runs.ts';
import { installOrReject, Trial } from './trial.ts';

/** Filters of one shard. */
export const SHARD_FILTERS = 256;

export function randomShards({ filters }: RandomPlan): number {
  return Math.ceil(filters / SHARD_FILTERS);
}

/**
 * Shard s: filters s * 256 to (s + 1) * 256 - 1. Filter n is drawn from the plan's seed and n, whatever the shard.
 * `counts` and `accesses`: as `proveByPartition` has them.
 *
 * @throws InputError if the seed is no u64
 */
export const proveRandomFilters: ShardProver<RandomPlan> = (plan, shard, engines, beat): ShardProof => {
  const trial = new Trial(plan, engines);
  const source = new FilterSource(plan.seed, trial.config.profile);
  const partition = new Partition(trial, plan.apic, shard, beat);
  const end = Math.min(plan.filters, (shard + 1) * SHARD_FILTERS);
  let disproof: string | undefined;
  for (let number = shard * SHARD_FILTERS; number < end && disproof === undefined; number++) {
    beat(number - shard * SHARD_FILTERS);
    const filter = source.filter(number);
    disproof = installOrReject(trial, filter);
    if (disproof !== undefined) break;
    // What has no compiled form is run on every bit.
    const complete = trial.vms.every((vm) => vm.compiled?.() !== undefined);
    disproof = partition.check(complete ? somePoints(filter, number) : everyPoint(filter, partition.base));
  }
  return partition.result(disproof);
};

const U64_LIMIT = 1n << 64n;

/** Filters by number: 16 ranges that the ioctl accepts, none empty, drawn as the campaign's generator draws them. */
export class FilterSource {
  private readonly low: number;
  private readonly high: number;
  private readonly context: Omit<FilterContext, 'choices'>;

  constructor(seed: string, profile: KernelProfile) {
    if (!/^\d{1,20}$/.test(seed) || BigInt(seed) >= U64_LIMIT) throw new InputError(`seed "${seed}" is no u64`);
    this.low = Number(BigInt(seed) & 0xffff_ffffn);
    this.high = Number(BigInt(seed) >> 32n);
    this.context = { policy: new Policy(), pool: new BitmapPool(), candidates: allCandidates(profile) };
  }

  /** Shares its bitmaps' memory with the next one. */
  filter(number: number): MsrFilter {
    const choices = new Random(this.low, this.high, number);
    const context = { ...this.context, choices };
    context.policy.reset(choices, NEUTRAL_STEERING);
    context.pool.reset();
    const ranges: MsrFilterRange[] = [];
    while (ranges.length < KVM_MSR_FILTER_MAX_RANGES) ranges.push(accepted(context, generateRange(context, ranges)));
    return { flags: choices.below(2), ranges };
  }
}

/** The range, with what the ioctl would reject or leave out replaced. */
function accepted({ choices, pool }: FilterContext, { flags, base, nmsrs, bitmap }: MsrFilterRange): MsrFilterRange {
  const size = nmsrs === 0 || nmsrs > KVM_MSR_FILTER_MAX_NMSRS ? 1 + choices.below(KVM_MSR_FILTER_MAX_NMSRS) : nmsrs;
  const bytes = Math.ceil(size / 64) * 8;
  let bits = bitmap;
  if (bits === null || bits.length < bytes) {
    bits = pool.take(bytes);
    for (let i = 0; i < bytes; i++) bits[i] = choices.u32();
  }
  return { flags: flags >= 1 && flags <= 3 ? flags : 1 + choices.below(3), base, nmsrs: size, bitmap: bits };
}

/** Indices of each range at which the engines are run besides its ends; which ones, goes round with the filter. */
const SAMPLES = 3;

/** The cuts of the filter and their neighbours, and a few indices of each range; ascending. */
export function somePoints(filter: MsrFilter, number: number): Uint32Array {
  const points = [0, INDICES - 1, 0x7ff, 0x800, 0x8ff, 0x900];
  for (const cut of filterCuts(filter)) points.push((cut + INDICES - 1) % INDICES, cut % INDICES, (cut + 1) % INDICES);
  for (const { base, nmsrs } of filter.ranges) {
    for (let n = 0; n < SAMPLES; n++) points.push((base + (((number * SAMPLES + n) * 4099) % nmsrs)) % INDICES);
  }
  return Uint32Array.from(points).sort();
}
