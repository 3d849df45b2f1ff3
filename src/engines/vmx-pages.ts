/**
 * What every access ends in on kvm_intel, painted beforehand, so that batches are answered by loads alone
 * (wasm/vmx.wat). The ranges are painted from the last slot to the first: what is on top is the first match. The bits
 * of the VMX MSR bitmap are put over it, as they are when a batch begins.
 */
import type { BaseTable } from '../model/base.ts';
import { MSR_IA32_TSC_DEADLINE, X2APIC_FIRST, X2APIC_LAST } from '../model/filter.ts';
import { type AccessBatch, ApicMode } from '../model/scenario.ts';
import { Route, Verdict } from '../model/verdict.ts';
import type { PagesForm } from './compiled-filter.ts';
import type { VmxFilter } from './vmx.ts';
import { compileModule, instantiate, type WithMemory } from './wasm/instantiate.ts';
import { VMX_WASM } from './wasm/vmx.ts';

interface Functions {
  /** Number of a bit of the range, addresses, MSRs, and the bits of each byte that are painted. */
  paint(from: number, base: number, to: number, count: number, bits: number): void;
  judge(count: number): void;
  /** Addresses of the base page and the page; 0 if they do not fit together. What it writes is at UNPAINTED. */
  unpaint(base: number, page: number): number;
}

const RESULTS = 0x10_0000;
const RANGE_BITS = 0x20_1000;
const BASE_PAGES = 0x20_2000;
const PAINTED_PAGES = 0x28_0000;
const INDICES = 0x38_0000;
const TYPES = 0x38_8000;
const VERDICTS = 0x38_a000;
const ROUTES = 0x38_c000;
const UNPAINTED = 0x38_e000;
/** One bit for each access to a block. */
const BITS_BYTES = 1024;
const PAGE = 4096;
const CHUNK = 8192;

/** Blocks of 4,096 MSRs that the bitmap covers, in its order. */
const COVERED = [0, 1, 0xc_0000, 0xc_0001];
/** Of 255 pages, 16 ranges may touch 64. */
const MAX_FIXED = 120;

const EXITS = 8;
const FASTPATH = 4;
/** Of what is painted, what the filter and KVM say, for RDMSR and WRMSR. */
const READ = 0x03;
const WRITE = 0x30;
const BOTH_EXIT = EXITS | (EXITS << 4);
const BOTH_UNKNOWN = 0x22;

const MODULE = compileModule(VMX_WASM);

export interface VmxRules {
  readonly x2apicExempt: boolean;
  /** WRMSR TSC_DEADLINE never reaches the filter. */
  readonly fastpath: boolean;
}

export class VmxPages {
  private readonly base: BaseTable;
  private readonly filter: VmxFilter;
  private readonly rules: VmxRules;
  private readonly functions: WithMemory<Functions>;
  private readonly memory: Uint8Array;
  private readonly results: Uint8Array;
  private readonly indices: Uint32Array;
  private readonly types: Uint8Array;
  private readonly verdicts: Uint8Array;
  private readonly routes: Uint8Array;
  private readonly unpainted: { readonly allowed: Uint32Array; readonly exits: Buffer; readonly fastpaths: Buffer };
  /** Page by block, where the base table says anything or the bitmap covers the block; base page 0 is all others'. */
  private readonly fixed = new Map<number, number>();
  /** Blocks with a painted page besides those. */
  private painted: number[] = [];
  /** What the pages are made for. */
  apic: ApicMode = ApicMode.NONE;
  /** The bitmap that has been put over. */
  private readonly bitmap = new Uint8Array(4096).fill(0xff);

  private constructor(
    functions: WithMemory<Functions>,
    base: BaseTable,
    filter: VmxFilter,
    rules: VmxRules,
    blocks: Iterable<number>,
  ) {
    const { buffer } = functions.memory;
    this.functions = functions;
    this.memory = new Uint8Array(buffer);
    this.results = new Uint8Array(buffer, RESULTS, 32);
    this.indices = new Uint32Array(buffer, INDICES, CHUNK);
    this.types = new Uint8Array(buffer, TYPES, CHUNK);
    this.verdicts = new Uint8Array(buffer, VERDICTS, CHUNK);
    this.routes = new Uint8Array(buffer, ROUTES, CHUNK);
    this.unpainted = {
      allowed: new Uint32Array(buffer, UNPAINTED, BITS_BYTES / 4),
      exits: Buffer.from(buffer, UNPAINTED + BITS_BYTES, BITS_BYTES),
      fastpaths: Buffer.from(buffer, UNPAINTED + 2 * BITS_BYTES, BITS_BYTES),
    };
    this.base = base;
    this.filter = filter;
    this.rules = rules;
    this.memory.fill(BOTH_EXIT | BOTH_UNKNOWN, BASE_PAGES, BASE_PAGES + PAGE);
    for (const block of blocks) {
      const page = this.fixed.size + 1;
      this.fixed.set(block, page);
      this.memory[block] = page;
      this.describe(block, 0, PAGE);
    }
  }

