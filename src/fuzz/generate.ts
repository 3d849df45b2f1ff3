/** Filters and their bitmaps, drawn from the input space (space.ts). */
import { REAL_FILTERS } from '../corpus/real-filters.ts';
import type { Candidate } from '../model/catalogue.ts';
import {
  KVM_MSR_FILTER_MAX_NMSRS,
  KVM_MSR_FILTER_MAX_RANGES,
  type MsrFilter,
  type MsrFilterRange,
} from '../model/filter.ts';
import type { Choices } from './random.ts';
import { type KnobValue, LANDMARKS, type Policy } from './space.ts';

const POOL_BYTES = 1 << 18;

/** Bitmaps of one case, carved from one buffer: a full-size filter would otherwise allocate 16 times. */
export class BitmapPool {
  private readonly buffer = new ArrayBuffer(POOL_BYTES);
  private readonly words = new Uint32Array(this.buffer);
  private used = 0;

  reset(): void {
    this.used = 0;
  }

  /** Zeroed or not, as left by the last case: the caller fills it. Falls back to a new buffer when full. */
  take(bytes: number): Uint8Array {
    const aligned = (bytes + 7) & ~7;
    if (this.used + aligned > POOL_BYTES) return new Uint8Array(bytes);
    const view = new Uint8Array(this.buffer, this.used, bytes);
    this.used += aligned;
    return view;
  }

  /** The next words of the source, into the whole words of a bitmap; a view of each bitmap would take as long. */
  fill(choices: Choices, bitmap: Uint8Array): void {
    const count = bitmap.length >>> 2;
    const own = bitmap.buffer === this.buffer;
    const words = own ? this.words : new Uint32Array(bitmap.buffer, bitmap.byteOffset, count);
    const start = own ? bitmap.byteOffset >>> 2 : 0;
    if (choices.fill) choices.fill(words, start, start + count);
    else for (let i = start; i < start + count; i++) words[i] = choices.u32();
  }
}

export interface FilterContext {
  readonly choices: Choices;
  readonly policy: Policy;
  readonly pool: BitmapPool;
  /** Pass-through candidates of either vendor. */
  readonly candidates: readonly Candidate[];
}

/** A filter of the given origin; `previous` is what a mutation starts from. */
export function generateFilter(context: FilterContext, previous: MsrFilter | undefined): MsrFilter {
  const { choices, policy } = context;
  const origin = policy.draw(choices, 'origin');
  if (origin === 'corpus') return tweakFilter(context, REAL_FILTERS[choices.below(REAL_FILTERS.length)]!.filter);
  if (origin === 'mutated' && previous) return tweakFilter(context, previous);
  const ranges: MsrFilterRange[] = [];
  const layout = policy.draw(choices, 'rangeCount');
  if (layout === 'last') for (let slot = 1; slot < KVM_MSR_FILTER_MAX_RANGES; slot++) ranges.push(EMPTY_SLOT);
  for (let n = rangeCount(choices, layout); n > 0; n--) ranges.push(generateRange(context, ranges));
  return { flags: filterFlags(context), ranges };
}

function filterFlags({ choices, policy }: FilterContext): number {
  switch (policy.draw(choices, 'filterFlags')) {
    case 'allow':
      return 0;
    case 'deny':
      return 1;
    case 'invalid':
      return choices.below(2) === 0 ? (choices.below(2) | (2 << choices.below(31))) >>> 0 : 2 + choices.below(2);
  }
}

const EMPTY_SLOT: MsrFilterRange = { flags: 0, nmsrs: 0, base: 0, bitmap: null };

function rangeCount(choices: Choices, layout: KnobValue<'rangeCount'>): number {
  switch (layout) {
    case 'none':
      return 0;
    case 'one':
    case 'last':
      return 1;
    case 'two':
      return 2;
    case 'few':
      return 3 + choices.below(3);
    case 'many':
      return 6 + choices.below(10);
    case 'full':
      return KVM_MSR_FILTER_MAX_RANGES;
  }
}

export function generateRange(context: FilterContext, ranges: readonly MsrFilterRange[]): MsrFilterRange {
  const { choices, policy } = context;
  const nmsrs = generateExtent(context);
  const base = generateBase(context, ranges, nmsrs);
  const shared = policy.draw(choices, 'buffer');
  const bitmap = shared === 'shared' ? sharedBitmap(ranges, nmsrs) : undefined;
  return { flags: rangeFlags(context), nmsrs, base, bitmap: bitmap ?? generateBitmap(context, nmsrs, shared) };
}

function rangeFlags({ choices, policy }: FilterContext): number {
  switch (policy.draw(choices, 'rangeFlags')) {
    case 'read':
      return 1;
    case 'write':
      return 2;
    case 'both':
      return 3;
    case 'invalid':
      return choices.below(3) === 0 ? 0 : (choices.below(4) | (4 << choices.below(30))) >>> 0;
  }
}

