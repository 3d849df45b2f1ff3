/** What filters are compared by: classes of a filter, and of one of its ranges. */
import type { MsrFilter, MsrFilterRange } from '../model/filter.ts';
import type { Counts } from './chi-square.fixture.ts';

type Feature = (filter: MsrFilter, slot: number) => string | number;

/**
 * Of a filter's ranges one is looked at, in a slot that its number decides: ranges of one filter are not drawn
 * independently of each other, filters are.
 */
export const FEATURES = {
  'number of ranges': ({ ranges }) => ranges.length,
  'filter flags': ({ flags }) => (flags < 4 ? flags : 'other'),
  'range flags': ofRange(({ flags }) => (flags < 4 ? flags : 'other')),
  nmsrs: ofRange(({ nmsrs }) => extent(nmsrs)),
  'bitmap content': ofRange(({ bitmap }) => content(bitmap)),
  'bitmap length': ofRange(length),
  base: ofRange(({ base }) => region(base)),
  // The second is related to the first alone; a later one to any before it.
  'relation of the first two': ({ ranges }) => (ranges.length < 2 ? 'none' : relation(ranges[0]!, ranges[1]!)),
} as const satisfies Record<string, Feature>;

export type FeatureName = keyof typeof FEATURES;
export const FEATURE_NAMES = Object.keys(FEATURES) as FeatureName[];

/** How often each class of each feature is met. */
export class FeatureCounts {
  readonly counts = new Map<FeatureName, Counts>(FEATURE_NAMES.map((name) => [name, new Map()]));
  private filters = 0;

  add(filter: MsrFilter): void {
    const slot = this.filters++ % Math.max(1, filter.ranges.length);
    for (const name of FEATURE_NAMES) {
      const counts = this.counts.get(name) as Map<string | number, number>;
      const value = FEATURES[name](filter, slot);
      counts.set(value, (counts.get(value) ?? 0) + 1);
    }
  }
}

function ofRange(feature: (range: MsrFilterRange) => string | number): Feature {
  return ({ ranges }, slot) => (ranges.length === 0 ? 'no range' : feature(ranges[slot]!));
}

const EXTENTS = [0, 1, 6, 30, 64, 129, 512, 1029, 4096, 8190, 8193, 12224, 12287, 12288];

function extent(nmsrs: number): number {
  const place = EXTENTS.findIndex((limit) => nmsrs <= limit);
  return place < 0 ? EXTENTS.length : place;
}

function content(bitmap: Uint8Array | null): string {
  if (bitmap === null) return 'unmapped';
  let ones = 0;
  for (const byte of bitmap) for (let bits = byte; bits !== 0; bits &= bits - 1) ones++;
  const bits = bitmap.length * 8;
  if (bits === 0) return 'empty';
  if (ones <= 1) return ones === 0 ? 'zeros' : 'one bit';
  if (ones >= bits - 1) return ones === bits ? 'ones' : 'one bit off';
  const share = ones / bits;
  return share < 0.3 ? 'sparse' : share > 0.7 ? 'dense' : 'random';
}

function length({ nmsrs, bitmap }: MsrFilterRange): string {
  if (bitmap === null) return 'unmapped';
  if (nmsrs > 12288) return bitmap.length === 8 ? 'over, 8' : 'over';
  const surplus = bitmap.length - Math.ceil(nmsrs / 64) * 8;
  if (surplus === 0) return 'exact';
  return surplus > 0 ? `long by ${surplus > 16 ? 'more' : (surplus + 3) >>> 2}` : 'short';
}

/** First MSR of each region that generators aim at or around. */
const REGIONS = [
  0x400, 0x7f0, 0x800, 0x900, 0xa20, 0x1ff0, 0x2010, 0x3fff_d000, 0x4000_0100, 0x4b56_4c00, 0x4b56_4e00, 0x7fff_d000,
  0x8000_0010, 0xbfff_d000, 0xc000_0000, 0xc000_0200, 0xc000_1ff0, 0xc000_2010, 0xc000_d000, 0xc001_0000, 0xc001_2001,
  0xffff_cff0, 0xffff_fffc,
];

function region(base: number): number {
  const place = REGIONS.findIndex((limit) => base < limit);
  return place < 0 ? REGIONS.length : place;
}

function relation(before: MsrFilterRange, { base, nmsrs }: MsrFilterRange): string {
  if (before.nmsrs === 0 || nmsrs === 0) return 'empty';
  if (base === before.base) return nmsrs === before.nmsrs ? 'identical' : 'same base';
  const [end, endBefore] = [base + nmsrs, before.base + before.nmsrs];
  if (base === endBefore) return 'after';
  if (end === before.base) return 'before';
  if (base > endBefore) return 'far above';
  if (end < before.base) return 'far below';
  if (base > before.base) return end > endBefore ? 'overlaps the tail' : 'inside';
  return end < endBefore ? 'overlaps the head' : 'around';
}
