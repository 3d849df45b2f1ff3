/** Slots that can be left out without any change of what kernels answer, proven over all 2^33 accesses. */
import type { MsrFilter } from '../../model/filter.ts';
import type { KernelProfile } from '../../model/profile.ts';
import { install } from '../decisions.ts';
import { DIRECTIONS } from './analysis.ts';

/** Whether each of the kernels answers both ioctls and all accesses after them alike. */
export function sameEverywhere(a: MsrFilter, b: MsrFilter, profiles: readonly KernelProfile[]): boolean {
  return profiles.every((profile) => {
    const [first, second] = [install(a, profile), install(b, profile)];
    const same = DIRECTIONS.every((type) => first.decisions[type].equals(second.decisions[type]));
    return first.errno === second.errno && same;
  });
}

export function withoutSlot({ flags, ranges }: MsrFilter, slot: number): MsrFilter {
  return { flags, ranges: ranges.toSpliced(slot, 1) };
}

/**
 * Slots that can all be left out together, ascending; the later of two that say the same is the one. Once through is
 * enough: what a range decides, and what would decide instead, does not depend on the ranges before it that decide
 * nothing different. None if the newest of the kernels refuses the filter, as then nothing that is in it counts.
 */
export function removableSlots(filter: MsrFilter, profiles: readonly KernelProfile[]): number[] {
  if (install(filter, profiles.at(-1)!).errno !== 0) return [];
  const removed: number[] = [];
  let rest = filter;
  for (let slot = filter.ranges.length - 1; slot >= 0; slot--) {
    const without = withoutSlot(rest, slot);
    if (!sameEverywhere(rest, without, profiles)) continue;
    removed.unshift(slot);
    rest = without;
  }
  return removed;
}
