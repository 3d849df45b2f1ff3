/**
 * What every access comes to on kvm_amd, worked out segment by segment before a batch, so that the batch is answered
 * by loads alone (wasm/svm.wat). A segment's MSRs are decided by one slot per type, so its bits are copied as they are.
 */
import type { BaseTable } from '../model/base.ts';
import { MSR_IA32_TSC_DEADLINE } from '../model/filter.ts';
import { type AccessBatch, ApicMode } from '../model/scenario.ts';
import { type AccessType, Route, Verdict } from '../model/verdict.ts';
import type { PagesForm, SegmentsForm } from './compiled-filter.ts';
import { compileModule, instantiate, type WithMemory } from './wasm/instantiate.ts';
import { SVM_WASM } from './wasm/svm.ts';

interface Functions {
  decide(bit: number, base: number, first: number, end: number, field: bigint): void;
  judge(count: number): void;
  /** Addresses of the base page and the page; 1 if they fit together. What it writes is at AT.shown. */
  show(base: number, page: number): number;
}

/** Addresses in the memory. */
const AT = {
  verdicts: 0x10_0000,
  routes: 0x10_0010,
  rangeBits: 0x10_1008,
  base: 0x10_2000,
  pages: 0x18_0000,
  indices: 0x28_0000,
  types: 0x28_8000,
  verdictsOut: 0x28_a000,
  routesOut: 0x28_c000,
  shown: 0x28_e000,
} as const;

const BLOCK = 0x1000;
const BATCH = 8192;
/** The base pages, one more, end where the pages begin; a filter may need 64 of 255 besides. */
const MAX_STANDING = 125;

/** Of the 4 bits of an access. */
const PASSES = 1;
const FASTPATH = 2;
const NUMBER_SHIFT = 2;
/** Both types unknown to KVM, and intercepted. */
const UNKNOWN = 0x88;
/** The numbers of RDMSR, of WRMSR and of both, in eight bytes. */
const FIELDS = [0n, 0x0c0c0c0c0c0c0c0cn, 0xc0c0c0c0c0c0c0c0n, 0xccccccccccccccccn] as const;

/** First block of each window of the map; a block has 0x400 bytes there. */
const WINDOWS = [0, 0xc_0000, 0xc_0010];
const WINDOW_BLOCKS = 2;
const MAP_BYTES_PER_BLOCK = 0x400;

const MODULE = compileModule(SVM_WASM);

export class SvmPages {
  private readonly base: BaseTable;
  private readonly functions: WithMemory<Functions>;
  private readonly bytes: Uint8Array;
  private readonly indices: Uint32Array;
  /** Blocks with a page whatever the filter, in order of their pages, from page 1 on. */
  private readonly standing: readonly number[];
  private added: number[] = [];
  /** APIC mode that the pages are made for. */
  mode: ApicMode = ApicMode.NONE;
  /** The map whose bits the pages show, as words. */
  private readonly shown = new Uint32Array(2048);

  private constructor(functions: WithMemory<Functions>, base: BaseTable, standing: readonly number[]) {
    this.functions = functions;
    this.bytes = new Uint8Array(functions.memory.buffer);
    this.indices = new Uint32Array(functions.memory.buffer, AT.indices, BATCH);
    this.base = base;
    this.standing = standing;
    this.bytes.fill(UNKNOWN, AT.base, AT.base + BLOCK);
    standing.forEach((block, i) => {
      this.bytes[block] = i + 1;
      this.learn(i, [0, BLOCK]);
    });
  }

  /** Undefined if the base table has rows in more blocks than there are pages, or there is no memory. */
  static of(base: BaseTable): SvmPages | undefined {
    const blocks = WINDOWS.flatMap((first) => Array.from({ length: WINDOW_BLOCKS }, (_, i) => first + i));
    for (const { index } of base.rows()) {
      const block = (index - (index % BLOCK)) / BLOCK;
      if (!blocks.includes(block)) blocks.push(block);
    }
    const functions = blocks.length > MAX_STANDING ? undefined : instantiate<Functions>(MODULE);
    return functions && new SvmPages(functions, base, blocks);
  }