  /** Undefined if the base table has rows in more blocks than there are pages, or there is no memory. */
  static of(base: BaseTable, filter: VmxFilter, rules: VmxRules): VmxPages | undefined {
    const blocks = new Set(COVERED);
    for (const { index } of base.rows()) blocks.add(Math.floor(index / PAGE));
    const functions = blocks.size > MAX_FIXED ? undefined : instantiate<Functions>(MODULE);
    return functions && new VmxPages(functions, base, filter, rules, blocks);
  }

  /** To be called before `judge` when the filter or the APIC mode has changed. */
  update(apic: ApicMode): void {
    if (apic !== this.apic) {
      this.apic = apic;
      // Nothing else depends on the mode.
      this.describe(0, X2APIC_FIRST, X2APIC_LAST + 1);
    }
    this.paintDefault();
    const { filter, memory } = this;
    for (let slot = 15; slot >= 0; slot--) {
      const reads = (filter.slotsOfType[0]! >>> slot) & 1;
      const writes = (filter.slotsOfType[1]! >>> slot) & 1;
      if (!filter.active || reads + writes === 0) continue;
      const nmsrs = filter.nmsrs[slot]!;
      memory.set(filter.bits.subarray(slot * 0x600, slot * 0x600 + ((nmsrs + 7) >>> 3)), RANGE_BITS);
      this.paintRange(filter.base[slot]!, nmsrs, reads * READ + writes * WRITE);
    }
    const low = this.fixed.get(0)! * PAGE;
    const [from, to] = [BASE_PAGES + low, PAINTED_PAGES + low];
    if (this.rules.x2apicExempt) memory.copyWithin(to + X2APIC_FIRST, from + X2APIC_FIRST, from + X2APIC_LAST + 1);
    if (this.rules.fastpath) memory[to + MSR_IA32_TSC_DEADLINE]! |= FASTPATH << 4;
    this.bitmap.fill(0xff);
  }

  /**
   * `bitmap`: the 4 KiB page; `outcomes`: verdict of what exits and is denied, handled, unknown, invalid.
   */
  judge(
    { indices, types, form }: AccessBatch,
    bitmap: Uint8Array,
    outcomes: readonly [number, number, number, number],
    verdicts: Uint8Array,
    routes: Uint8Array,
  ): void {
    if (Buffer.compare(bitmap, this.bitmap) !== 0) this.putOver(bitmap);
    this.tabulate(outcomes, form === 'emulator');
    for (let from = 0; from < indices.length; from += CHUNK) {
      const end = Math.min(from + CHUNK, indices.length);
      this.indices.set(indices.subarray(from, end));
      this.types.set(types.subarray(from, end));
      this.functions.judge(end - from);
      verdicts.set(this.verdicts.subarray(0, end - from), from);
      routes.set(this.routes.subarray(0, end - from), from);
    }
  }

  /**
   * The filter's bits in the painted pages as they are, for proofs. `bitmap`: as for `judge`.
   *
   * @throws Error if a page says anything else that the base table, the bitmap and the fastpath do not say
   */
  form(bitmap: Uint8Array): PagesForm {
    if (Buffer.compare(bitmap, this.bitmap) !== 0) this.putOver(bitmap);
    const count = 1 + this.fixed.size + this.painted.length;
    const pages = new Uint32Array(count * 256);
    const blocks = new Map([...this.fixed].map(([block, page]) => [page, block]));
    for (let page = 0; page < count; page++) {
      const base = BASE_PAGES + (page <= this.fixed.size ? page : 0) * PAGE;
      const same = this.functions.unpaint(base, PAINTED_PAGES + page * PAGE);
      const [exits, fastpaths] = this.expectedBits(blocks.get(page), bitmap);
      const asExpected = this.unpainted.exits.equals(exits) && this.unpainted.fastpaths.equals(fastpaths);
      if (same === 0 || !asExpected) throw new Error(`painted page ${page} is not what it is painted from`);
      pages.set(this.unpainted.allowed, page * 256);
    }
    return { kind: 'pages', directory: this.memory.subarray(0, 1 << 20), pages };
  }

