/**
 * What the filter and the base table say together, as pages that one load answers an access from (wasm/interval.wat).
 * Made from an IntervalMap page by page: worth its cost where many accesses follow.
 */
import type { BaseTable } from '../model/base.ts';
import { X2APIC_FIRST, X2APIC_LAST } from '../model/filter.ts';
import type { AccessBatch } from '../model/scenario.ts';
import type { PagesForm } from './compiled-filter.ts';
import type { IntervalMap } from './interval-map.ts';
import { compileModule, instantiate, type WithMemory } from './wasm/instantiate.ts';
import { INTERVAL_WASM } from './wasm/interval.ts';

interface Functions {
  /** Addresses of the base page and of the page that is written; the filter's bits are at BITS. */
  fuse(base: number, page: number): void;
  /** The other way round; 0 if the page is not what bits and base page make of it. */
  unfuse(base: number, page: number): number;
  /** `verdicts`: one byte each for denied, handled, unknown, invalid, the first the lowest. */
  judge(count: number, verdicts: number): void;
}

const BITS = 0x10_0000;
const BASE_PAGES = 0x10_1000;
const FUSED_PAGES = 0x16_0000;
const INDICES = 0x1e_0000;
const TYPES = 0x1e_8000;
const VERDICTS = 0x1e_a000;
const PAGE_BYTES = 2048;
const BLOCK_BITS = 12;
const BLOCK_MSRS = 1 << BLOCK_BITS;
/** Words of one page of an IntervalMap. */
const BIT_WORDS = 256;
/** Word for 8 MSRs of which both types are unknown. */
const UNKNOWN = 0xff00_ff00;
/** Accesses at a time: what the memory has room for. */
const CHUNK = 8192;
/** Of 255 pages, a filter may need 66. */
const MAX_BASE_BLOCKS = 180;

const MODULE = compileModule(INTERVAL_WASM);

/** Blocks of 4,096 MSRs that the base table says anything of. */
function baseBlocks(base: BaseTable): number[] {
  const blocks = new Set<number>([0]);
  for (const { index } of base.rows()) blocks.add(index >>> BLOCK_BITS);
  return [...blocks];
}

const blocksOf = new WeakMap<BaseTable, readonly number[]>();

export class FusedPages {
  private readonly base: BaseTable;
  private readonly map: IntervalMap;
  /** Blocks with pages of their own whatever the filter: pages 1, 2, ... The page of all others is 0. */
  private readonly fixed: readonly number[];
  private readonly functions: WithMemory<Functions>;
  private readonly directory: Uint8Array;
  private readonly bits: Uint32Array;
  private readonly indices: Uint32Array;
  private readonly types: Uint8Array;
  private readonly verdicts: Uint8Array;
  /** Blocks that the filter's pages were made for. */
  private filtered: number[] = [];
  /** What the pages are made for; as in BaseTable.leaves. */
  apicShift = 0;

  private constructor(functions: WithMemory<Functions>, base: BaseTable, map: IntervalMap, fixed: readonly number[]) {
    const { buffer } = functions.memory;
    this.functions = functions;
    this.directory = new Uint8Array(buffer, 0, 1 << (32 - BLOCK_BITS));
    this.bits = new Uint32Array(buffer, BITS, BIT_WORDS);
    this.indices = new Uint32Array(buffer, INDICES, CHUNK);
    this.types = new Uint8Array(buffer, TYPES, CHUNK);
    this.verdicts = new Uint8Array(buffer, VERDICTS, CHUNK);
    this.base = base;
    this.map = map;
    this.fixed = fixed;
    this.basePage(0).fill(UNKNOWN);
    for (const [i, block] of fixed.entries()) {
      this.directory[block] = 1 + i;
      this.fillBase(i, 0, BLOCK_MSRS);
    }
  }

  /** Undefined if the base table has rows in more blocks than there are pages, or there is no memory. */
  static of(base: BaseTable, map: IntervalMap): FusedPages | undefined {
    let fixed = blocksOf.get(base);
    if (!fixed) {
      fixed = baseBlocks(base);
      blocksOf.set(base, fixed);
    }
    const functions = fixed.length > MAX_BASE_BLOCKS ? undefined : instantiate<Functions>(MODULE);
    return functions && new FusedPages(functions, base, map, fixed);
  }