const OVER_LIMIT = [12289, 12290, 12352, 12353, 0x4000, 0x20000, 0x8000_0000, 0xffff_ffc1, 0xffff_ffe1, 0xffff_ffff];

function generateExtent({ choices, policy }: FilterContext): number {
  switch (policy.draw(choices, 'extent')) {
    case 'one':
      return 1;
    case 'tiny':
      return 2 + choices.below(5);
    case 'byte':
      return 7 + choices.below(4) * (1 + choices.below(3));
    case 'word':
      return [31, 32, 33, 63, 64, 65, 127, 128, 129][choices.below(9)]!;
    case 'hundreds':
      return 130 + choices.below(900);
    case 'thousands':
      return 1024 + choices.below(8000);
    case 'window':
      return 8191 + choices.below(3);
    case 'full':
      return [12225, 12287, 12288, 12288][choices.below(4)]!;
    case 'zero':
      return 0;
    case 'over':
      return OVER_LIMIT[choices.below(OVER_LIMIT.length)]!;
  }
}

function generateBase(context: FilterContext, ranges: readonly MsrFilterRange[], nmsrs: number): number {
  const { choices, policy } = context;
  const other = ranges.length > 0 ? ranges[choices.below(ranges.length)] : undefined;
  const relation = other ? policy.draw(choices, 'relation') : 'apart';
  if (!other || relation === 'apart') return anchoredBase(context, nmsrs);
  const part = 1 + choices.below(Math.min(other.nmsrs, 0x3000) || 1);
  switch (relation) {
    case 'identical':
    case 'sameBase':
      return other.base;
    case 'after':
      return (other.base + other.nmsrs) >>> 0;
    case 'before':
      return (other.base - nmsrs) >>> 0;
    case 'overlapsTail':
      return (other.base + other.nmsrs - part) >>> 0;
    case 'overlapsHead':
      return (other.base - Math.min(nmsrs, 0x3000) + part) >>> 0;
    case 'inside':
      return (other.base + choices.below(part)) >>> 0;
    case 'around':
      return (other.base - choices.below(Math.min(nmsrs, 0x3000) || 1)) >>> 0;
  }
}

/** Start of a region, and how many MSRs around it are interesting. */
function anchor({ choices, policy, candidates }: FilterContext): number {
  switch (policy.draw(choices, 'anchor')) {
    case 'low':
      return choices.below(0x400);
    case 'lowEnd':
      return 0x1ff0 + choices.below(0x20);
    case 'x2apic':
      return [0x7f0, 0x7ff, 0x800, 0x801, 0x808, 0x8ff, 0x900, 0x7f0 + choices.below(0x120)][choices.below(8)]!;
    case 'high':
      return 0xc000_0000 + choices.below(0x200);
    case 'highEnd':
      return 0xc000_1ff0 + choices.below(0x20);
    case 'amd':
      return [0xc000_ffff, 0xc001_0000, 0xc001_0130, 0xc001_1fff, 0xc001_2000][choices.below(5)]!;
    case 'paravirt':
      return [0x3fff_ffff, 0x4000_0000, 0x4000_0073, 0x4b56_4d00, 0x4b56_4dff][choices.below(5)]!;
    case 'candidate':
      return candidates[choices.below(candidates.length)]!.index;
    case 'sign':
      return 0x7fff_ffff + choices.below(2);
    case 'top':
      return 0xffff_ffff - choices.below(choices.below(2) === 0 ? 4 : 0x3010);
    case 'any':
      return choices.below(2) === 0 ? choices.u32() : LANDMARKS[choices.below(LANDMARKS.length)]!;
  }
}

/** A base that puts the range's start, its end or its inside at the anchor. */
function anchoredBase(context: FilterContext, nmsrs: number): number {
  const { choices } = context;
  const at = anchor(context);
  const span = Math.min(nmsrs, KVM_MSR_FILTER_MAX_NMSRS);
  switch (choices.u32() & 7) {
    case 0:
      return (at - span) >>> 0;
    case 1:
      return (at - span + 1) >>> 0;
    case 2:
    case 3:
      return (at - choices.below(span || 1)) >>> 0;
    case 4:
      return (at + 1) >>> 0;
    default:
      return at;
  }
}

function sharedBitmap(ranges: readonly MsrFilterRange[], nmsrs: number): Uint8Array | undefined {
  const bytes = Math.ceil(nmsrs / 64) * 8;
  return ranges.find((range) => range.bitmap !== null && range.bitmap.length >= bytes)?.bitmap ?? undefined;
}

