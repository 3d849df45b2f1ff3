/**
 * A filter compiled for lookups whose cost does not depend on the number of ranges.
 *
 * Per access type, the ranges become disjoint intervals (the first match owns each index), and every interval's
 * bits are copied into bit pages of 4,096 MSRs. A lookup is one directory byte and one bit; an index whose page
 * no range touches uses page 0, which holds the default.
 */
import { KVM_MSR_FILTER_MAX_BITMAP_SIZE, X2APIC_FIRST, X2APIC_LAST } from '../model/filter.ts';

const PAGE_BITS = 12;
const PAGE_MSRS = 1 << PAGE_BITS;
/** Words of one page: 128 for reads, then 128 for writes. */
const PAGE_WORDS = (PAGE_MSRS / 32) * 2;
/** 16 ranges of 12,288 MSRs touch 4 pages each; one more for the x2APIC window, one for the default. */
const MAX_PAGES = 16 * 4 + 2;

/** What the compiler takes: accepted ranges in slot order. */
export interface IntervalSource {
  readonly slot: number;
  readonly flags: number;
  readonly base: number;
  readonly nmsrs: number;
  readonly bitmap: Uint8Array;
}

/** Indices start <= index < end that one slot decides for one access type (`AccessType`). */
export interface OwnedInterval {
  readonly start: number;
  readonly end: number;
  readonly type: number;
  readonly slot: number;
}

export class IntervalMap {
  /** Page number by index >>> 12. */
  readonly directory = new Uint8Array(1 << (32 - PAGE_BITS));
  readonly pages = new Uint32Array(MAX_PAGES * PAGE_WORDS);
  intervals: OwnedInterval[] = [];
  /** Pages in use. */
  pageCount = 1;
  private readonly touched = new Uint32Array(MAX_PAGES);
  /** 1: the page may have changed since `settle`. */
  readonly stale = new Uint8Array(MAX_PAGES).fill(1);
  /** Every page may have changed since `settle`, page 0 and the directory too. */
  remade = true;
  /** What is compiled, with copies of the bitmaps. */
  private ranges: readonly IntervalSource[] = [];
  private defaultAllow = true;
  private readonly kept = new Uint8Array(16 * KVM_MSR_FILTER_MAX_BITMAP_SIZE);
  /** The bitmap being copied, as words, with one word of padding for the shifted read. */
  protected readonly source = new Uint32Array(0x600 / 4 + 2);
  /** The source from bit `shift` on, as words; 0: not made. */
  private readonly shifted = new Uint32Array(0x600 / 4 + 1);
  private shift = 0;
  /** Words of the source. */
  private words = 0;
  private readonly sourceBytes = new Uint8Array(this.source.buffer);

  constructor() {
    this.clear(true);
  }

  /** Everything is decided by the default. */
  clear(defaultAllow: boolean): void {
    for (let page = 1; page < this.pageCount; page++) this.directory[this.touched[page]!] = 0;
    this.pageCount = 1;
    this.intervals = [];
    this.ranges = [];
    this.defaultAllow = defaultAllow;
    this.remade = true;
    this.pages.fill(defaultAllow ? 0xffff_ffff : 0, 0, PAGE_WORDS);
  }

  /** Makes again what changes; `exemptX2apic` is the same at every call. */
  compile(ranges: readonly IntervalSource[], defaultAllow: boolean, exemptX2apic: boolean): void {
    const changed = defaultAllow === this.defaultAllow ? this.changedRanges(ranges) : undefined;
    if (changed) this.revert(changed);
    else this.clear(defaultAllow);
    this.intervals = [];
    // By type: disjoint, ascending intervals that an earlier range already owns.
    const owned: [OwnedInterval[], OwnedInterval[]] = [[], []];
    for (const range of ranges) {
      const end = range.base + range.nmsrs;
      // The kernel's u32 end wraps to something <= base: such a range matches nothing.
      if (end > 0xffff_ffff) continue;
      this.loadSource(range);
      for (const type of [0, 1] as const) {
        if ((range.flags & (1 << type)) !== 0) owned[type] = this.claim(owned[type], range, end, type);
      }
    }
    this.intervals.push(...owned[0], ...owned[1]);
    if (exemptX2apic && !defaultAllow) this.pageOf(X2APIC_FIRST >>> PAGE_BITS);
    if (exemptX2apic) this.exempt();
    this.keep(ranges);
  }

  /** All changes have been seen. */
  settle(): void {
    this.stale.fill(0);
    this.remade = false;
  }

  /** Block of 4,096 MSRs that a page other than page 0 is for. */
  blockOf(page: number): number {
    return this.touched[page]!;
  }

  allows(index: number, type: number): boolean {
    const page = this.directory[index >>> PAGE_BITS]!;
    return ((this.pages[(page << 8) | (type << 7) | ((index >>> 5) & 127)]! >>> (index & 31)) & 1) === 1;
  }

  /** Adds what is still free of [range.base, end) to the intervals, in their order, and copies its bits. */
  protected claim(owned: readonly OwnedInterval[], range: IntervalSource, end: number, type: number): OwnedInterval[] {
    const result: OwnedInterval[] = [];
    let from = range.base;
    for (const interval of owned) {
      if (interval.start > from && from < end) {
        const to = Math.min(interval.start, end);
        result.push(this.own(range, from, to, type));
      }
      if (interval.end > from) from = Math.max(from, interval.end);
      result.push(interval);
    }
    if (from < end) result.push(this.own(range, from, end, type));
    return result;
  }

