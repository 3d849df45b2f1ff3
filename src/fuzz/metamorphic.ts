/**
 * Metamorphic relations: changes to a valid filter that change no decision. They test one engine against itself,
 * so they hold even where all engines share a mistake.
 */
import {
  KVM_MSR_FILTER_MAX_NMSRS,
  KVM_MSR_FILTER_MAX_RANGES,
  type MsrFilter,
  type MsrFilterRange,
} from '../model/filter.ts';
import type { Scenario } from '../model/scenario.ts';

export interface Relation {
  readonly name: string;
  /** The changed filter, or undefined where the relation does not apply. Deterministic. */
  readonly apply: (filter: MsrFilter) => MsrFilter | undefined;
}

const wraps = (range: MsrFilterRange): boolean => range.base + range.nmsrs > 0xffff_ffff;
const disjoint = (a: MsrFilterRange, b: MsrFilterRange): boolean =>
  (a.flags & b.flags) === 0 || wraps(a) || wraps(b) || a.base + a.nmsrs <= b.base || b.base + b.nmsrs <= a.base;

/** Ranges base..base+count-1 of a range, with their bits. */
function part(range: MsrFilterRange, from: number, count: number): MsrFilterRange {
  const bitmap = new Uint8Array(Math.ceil(count / 64) * 8);
  for (let bit = 0; bit < count; bit++) {
    const source = from + bit;
    bitmap[bit >>> 3]! |= ((range.bitmap![source >>> 3]! >>> (source & 7)) & 1) << (bit & 7);
  }
  return { flags: range.flags, nmsrs: count, base: range.base + from, bitmap };
}

function replaced(filter: MsrFilter, slot: number, ...by: MsrFilterRange[]): MsrFilter | undefined {
  const ranges = [...filter.ranges.slice(0, slot), ...by, ...filter.ranges.slice(slot + 1)];
  return ranges.length > KVM_MSR_FILTER_MAX_RANGES ? undefined : { flags: filter.flags, ranges };
}

export const RELATIONS: readonly Relation[] = [
  {
    name: 'swap-disjoint',
    apply: ({ flags, ranges }) => {
      const slot = ranges.findIndex((range, i) => i > 0 && disjoint(ranges[i - 1]!, range));
      if (slot < 0) return undefined;
      const swapped = [...ranges];
      swapped[slot] = ranges[slot - 1]!;
      swapped[slot - 1] = ranges[slot]!;
      return { flags, ranges: swapped };
    },
  },
  {
    name: 'split-range',
    apply: (filter) => {
      const slot = filter.ranges.findIndex((range) => range.nmsrs > 1 && !wraps(range));
      if (slot < 0) return undefined;
      const range = filter.ranges[slot]!;
      const half = range.nmsrs >>> 1;
      return replaced(filter, slot, part(range, 0, half), part(range, half, range.nmsrs - half));
    },
  },
  {
    name: 'insert-empty',
    apply: (filter) => {
      const slot = filter.ranges.length >>> 1;
      const empty = { flags: 0xffff_ffff, nmsrs: 0, base: 0x10, bitmap: null };
      const range = filter.ranges[slot];
      return range ? replaced(filter, slot, empty, range) : undefined;
    },
  },
  {
    name: 'split-directions',
    apply: (filter) => {
      const slot = filter.ranges.findIndex((range) => range.flags === 3);
      if (slot < 0) return undefined;
      const range = filter.ranges[slot]!;
      return replaced(filter, slot, { ...range, flags: 1 }, { ...range, flags: 2 });
    },
  },
  {
    name: 'repeat-range',
    apply: (filter) => {
      const range = filter.ranges[0];
      if (!range || filter.ranges.length >= KVM_MSR_FILTER_MAX_RANGES) return undefined;
      const opposite = range.bitmap!.map((byte) => ~byte);
      return { flags: filter.flags, ranges: [...filter.ranges, { ...range, bitmap: opposite }] };
    },
  },
  {
    name: 'drop-wrapped',
    apply: ({ flags, ranges }) => {
      const kept = ranges.filter((range) => range.nmsrs > 0 && !wraps(range));
      return kept.length > 0 && ranges.some((range) => range.nmsrs > 0 && wraps(range))
        ? { flags, ranges: kept }
        : undefined;
    },
  },
];

/** Accepted on every kernel: what the relations are stated for. */
function valid(filter: MsrFilter): boolean {
  return (
    filter.flags <= 1 &&
    filter.ranges.every(
      ({ flags, nmsrs, bitmap }) =>
        nmsrs > 0 &&
        flags >= 1 &&
        flags <= 3 &&
        nmsrs <= KVM_MSR_FILTER_MAX_NMSRS &&
        bitmap !== null &&
        bitmap.length * 8 >= Math.ceil(nmsrs / 64) * 64,
    )
  );
}

/** The scenario with the relation applied to every filter that it applies to; undefined if to none. */
export function transform(scenario: Scenario, relation: Relation): Scenario | undefined {
  let applied = false;
  const events = scenario.events.map((event) => {
    if (event.kind !== 'filter' || !valid(event.filter)) return event;
    const filter = relation.apply(event.filter);
    if (!filter) return event;
    applied = true;
    return { ...event, filter };
  });
  return applied ? { events } : undefined;
}
