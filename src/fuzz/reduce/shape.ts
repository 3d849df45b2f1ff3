/** Moves on the extent of ranges and on their bitmaps. */
import type { MsrFilterRange } from '../../model/filter.ts';
import type { Scenario } from '../../model/scenario.ts';
import {
  accessesOf,
  mapRanges,
  plainRange,
  rangesOf,
  reshape,
  setBitsOf,
  touches,
  withAccesses,
  withBits,
  withExactBitmap,
  withMasks,
  withoutKinds,
  withRange,
  withRanges,
} from './edit.ts';
import type { Move, Search } from './search.ts';

function eachRange(search: Search, visit: (number: number, slot: number) => void): void {
  for (let number = 0; number < search.scenario.events.length; number++) {
    for (let slot = 0; slot < rangesOf(search.scenario, number).length; slot++) visit(number, slot);
  }
}

/** Ranges that do not touch the index: empty, or as plain as they can be; all at once and then one by one. */
export const plainFillers: Move = (search) => {
  const { index, access } = search.observation;
  const fillers: MsrFilterRange[] = [plainRange(0, 0, 0)];
  // The lowest base that no MSR of the scenario touches; where none is low, all bases are alike.
  const isLow = [index, ...accessesOf(search.scenario).map((to) => to.index)].some((at) => at <= 2);
  const bases = isLow ? [0, 1, 2, 3] : [0, 1];
  for (const base of bases) for (const flags of [1, 2, 3]) fillers.push(plainRange(base, flags));
  for (const base of [0, 1]) for (const flags of [1, 2, 3]) fillers.push(withBits(plainRange(base, flags), [0]));
  for (const base of [index - 1, index + 1]) {
    if (access >= 0 && base >= 0 && base <= 0xffff_ffff) fillers.push(plainRange(base, 1));
  }
  const isFiller = (range: MsrFilterRange): boolean => access < 0 || !touches(range, index) || range.nmsrs === 0;
  const all = (filler: MsrFilterRange): Scenario =>
    mapRanges(search.scenario, (range) => (isFiller(range) ? filler : range));
  if (access >= 0) search.trySmallest(fillers.map(all));
  allButOne(search, fillers);
  eachRange(search, (number, slot) => {
    const ranges = rangesOf(search.scenario, number);
    if (ranges.length > 3 && !isFiller(ranges[slot]!)) return;
    search.trySmallest(fillers.map((filler) => withRange(search.scenario, number, slot, filler)));
  });
};

/** Where many ranges are needed for their number, one decides and the others are alike. */
function allButOne(search: Search, fillers: readonly MsrFilterRange[]): void {
  for (let number = 0; number < search.scenario.events.length; number++) {
    const ranges = rangesOf(search.scenario, number);
    if (ranges.length <= 3) continue;
    for (let kept = ranges.length - 1; kept >= 0; kept--) {
      const alike = fillers.map((filler) => ranges.map((range, slot) => (slot === kept ? range : filler)));
      if (search.trySmallest(alike.map((list) => withRanges(search.scenario, number, list)))) break;
    }
  }
}

/** Ranges that the ioctl rejects: one MSR, and nothing wrong but what must be. */
export const badRanges: Move = (search) => {
  const plain = [1, 0, 4].map((flags) => plainRange(0, flags));
  const bitmaps = [null, new Uint8Array(1), new Uint8Array(0)];
  const bad = [...plain, ...bitmaps.flatMap((bitmap) => plain.map((range) => ({ ...range, bitmap })))];
  eachRange(search, (number, slot) => {
    const { flags, nmsrs, bitmap } = rangesOf(search.scenario, number)[slot]!;
    const valid = flags >= 1 && flags <= 3 && nmsrs <= 12288 && (bitmap?.length ?? 0) * 8 >= nmsrs;
    if (valid && search.observation.kind !== 'errno') return;
    search.trySmallest(bad.map((range) => withRange(search.scenario, number, slot, range)));
  });
};

/** Counts at which size checks and words end. */
const EXTENTS = [0, 1, 2, 8, 9, 32, 33, 63, 64, 65, 12287, 12288, 12289, 0x20000];

