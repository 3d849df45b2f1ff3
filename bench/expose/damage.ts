/** One rare or invalid thing in an otherwise plain filter, the same for both rival samplers. */
import type { MsrFilter, MsrFilterRange } from '../../src/model/filter.ts';
import type { DAMAGES } from './shape.ts';

export interface Damage {
  readonly kind: (typeof DAMAGES)[number];
  /** Which range, modulo their number. */
  readonly slot: number;
  /** A u32: the new value of the field. */
  readonly value: number;
  /** Bytes missing at the end of the bitmap. */
  readonly cut: number;
}

export function damaged(filter: MsrFilter, { kind, slot, value, cut }: Damage): MsrFilter {
  if (kind === 'filterFlags') return { ...filter, flags: value };
  if (kind === 'noRange') return { ...filter, ranges: [] };
  const at = slot % filter.ranges.length;
  return { ...filter, ranges: filter.ranges.map((range, i) => (i === at ? changed(range, kind, value, cut) : range)) };
}

function changed(
  range: MsrFilterRange,
  kind: Exclude<Damage['kind'], 'filterFlags' | 'noRange'>,
  value: number,
  cut: number,
): MsrFilterRange {
  switch (kind) {
    case 'rangeFlags':
      return { ...range, flags: value };
    case 'nmsrs':
      return { ...range, nmsrs: value };
    case 'hole':
      return { ...range, nmsrs: 0 };
    case 'short':
      return { ...range, bitmap: range.bitmap!.subarray(0, Math.max(0, range.bitmap!.length - cut)) };
    case 'unmapped':
      return { ...range, bitmap: null };
  }
}