  /** To be called before `judge` when the filter or the APIC mode has changed. */
  update(filter: SegmentsForm, mode: ApicMode, fastpath: boolean): void {
    if (mode !== this.mode) {
      this.mode = mode;
      // The mode matters to no other MSRs.
      this.learn(this.standing.indexOf(0), [0x800, 0x900]);
    }
    const { bytes, standing } = this;
    for (const block of this.added) bytes[block] = 0;
    this.added = [];
    const end = AT.base + (standing.length + 1) * BLOCK;
    if (filter.active && !filter.defaultAllow) bytes.fill(0, AT.pages, AT.pages + end - AT.base);
    else bytes.copyWithin(AT.pages, AT.base, end);
    if (filter.active) this.decideSegments(filter);
    const low = this.page(0);
    if (filter.exempt) {
      const [first, last] = filter.exempt;
      bytes.copyWithin(low + first, this.basePage(0) + first, this.basePage(0) + last + 1);
    }
    if (fastpath) bytes[low + MSR_IA32_TSC_DEADLINE]! |= FASTPATH << 4;
    this.shown.fill(0xffff_ffff);
  }

  /** `msrpm`: the 8 KiB map; `endings`: verdict of what is intercepted and denied, handled, unknown, invalid. */
  judge(batch: AccessBatch, msrpm: Uint8Array, endings: Uint8Array, verdicts: Uint8Array, routes: Uint8Array): void {
    this.showMap(new Uint32Array(msrpm.buffer, msrpm.byteOffset, 2048));
    this.setResults(endings, batch.form === 'emulator');
    const { bytes } = this;
    for (let at = 0; at < batch.indices.length; at += BATCH) {
      const indices = batch.indices.subarray(at, at + BATCH);
      this.indices.set(indices);
      bytes.set(batch.types.subarray(at, at + BATCH), AT.types);
      this.functions.judge(indices.length);
      verdicts.set(bytes.subarray(AT.verdictsOut, AT.verdictsOut + indices.length), at);
      routes.set(bytes.subarray(AT.routesOut, AT.routesOut + indices.length), at);
    }
  }

  /**
   * The filter's bits in the pages as they are, for proofs. `msrpm` and `fastpath`: as for `judge` and `update`.
   *
   * @throws Error if a page says anything else that the base table, the map and the fastpath do not say
   */
  form(msrpm: Uint8Array, fastpath: boolean): PagesForm {
    this.showMap(new Uint32Array(msrpm.buffer, msrpm.byteOffset, 2048));
    const blocks = [-1, ...this.standing, ...this.added];
    const pages = new Uint32Array(blocks.length * 256);
    const { buffer } = this.functions.memory;
    const allowed = new Uint32Array(buffer, AT.shown, 256);
    const others = Buffer.from(buffer, AT.shown + 1024, 2048);
    for (const [page, block] of blocks.entries()) {
      const base = AT.base + (page <= this.standing.length ? page : 0) * BLOCK;
      const known = this.functions.show(base, AT.pages + page * BLOCK) === 1;
      if (!known || !others.equals(otherBits(block, msrpm, fastpath))) {
        throw new Error(`the page of block ${block} is not what map and base table make of it`);
      }
      pages.set(allowed, page * 256);
    }
    return { kind: 'pages', directory: this.bytes.subarray(0, 1 << 20), pages };
  }

  /** By the 4 bits of an access; what is emulated is past the map and the fastpath. */
  private setResults(endings: Uint8Array, emulated: boolean): void {
    for (let bits = 0; bits < 16; bits++) {
      const passes = !emulated && (bits & PASSES) !== 0;
      const fast = !emulated && (bits & FASTPATH) !== 0;
      this.bytes[AT.verdicts + bits] = passes || fast ? Verdict.ALLOW : endings[bits >>> NUMBER_SHIFT]!;
      this.bytes[AT.routes + bits] = passes ? Route.PASSTHROUGH : fast ? Route.FASTPATH : Route.INTERCEPTED;
    }
  }

  /** Address of a block's page. */
  private page(block: number): number {
    return AT.pages + this.bytes[block]! * BLOCK;
  }

  private basePage(block: number): number {
    const page = this.bytes[block]!;
    return AT.base + (page <= this.standing.length ? page : 0) * BLOCK;
  }