/** Base and nmsrs of every range: first the shapes that usually do, then by halving what can be cut off. */
export const shapeRanges: Move = (search) => {
  pairShapes(search);
  eachRange(search, (number, slot) => {
    const range = rangesOf(search.scenario, number)[slot]!;
    search.trySmallest(shapes(search, range).map((other) => withRange(search.scenario, number, slot, other)));
    cut(search, number, slot, (old, msrs) => reshape(old, old.base, old.nmsrs - msrs));
    cut(search, number, slot, (old, msrs) => reshape(old, (old.base + msrs) >>> 0, old.nmsrs - msrs));
    carry(search, number, slot);
    const { base, nmsrs } = rangesOf(search.scenario, number)[slot]!;
    const bases = [0, 1, 0xffff_ffff - nmsrs + 1].filter((other) => other >= 0 && other < base);
    const at = (other: number): MsrFilterRange => ({ ...rangesOf(search.scenario, number)[slot]!, base: other });
    search.trySmallest(bases.map((other) => withRange(search.scenario, number, slot, at(other))));
  });
  toTheTop(search);
};

/** What usually suffices: the MSR alone, or with one neighbour. */
function shapes(search: Search, range: MsrFilterRange): MsrFilterRange[] {
  const { index, access, kind } = search.observation;
  if (access < 0 && !kind.startsWith('bitmap:')) {
    const near = EXTENTS.filter((nmsrs) => nmsrs < range.nmsrs);
    return near.flatMap((nmsrs) => [reshape(range, 0, nmsrs), reshape(range, range.base, nmsrs)]);
  }
  const bases = [index, index - 1, index - 2, index + 1].filter((base) => base >= 0 && base <= 0xffff_ffff);
  return [1, 2].flatMap((nmsrs) => bases.map((base) => reshape(range, base, nmsrs)));
}

function covers({ base, nmsrs }: MsrFilterRange, index: number): boolean {
  return (index - base) >>> 0 < nmsrs;
}

/** Two ranges that overlap can often only shrink together. */
function pairShapes(search: Search): void {
  const { index, access } = search.observation;
  if (access < 0 || index === 0 || index === 0xffff_ffff) return;
  for (let number = 0; number < search.scenario.events.length; number++) {
    const ranges = rangesOf(search.scenario, number);
    if (ranges.length !== 2 || ranges[0]!.nmsrs + ranges[1]!.nmsrs <= 3) continue;
    const wide = ranges[0]!.nmsrs + ranges[1]!.nmsrs > 8;
    const small = (range: MsrFilterRange): MsrFilterRange[] => [
      ...[index, index - 1, index + 1].flatMap((base) => {
        const one = reshape(range, base, 1);
        return wide ? [one, withBits(one, []), withBits(one, [0])] : [one];
      }),
      reshape(range, index, 2),
      reshape(range, index - 1, 2),
    ];
    const [first, second] = [small(ranges[0]!), small(ranges[1]!)];
    const pairs = first.flatMap((a) => second.map((b) => [a, b]));
    // Of two ranges that are both beside the MSR one would do.
    const useful = pairs.filter((pair) => pair.some((range) => covers(range, index)));
    search.trySmallest(useful.map((pair) => withRanges(search.scenario, number, pair)));
  }
}

/** Cuts off as much as possible, halving the step: finds the edge if the divergence is monotone in the extent. */
function cut(
  search: Search,
  number: number,
  slot: number,
  by: (range: MsrFilterRange, msrs: number) => MsrFilterRange,
): void {
  const rangeNow = (): MsrFilterRange => rangesOf(search.scenario, number)[slot]!;
  if (rangeNow().nmsrs <= 1) return;
  for (let step = 2 ** Math.floor(Math.log2(rangeNow().nmsrs)); step >= 1; step /= 2) {
    const range = rangeNow();
    if (step < range.nmsrs) search.try(withRange(search.scenario, number, slot, by(range, step)));
  }
}

/** Cuts off the front together with the MSR accessed there: what matters may be where the range ends. */
function carry(search: Search, number: number, slot: number): void {
  const rangeNow = (): MsrFilterRange => rangesOf(search.scenario, number)[slot]!;
  if (search.observation.access < 0 || rangeNow().nmsrs <= 1) return;
  for (let step = 2 ** Math.floor(Math.log2(rangeNow().nmsrs)); step >= 1; step /= 2) {
    const { index } = search.observation;
    const range = rangeNow();
    const base = range.base + step;
    if (step >= range.nmsrs || base > 0xffff_ffff || index < range.base || index >= base) continue;
    const shorter = withRange(search.scenario, number, slot, reshape(range, base, range.nmsrs - step));
    search.try(withAccesses(shorter, movedTo(shorter, index, base)));
  }
}

function movedTo(scenario: Scenario, from: number, to: number): ReturnType<typeof accessesOf> {
  return accessesOf(scenario).map((access) => (access.index === from ? { ...access, index: to } : access));
}

