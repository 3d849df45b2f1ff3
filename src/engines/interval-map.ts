/**
 * A filter compiled for lookups whose cost does not depend on the number of ranges.
 *
 * Per access type, the ranges become disjoint intervals (the first match owns each index), and every interval's
 * bits are copied into bit pages of 4,096 MSRs. A lookup is one directory byte and one bit; an index whose page
 * no range touches uses page 0, which holds the default.
 */
import { X2APIC_FIRST, X2APIC_LAST } from '../model/filter.ts';

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
  private pageCount = 1;
  private readonly touched = new Uint32Array(MAX_PAGES);
  /** The bitmap being copied, as words, with one word of padding for the shifted read. */
  protected readonly source = new Uint32Array(0x600 / 4 + 2);
  private readonly sourceBytes = new Uint8Array(this.source.buffer);

  constructor() {
    this.clear(true);
  }

  /** Everything is decided by the default. */
  clear(defaultAllow: boolean): void {
    for (let page = 1; page < this.pageCount; page++) this.directory[this.touched[page]!] = 0;
    this.pageCount = 1;
    this.intervals = [];
    this.pages.fill(defaultAllow ? 0xffff_ffff : 0, 0, PAGE_WORDS);
  }

  compile(ranges: readonly IntervalSource[], defaultAllow: boolean, exemptX2apic: boolean): void {
    this.clear(defaultAllow);
    for (let type = 0; type < 2; type++) {
      // Disjoint, ascending intervals that an earlier range already owns.
      let owned: OwnedInterval[] = [];
      for (const range of ranges) {
        const end = range.base + range.nmsrs;
        // The kernel's u32 end wraps to something <= base: such a range matches nothing.
        if (end > 0xffff_ffff || (range.flags & (1 << type)) === 0) continue;
        this.loadSource(range);
        owned = this.claim(owned, range, end, type);
      }
      this.intervals.push(...owned);
    }
    if (exemptX2apic && !defaultAllow) this.pageOf(X2APIC_FIRST >>> PAGE_BITS);
    if (exemptX2apic) this.exempt();
  }

  allows(index: number, type: number): boolean {
    const page = this.directory[index >>> PAGE_BITS]!;
    return ((this.pages[(page << 8) | (type << 7) | ((index >>> 5) & 127)]! >>> (index & 31)) & 1) === 1;
  }

  /** Adds what is still free of [range.base, end) to the intervals, and copies its bits. */
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
    return result.sort((a, b) => a.start - b.start);
  }

  protected own(range: IntervalSource, start: number, end: number, type: number): OwnedInterval {
    let at = start;
    while (at < end) {
      const pageEnd = (Math.floor(at / PAGE_MSRS) + 1) * PAGE_MSRS;
      const stop = Math.min(end, pageEnd);
      const firstWord = (this.pageOf(at >>> PAGE_BITS) << 8) | (type << 7);
      this.copyBits(firstWord, at & (PAGE_MSRS - 1), stop - at, at - range.base);
      at = stop;
    }
    return { start, end, type, slot: range.slot };
  }

  private loadSource(range: IntervalSource): void {
    const bytes = Math.ceil(range.nmsrs / 64) * 8;
    this.sourceBytes.set(range.bitmap.length === bytes ? range.bitmap : range.bitmap.subarray(0, bytes));
  }

  /** Copies `count` bits from bit `from` of the source to bit `to` of the page half at `firstWord`. */
  protected copyBits(firstWord: number, to: number, count: number, from: number): void {
    const { pages, source } = this;
    let done = 0;
    while (done < count) {
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

  protected pageOf(block: number): number {
    const existing = this.directory[block]!;
    if (existing !== 0) return existing;
    const page = this.pageCount++;
    this.directory[block] = page;
    this.touched[page] = block;
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