  /** Fills the base page of a standing block, from one offset up to another. */
  private learn(standing: number, [from, to]: readonly [number, number]): void {
    const first = this.standing[standing]! * BLOCK;
    const page = AT.base + (standing + 1) * BLOCK;
    const number = (index: number, type: AccessType) => this.base.outcome(index, type, this.mode) + 1;
    for (let offset = from; offset < to; offset++) {
      const index = first + offset;
      this.bytes[page + offset] = (number(index, 0) << NUMBER_SHIFT) | (number(index, 1) << (NUMBER_SHIFT + 4));
    }
  }

  private decideSegments({ segments, cuts, owner, bases, bitmaps }: SegmentsForm): void {
    let loaded = -1;
    for (let segment = 0; segment < segments; segment++) {
      const end = segment + 1 < segments ? cuts[segment + 1]! : 0x1_0000_0000;
      const reader = owner[segment * 2]!;
      const writer = owner[segment * 2 + 1]!;
      for (const slot of reader === writer ? [reader] : [reader, writer]) {
        const bitmap = bitmaps[slot];
        if (!bitmap) continue;
        if (slot !== loaded) this.bytes.set(bitmap.subarray(0, 0x600), AT.rangeBits);
        loaded = slot;
        this.decide(cuts[segment]!, end, bases[slot]!, (reader === slot ? 1 : 0) | (writer === slot ? 2 : 0));
      }
    }
  }

  /** Gives [first, end) what the loaded bitmap, of a range from `base` on, says of the types, 1 or 2 or both. */
  private decide(first: number, end: number, base: number, types: number): void {
    for (let at = first; at < end; ) {
      const block = Math.floor(at / BLOCK);
      const stop = Math.min(end, (block + 1) * BLOCK);
      if (this.bytes[block] === 0) this.addPage(block);
      const offset = at - block * BLOCK;
      const page = this.page(block) + offset;
      this.functions.decide(at - base, this.basePage(block) + offset, page, page + stop - at, FIELDS[types]!);
      at = stop;
    }
  }

  /** Page 0 has the default. */
  private addPage(block: number): void {
    const number = this.standing.length + 1 + this.added.length;
    this.added.push(block);
    this.bytes[block] = number;
    this.bytes.copyWithin(AT.pages + number * BLOCK, AT.pages, AT.pages + BLOCK);
  }

  /** Marks the accesses whose bit differs from the map shown before. */
  private showMap(map: Uint32Array): void {
    for (let word = 0; word < 2048; word++) {
      const changed = map[word]! ^ this.shown[word]!;
      if (changed === 0) continue;
      const window = WINDOWS[word >>> 9];
      this.shown[word] = map[word]!;
      // The last quarter of the map is reserved.
      if (window === undefined) continue;
      const inWindow = (word & 511) * 4;
      const block = window + Math.floor(inWindow / MAP_BYTES_PER_BLOCK);
      const first = this.page(block) + (inWindow % MAP_BYTES_PER_BLOCK) * 4;
      for (let bit = 0; bit < 32; bit++) {
        if (((changed >>> bit) & 1) !== 0) this.bytes[first + (bit >>> 1)]! ^= PASSES << ((bit & 1) * 4);
      }
    }
  }
}

/** One bit for each MSR of a block, 512 bytes each: RDMSR and WRMSR not intercepted, then completed by the fastpath. */
function otherBits(block: number, msrpm: Uint8Array, fastpath: boolean): Buffer {
  const bits = Buffer.alloc(2048);
  const window = WINDOWS.findIndex((first) => block >= first && block < first + WINDOW_BLOCKS);
  if (window >= 0) {
    const map = window * 0x800 + (block - WINDOWS[window]!) * MAP_BYTES_PER_BLOCK;
    for (let offset = 0; offset < BLOCK; offset++) {
      const passes = ~(msrpm[map + (offset >>> 2)]! >>> ((offset & 3) * 2));
      bits[offset >>> 3]! |= (passes & 1) << (offset & 7);
      bits[512 + (offset >>> 3)]! |= ((passes >>> 1) & 1) << (offset & 7);
    }
  }
  if (block === 0 && fastpath) bits[1536 + (MSR_IA32_TSC_DEADLINE >>> 3)] = 1 << (MSR_IA32_TSC_DEADLINE & 7);
  return bits;
}