  /** Pages that `update` makes, at most. */
  get cost(): number {
    return this.fixed.length + this.map.pageCount;
  }

  /** To be called before `judge` when the map or the APIC mode has changed; `apicShift` as in BaseTable.leaves. */
  update(apicShift: number): void {
    const { map, fixed, directory } = this;
    const moved = apicShift !== this.apicShift;
    if (moved) {
      this.apicShift = apicShift;
      // Nothing else depends on the mode.
      this.fillBase(fixed.indexOf(0), X2APIC_FIRST, X2APIC_LAST + 1);
    }
    if (map.remade) {
      for (const block of this.filtered) directory[block] = 0;
      this.filtered = [];
      this.fuse(0, 0, 0);
    }
    for (const [i, block] of fixed.entries()) {
      const number = map.directory[block]!;
      if (map.remade || moved || map.stale[number] === 1) this.fuse(number, 1 + i, 1 + i);
    }
    for (let number = 1; number < map.pageCount; number++) {
      const block = map.blockOf(number);
      if (fixed.includes(block) || !(map.remade || map.stale[number] === 1)) continue;
      const page = fixed.length + number;
      if (directory[block] !== page) this.filtered.push(block);
      directory[block] = page;
      this.fuse(number, 0, page);
    }
    map.settle();
  }

  judge({ indices, types }: AccessBatch, verdicts: Uint8Array, table: number): void {
    for (let from = 0; from < indices.length; from += CHUNK) {
      const count = Math.min(CHUNK, indices.length - from);
      const whole = count === indices.length;
      this.indices.set(whole ? indices : indices.subarray(from, from + count));
      this.types.set(whole ? types : types.subarray(from, from + count));
      this.functions.judge(count, table);
      verdicts.set(count === CHUNK ? this.verdicts : this.verdicts.subarray(0, count), from);
    }
  }

  /**
   * The filter's bits in the pages as they are, for proofs.
   *
   * @throws Error if a page says of an access that is allowed anything but what the base table says
   */
  form(): PagesForm {
    const count = this.fixed.length + this.map.pageCount;
    const pages = new Uint32Array(count * BIT_WORDS);
    for (let page = 0; page < count; page++) {
      const base = BASE_PAGES + (page <= this.fixed.length ? page : 0) * PAGE_BYTES;
      if (this.functions.unfuse(base, FUSED_PAGES + page * PAGE_BYTES) === 0) {
        throw new Error(`page ${page} is not what filter and base table make of it`);
      }
      pages.set(this.bits, page * BIT_WORDS);
    }
    return { kind: 'pages', directory: this.directory, pages };
  }

  private fuse(bits: number, base: number, page: number): void {
    this.bits.set(this.map.pages.subarray(bits * BIT_WORDS, (bits + 1) * BIT_WORDS));
    this.functions.fuse(BASE_PAGES + base * PAGE_BYTES, FUSED_PAGES + page * PAGE_BYTES);
  }

  private basePage(page: number): Uint32Array {
    return new Uint32Array(this.functions.memory.buffer, BASE_PAGES + page * PAGE_BYTES, PAGE_BYTES / 4);
  }

  /** Base page of fixed block `i`, from one offset up to another, both multiples of 8. */
  private fillBase(i: number, from: number, to: number): void {
    const { leaves, directory } = this.base;
    const page = this.basePage(1 + i);
    const leaf = directory[this.fixed[i]!]! << BLOCK_BITS;
    page.fill(0, from >>> 3, to >>> 3);
    for (let at = from; at < to; at++) {
      // Outcome n, in 2 bits, becomes n + 1: outcomes are at most 2, so nothing is carried.
      const numbers = ((leaves[leaf + at]! >>> this.apicShift) & 0xf) + 5;
      for (let bit = 0; bit < 4; bit++) page[at >>> 3]! |= ((numbers >>> bit) & 1) << (bit * 8 + (at & 7));
    }
  }
}