  protected own(range: IntervalSource, start: number, end: number, type: number): OwnedInterval {
    let at = start;
    while (at < end) {
      const pageEnd = (Math.floor(at / PAGE_MSRS) + 1) * PAGE_MSRS;
      const stop = Math.min(end, pageEnd);
      const firstWord = (this.pageOf(at >>> PAGE_BITS) << 8) | (type << 7);
      if (this.remade || this.stale[firstWord >>> 8] === 1)
        this.copyBits(firstWord, at & (PAGE_MSRS - 1), stop - at, at - range.base);
      at = stop;
    }
    return { start, end, type, slot: range.slot };
  }

  /** What was there and what comes instead, of the ranges that differ; undefined if it is simpler to start afresh. */
  private changedRanges(ranges: readonly IntervalSource[]): IntervalSource[] | undefined {
    if (ranges.length !== this.ranges.length) return undefined;
    const changed: IntervalSource[] = [];
    for (const [i, range] of ranges.entries()) {
      const old = this.ranges[i]!;
      const same = old.slot === range.slot && old.flags === range.flags && old.base === range.base;
      if (!same || old.nmsrs !== range.nmsrs || !sameBits(old, range)) changed.push(old, range);
      if (changed.length > ranges.length) return undefined;
    }
    // Pages are given back only by starting afresh.
    return this.pageCount + this.missingPages(changed) > MAX_PAGES ? undefined : changed;
  }

  /** Blocks of the ranges that have no page, counted by range. */
  private missingPages(ranges: readonly IntervalSource[]): number {
    let missing = 0;
    for (const { base, nmsrs } of ranges) {
      for (let block = base >>> PAGE_BITS; block <= (base + nmsrs - 1) / PAGE_MSRS; block++) {
        if (this.directory[block] === 0) missing++;
      }
    }
    return missing;
  }

  /** Back to the default, in all pages that the ranges touch. */
  private revert(ranges: readonly IntervalSource[]): void {
    for (const { base, nmsrs } of ranges) {
      for (let block = base >>> PAGE_BITS; block <= (base + nmsrs - 1) / PAGE_MSRS; block++) {
        const page = this.directory[block];
        // Past the top of the index space there is none.
        if (!page) continue;
        this.stale[page] = 1;
        this.pages.copyWithin(page * PAGE_WORDS, 0, PAGE_WORDS);
      }
    }
  }

  private keep(ranges: readonly IntervalSource[]): void {
    const bytes = KVM_MSR_FILTER_MAX_BITMAP_SIZE;
    this.ranges = ranges.map((range, i) => {
      const bitmap = this.kept.subarray(i * bytes, i * bytes + bitmapBytes(range));
      bitmap.set(range.bitmap.subarray(0, bitmap.length));
      return { ...range, bitmap };
    });
  }

  protected loadSource(range: IntervalSource): void {
    const bytes = bitmapBytes(range);
    this.shift = 0;
    this.words = bytes / 4;
    this.sourceBytes.set(range.bitmap.length === bytes ? range.bitmap : range.bitmap.subarray(0, bytes));
  }

  /** Copies `count` bits from bit `from` of the source to bit `to` of the page half at `firstWord`. */
  protected copyBits(firstWord: number, to: number, count: number, from: number): void {
    const { pages, source } = this;
    let done = 0;
    while (done < count) {
      if (((to + done) & 31) === 0 && count - done >= 32) {
        const words = (count - done) >>> 5;
        this.copyWords(firstWord + ((to + done) >>> 5), words, from + done);
        done += words * 32;
        continue;
      }
      const bit = (to + done) & 31;
      const taken = Math.min(32 - bit, count - done);
      const sourceBit = from + done;
      const shift = sourceBit & 31;
      const low = source[sourceBit >>> 5]! >>> shift;
      const high = shift === 0 ? 0 : source[(sourceBit >>> 5) + 1]! << (32 - shift);
      const mask = taken === 32 ? 0xffff_ffff : ((1 << taken) - 1) << bit;
      const word = firstWord + ((to + done) >>> 5);
      pages[word] = (pages[word]! & ~mask) | (((low | high) << bit) & mask);
      done += taken;
    }
  }

  /** Copies whole words, from bit `from` of the source on. */
  private copyWords(to: number, words: number, from: number): void {
    const { pages, source, shifted } = this;
    const first = from >>> 5;
    const shift = from & 31;
    if (shift !== 0 && shift !== this.shift) {
      // The same for all of a range: its parts are as far from a word's start in the pages as they are there.
      this.shift = shift;
      for (let i = 0; i < this.words; i++) shifted[i] = (source[i]! >>> shift) | (source[i + 1]! << (32 - shift));
    }
    pages.set((shift === 0 ? source : shifted).subarray(first, first + words), to);
  }

  protected pageOf(block: number): number {
    const existing = this.directory[block]!;
    if (existing !== 0) return existing;
    const page = this.pageCount++;
    this.directory[block] = page;
    this.touched[page] = block;
    this.stale[page] = 1;
    this.pages.copyWithin(page * PAGE_WORDS, 0, PAGE_WORDS);
    return page;
  }

  protected exempt(): void {
    const page = this.directory[X2APIC_FIRST >>> PAGE_BITS]!;
    if (page === 0) return;
    for (let type = 0; type < 2; type++) {
      const half = (page << 8) | (type << 7);
      this.pages.fill(0xffff_ffff, half + (X2APIC_FIRST >>> 5), half + (X2APIC_LAST >>> 5) + 1);
    }
  }
}

function bitmapBytes({ nmsrs }: IntervalSource): number {
  return Math.ceil(nmsrs / 64) * 8;
}

/** Of two ranges of the same size, the first with no more of the bitmap than counts. */
function sameBits({ bitmap }: IntervalSource, other: IntervalSource): boolean {
  return Buffer.compare(bitmap, other.bitmap.subarray(0, bitmap.length)) === 0;
}