  /** Which accesses to a block exit, and which the fastpath completes: 512 bytes for RDMSR, then 512 for WRMSR. */
  private expectedBits(block: number | undefined, bitmap: Uint8Array): readonly [Buffer, Buffer] {
    const [exits, fastpaths] = [Buffer.alloc(BITS_BYTES, 0xff), Buffer.alloc(BITS_BYTES)];
    const quarter = block === undefined ? -1 : COVERED.indexOf(block) * 0x200;
    if (quarter >= 0) {
      exits.set(bitmap.subarray(quarter, quarter + 0x200));
      exits.set(bitmap.subarray(0x800 + quarter, 0x800 + quarter + 0x200), 0x200);
    }
    if (block === 0 && this.rules.fastpath) {
      fastpaths[0x200 + (MSR_IA32_TSC_DEADLINE >>> 3)] = 1 << (MSR_IA32_TSC_DEADLINE & 7);
    }
    return [exits, fastpaths];
  }

  /** The emulator is past the bitmap and the fastpath. */
  private tabulate(outcomes: readonly number[], emulated: boolean): void {
    for (let says = 0; says < 16; says++) {
      let [verdict, route]: [number, number] = [outcomes[says & 3]!, Route.INTERCEPTED];
      if (!emulated && (says & EXITS) === 0) [verdict, route] = [Verdict.ALLOW, Route.PASSTHROUGH];
      else if (!emulated && (says & FASTPATH) !== 0) [verdict, route] = [Verdict.ALLOW, Route.FASTPATH];
      this.results[says * 2] = verdict;
      this.results[says * 2 + 1] = route;
    }
  }

  /** Marks what differs from the bitmap that was put over before. */
  private putOver(bitmap: Uint8Array): void {
    for (let at = 0; at < bitmap.length; at++) {
      let changed = bitmap[at]! ^ this.bitmap[at]!;
      if (changed === 0) continue;
      for (; changed !== 0; changed &= changed - 1) {
        const bit = 31 - Math.clz32(changed & -changed);
        // Half: type; in a half, 0x200 bytes for each block of COVERED.
        const page = this.fixed.get(COVERED[(at & 0x7ff) >>> 9]!)!;
        this.memory[PAINTED_PAGES + page * PAGE + (at & 0x1ff) * 8 + bit]! ^= at < 0x800 ? EXITS : EXITS << 4;
      }
    }
    this.bitmap.set(bitmap);
  }

  /** Fills a base page, from one offset up to another, from the base table. */
  private describe(block: number, first: number, end: number): void {
    const page = BASE_PAGES + this.fixed.get(block)! * PAGE;
    for (let offset = first; offset < end; offset++) {
      const index = block * PAGE + offset;
      const read = this.base.outcome(index, 0, this.apic) + 1;
      const write = this.base.outcome(index, 1, this.apic) + 1;
      this.memory[page + offset] = read | (write << 4) | BOTH_EXIT;
    }
  }

  private paintDefault(): void {
    const { memory, filter } = this;
    for (const block of this.painted) memory[block] = 0;
    this.painted = [];
    const bytes = (this.fixed.size + 1) * PAGE;
    if (filter.active && filter.defaultAllow === 0) memory.fill(BOTH_EXIT, PAINTED_PAGES, PAINTED_PAGES + bytes);
    else memory.copyWithin(PAINTED_PAGES, BASE_PAGES, BASE_PAGES + bytes);
  }

  private paintRange(base: number, nmsrs: number, bits: number): void {
    for (let done = 0; done < nmsrs; ) {
      const offset = (base + done) & (PAGE - 1);
      const block = (base + done) >>> 12;
      const count = Math.min(nmsrs - done, PAGE - offset);
      const from = BASE_PAGES + (this.fixed.get(block) ?? 0) * PAGE;
      this.functions.paint(done, from + offset, PAINTED_PAGES + this.pageOf(block) * PAGE + offset, count, bits);
      done += count;
    }
  }

  /** The painted page of a block; a new one starts as page 0 is, which has the default. */
  private pageOf(block: number): number {
    const known = this.memory[block]!;
    if (known !== 0) return known;
    const page = 1 + this.fixed.size + this.painted.length;
    this.painted.push(block);
    this.memory[block] = page;
    this.memory.copyWithin(PAINTED_PAGES + page * PAGE, PAINTED_PAGES, PAINTED_PAGES + PAGE);
    return page;
  }
}