/** What depends on the u32 wrap, or on the sign of indices, is smallest at the top of the index space. */
function toTheTop(search: Search): void {
  if (search.observation.access < 0) return;
  for (const [index, nmsrs] of [
    [0xffff_ffff, 1],
    [0, 2],
  ] as const) {
    const accesses = accessesOf(search.scenario).map(({ type }) => ({ index, type }));
    const moved = mapRanges(withAccesses(search.scenario, accesses), (range) =>
      range.base + range.nmsrs >= 0x8000_0000 ? reshape({ ...range, base: 0xffff_ffff }, 0xffff_ffff, nmsrs) : range,
    );
    search.trySmallest([moved, withoutKinds(moved, 'cap')]);
  }
}

/** Ranges wider than this may matter for a boundary inside them. */
const WIDE = 64;

/**
 * A wide range around its most aligned index, shrunk to the two MSRs on either side of it: what depends on a page
 * or window shows there. KVM may not know the MSR, so every reason exits.
 */
export const boundaries: Move = (search) => {
  const { index, access } = search.observation;
  if (access < 0) return;
  eachRange(search, (number, slot) => {
    const range = rangesOf(search.scenario, number)[slot]!;
    const end = range.base + range.nmsrs;
    if (range.nmsrs <= WIDE || !touches(range, index) || end > 0xffff_ffff) return;
    let unit = 2 ** 31;
    while (Math.ceil((range.base + 1) / unit) * unit >= end) unit /= 2;
    const point = Math.ceil((range.base + 1) / unit) * unit;
    const moved = withAccesses(search.scenario, movedTo(search.scenario, index, point));
    const masked = withMasks(moved, 7n);
    const narrow = reshape(range, point - 1, 2);
    const variants = [narrow, withBits(narrow, []), withBits(narrow, [0, 1])];
    const cap = { kind: 'cap', mask: 7n } as const;
    const added = masked.events.some(({ kind }) => kind === 'cap') ? masked : { events: [cap, ...masked.events] };
    const shift = added.events.length - masked.events.length;
    search.trySmallest(variants.map((variant) => withRange(added, number + shift, slot, variant)));
  });
};

/** Bitmaps without any bit, or with that of the index alone: such ranges are easier to shape. */
export const plainBits: Move = (search) => {
  const { index } = search.observation;
  search.try(mapRanges(search.scenario, (range) => (range.bitmap ? withBits(range, []) : range)));
  eachRange(search, (number, slot) => {
    const range = rangesOf(search.scenario, number)[slot]!;
    const own = (index - range.base) >>> 0;
    const variants = [[], [own]].map((bits) => withBits(withExactBitmap(range), bits));
    search.trySmallest(variants.map((variant) => withRange(search.scenario, number, slot, variant)));
  });
};

/** Bitmaps: exact length, no bit set, only the bit of the index, or as few as possible. */
export const clearBits: Move = (search) => {
  const { index } = search.observation;
  search.try(mapRanges(search.scenario, (range) => (range.bitmap ? withBits(range, []) : range)));
  eachRange(search, (number, slot) => {
    const range = rangesOf(search.scenario, number)[slot]!;
    const exact = withExactBitmap(range);
    const own = (index - range.base) >>> 0;
    const variants = [exact, ...[[], [own], [0]].map((bits) => withBits(exact, bits))];
    if (range.bitmap !== null) {
      for (const bytes of [0, Math.ceil(Math.min(range.nmsrs, 12288) / 8), exact.bitmap!.length - 1]) {
        if (bytes >= 0) variants.push({ ...range, bitmap: new Uint8Array(bytes) });
      }
      variants.push(withBits(range, []));
    }
    search.trySmallest(variants.map((variant) => withRange(search.scenario, number, slot, variant)));
    deltaBits(search, number, slot);
  });
};

/** Delta debugging over the set bits: halves, quarters, ... of what is left. */
function deltaBits(search: Search, number: number, slot: number): void {
  const bitsNow = (): number[] => setBitsOf(rangesOf(search.scenario, number)[slot]!.bitmap ?? new Uint8Array(0));
  for (let size = bitsNow().length >>> 1; size >= 1; size >>>= 1) {
    for (let from = 0; from < bitsNow().length; from += size) {
      const range = rangesOf(search.scenario, number)[slot]!;
      const bits = bitsNow();
      const fewer = withBits(range, [...bits.slice(0, from), ...bits.slice(from + size)]);
      if (search.try(withRange(search.scenario, number, slot, fewer))) from -= size;
    }
  }
}