function generateBitmap(context: FilterContext, nmsrs: number, buffer: string): Uint8Array | null {
  const { choices, pool } = context;
  if (buffer === 'unmapped') return null;
  // What the ioctl rejects by size it never reads.
  const needed = nmsrs > KVM_MSR_FILTER_MAX_NMSRS ? 8 : Math.ceil(nmsrs / 64) * 8;
  let bytes = needed;
  if (buffer === 'long') bytes += 1 + choices.below(16);
  else if (buffer === 'byteRounded') bytes = Math.min(needed, Math.ceil(nmsrs / 8));
  else if (buffer === 'short') bytes = Math.max(0, needed - 1 - choices.below(8));
  const bitmap = pool.take(bytes);
  fillBitmap(context, bitmap, nmsrs);
  return bitmap;
}

function fillBitmap({ choices, policy, pool }: FilterContext, bitmap: Uint8Array, nmsrs: number): void {
  const kind = policy.draw(choices, 'bitmap');
  const bits = Math.max(1, Math.min(nmsrs, bitmap.length * 8));
  switch (kind) {
    case 'zeros':
    case 'oneBit':
      bitmap.fill(0);
      break;
    case 'ones':
    case 'oneOff':
      bitmap.fill(0xff);
      break;
    default:
      fillRandom(choices, pool, bitmap, kind);
  }
  if (bitmap.length === 0) return;
  if (kind === 'oneBit' || kind === 'oneOff') {
    const bit = [0, bits - 1, choices.below(bits), choices.below(bits)][choices.u32() & 3]!;
    bitmap[bit >>> 3] = bitmap[bit >>> 3]! ^ (1 << (bit & 7));
  }
}

function fillRandom(choices: Choices, pool: BitmapPool, bitmap: Uint8Array, kind: 'random' | 'sparse' | 'dense'): void {
  const words = bitmap.length >>> 2;
  if (kind === 'random') pool.fill(choices, bitmap);
  else {
    const view = new Uint32Array(bitmap.buffer, bitmap.byteOffset, words);
    for (let i = 0; i < words; i++) {
      const word = choices.u32();
      const other = choices.u32();
      const third = choices.u32();
      view[i] = kind === 'sparse' ? word & other & third : word | other | third;
    }
  }
  for (let i = words * 4; i < bitmap.length; i++) bitmap[i] = choices.u32();
}

/** One change to a filter: a range added, dropped, moved, resized, re-flagged, swapped, or some bits. */
export function tweakFilter(context: FilterContext, filter: MsrFilter): MsrFilter {
  const { choices } = context;
  const ranges = [...filter.ranges];
  if (ranges.length === 0 || (choices.u32() & 7) === 0) {
    if (ranges.length < KVM_MSR_FILTER_MAX_RANGES)
      ranges.splice(choices.below(ranges.length + 1), 0, generateRange(context, ranges));
    return { flags: filter.flags, ranges };
  }
  const slot = choices.below(ranges.length);
  const range = ranges[slot]!;
  switch (choices.below(8)) {
    case 0:
      ranges.splice(slot, 1);
      break;
    case 1:
      ranges[slot] = { ...range, base: (range.base + choices.below(5) - 2) >>> 0 };
      break;
    case 2:
      ranges[slot] = { ...range, flags: rangeFlags(context) };
      break;
    case 3: {
      const other = choices.below(ranges.length);
      ranges[slot] = ranges[other]!;
      ranges[other] = range;
      break;
    }
    case 4: {
      const nmsrs = (range.nmsrs + choices.below(5) - 2) >>> 0;
      ranges[slot] = { ...range, nmsrs, bitmap: generateBitmap(context, nmsrs, 'exact') };
      break;
    }
    case 5:
      return { flags: filter.flags === 0 ? 1 : 0, ranges };
    default:
      ranges[slot] = { ...range, bitmap: flipBits(context, range) };
  }
  return { flags: filter.flags, ranges };
}

function flipBits({ choices, pool }: FilterContext, range: MsrFilterRange): Uint8Array | null {
  if (range.bitmap === null || range.bitmap.length === 0) return range.bitmap;
  const bitmap = pool.take(range.bitmap.length);
  bitmap.set(range.bitmap);
  if ((choices.u32() & 3) === 0) {
    for (let i = 0; i < bitmap.length; i++) bitmap[i] = ~bitmap[i]!;
    return bitmap;
  }
  const bits = Math.max(1, Math.min(range.nmsrs, bitmap.length * 8));
  for (let n = 1 + choices.below(3); n > 0; n--) {
    const bit = choices.below(bits);
    bitmap[bit >>> 3] = bitmap[bit >>> 3]! ^ (1 << (bit & 7));
  }
  return bitmap;
}
