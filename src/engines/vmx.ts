/**
 * kvm_intel: a real 4 KiB MSR bitmap, synthesized when the kernel does it, and a CPU that decides by it.
 *
 * Layout: SDM vol. 3C, 26.6.9 "MSR-Bitmap Address": read-low 0x000, read-high 0x400, write-low 0x800,
 * write-high 0xc00; bit 1 = VM-exit; any other index exits. Synthesis: arch/x86/kvm/vmx/vmx.c, either from the
 * shadow bitmaps (vmx_msr_filter_changed(), to 6.16) or recalculated (vmx_recalc_msr_intercepts(), 6.17 on).
 * Assumes what Debian's kernels do without APICv: in x2APIC mode only TPR passes through.
 */
import { type Candidate, passthroughCandidates } from '../model/catalogue.ts';
import type { MsrFilter } from '../model/filter.ts';
import { MSR_IA32_TSC_DEADLINE } from '../model/filter.ts';
import {
  ACCESS_FORMS,
  type AccessBatch,
  ApicMode,
  type CapEvent,
  type FilterDelivery,
  type MsrPassthrough,
  type NestedEvent,
} from '../model/scenario.ts';
import { type AccessType, Completion, NestedEntry, Route, Verdict } from '../model/verdict.ts';
import type { CompiledFilter, SlotsForm } from './compiled-filter.ts';
import type { Engine, EngineVm, Explanation, VmConfig } from './contract.ts';
import { VmxPages } from './vmx-pages.ts';

const PAGE_BYTES = 4096;
/** Accesses from which on it pays to paint pages (vmx-pages.ts). */
const LONG_BATCH = 128;
const MSRS_PER_WINDOW = 0x2000;
/** index >>> 13 of the high window 0xc0000000-0xc0001fff. */
const HIGH_WINDOW = 0x60000;
/** Word offsets of the quarters. */
const HIGH_WORDS = 0x400 / 4;
const WRITE_WORDS = 0x800 / 4;
const X2APIC_TPR = 0x808;
const FS_BASE = 0xc0000100;
const KERNEL_GS_BASE = 0xc0000102;

const BLOCKS = 4096;
const blockOf = (index: number): number => ((index >>> 12) ^ (index >>> 20)) & (BLOCKS - 1);

/**
 * The software filter: which of the 16 slots may cover a block of 4,096 MSRs, one bit per slot. The lowest bit
 * whose range really covers the index is the first match.
 */
export class VmxFilter {
  active = false;
  defaultAllow = 1;
  /** Slots by block, hashed: a superset of the slots that cover it. */
  readonly slotsOfBlock = new Uint16Array(BLOCKS);
  /** Slots that name the type. */
  readonly slotsOfType = new Uint16Array(2);
  readonly base = new Uint32Array(16);
  readonly nmsrs = new Uint32Array(16);
  /** 16 bitmaps of 1,536 bytes. */
  readonly bits = new Uint8Array(16 * 0x600);

  clear(): void {
    this.active = false;
    this.defaultAllow = 1;
    this.slotsOfBlock.fill(0);
    this.slotsOfType.fill(0);
  }

  add(slot: number, flags: number, base: number, nmsrs: number, bitmap: Uint8Array): void {
    this.active = true;
    this.base[slot] = base;
    this.nmsrs[slot] = nmsrs;
    this.bits.set(nmsrs > 64 ? bitmap.subarray(0, (nmsrs + 7) >>> 3) : bitmap.subarray(0, 8), slot * 0x600);
    const last = base + nmsrs - 1;
    // end = (u32)(base + nmsrs) <= base: nothing is ever inside such a range.
    if (last >= 0xffff_ffff) return;
    if ((flags & 1) !== 0) this.slotsOfType[0] = this.slotsOfType[0]! | (1 << slot);
    if ((flags & 2) !== 0) this.slotsOfType[1] = this.slotsOfType[1]! | (1 << slot);
    for (let block = base >>> 12; block <= last >>> 12; block++) {
      const hashed = blockOf((block << 12) >>> 0);
      this.slotsOfBlock[hashed] = this.slotsOfBlock[hashed]! | (1 << slot);
    }
  }

  /** Slot of the first match, or -1. */
  slotFor(index: number, type: number): number {
    let slots = this.slotsOfBlock[blockOf(index)]! & this.slotsOfType[type]!;
    while (slots !== 0) {
      const slot = 31 - Math.clz32(slots & -slots);
      const offset = index - this.base[slot]!;
      if (offset >= 0 && offset < this.nmsrs[slot]!) return slot;
      slots &= slots - 1;
    }
    return -1;
  }

  /** 1: allowed; 0: denied. */
  allows(index: number, type: number, exempt: boolean): number {
    if (!this.active || (exempt && index >>> 8 === 8)) return 1;
    const slot = this.slotFor(index, type);
    if (slot < 0) return this.defaultAllow;
    const bit = index - this.base[slot]!;
    return (this.bits[slot * 0x600 + (bit >>> 3)]! >>> (bit & 7)) & 1;
  }

  form(exempt: boolean): SlotsForm {
    const { active, slotsOfBlock, slotsOfType, base, nmsrs, bits } = this;
    const window = exempt ? ([0x800, 0x8ff] as const) : undefined;
    const tables = { active, slotsOfBlock, slotsOfType, base, nmsrs, bits, stride: 0x600 };
    return { kind: 'slots', ...tables, defaultAllow: this.defaultAllow === 1, exempt: window };
  }
}

/** Word of an MSR in the page, without the direction; -1: not covered, always exits. */
function wordOf(index: number): number {
  if (index < MSRS_PER_WINDOW) return index >>> 5;
  if (index >>> 13 === HIGH_WINDOW) return HIGH_WORDS + ((index & 0x1fff) >>> 5);
  return -1;
}

export class VmxVm implements EngineVm {
  protected readonly config: VmConfig;
  protected readonly filter = new VmxFilter();
  protected readonly candidates: readonly Candidate[];
  protected readonly candidateOf = new Map<number, number>();
  /** By candidate: KVM itself wants to intercept (vmx->shadow_msr_intercept; its complement is the wish). */
  protected readonly shadowRead: boolean[] = [];
  protected readonly shadowWrite: boolean[] = [];
  protected readonly page = new Uint8Array(PAGE_BYTES);
  protected readonly words = new Uint32Array(this.page.buffer);
  protected readonly nestedPage = new Uint8Array(PAGE_BYTES);
  protected mask = 0;
  protected apic: ApicMode = ApicMode.NONE;
  protected ignoreMsrs = false;
  /** Verdict by allowed * 4 + base outcome, for the mask in force. */
  protected readonly outcomes = new Uint8Array(8);
  protected exitPending = false;
  /** vmx->nested.force_msr_bitmap_recalc: L0's page has changed since the last merge. */
  protected forceNestedRecalc = true;
  /** Made when first needed; null: cannot be. */
  private pages: VmxPages | undefined | null;
  /** The filter has changed since the pages were painted. */
  private repaint = true;

  constructor(config: VmConfig) {
    this.config = config;
    this.candidates = passthroughCandidates('vmx', config.profile);
    for (const [slot, candidate] of this.candidates.entries()) this.candidateOf.set(candidate.index, slot);
    this.createVcpu();
  }

  reset(): void {
    this.filter.clear();
    this.repaint = true;
    this.mask = 0;
    this.apic = ApicMode.NONE;
    this.ignoreMsrs = false;
    this.exitPending = false;
    this.forceNestedRecalc = true;
    this.createVcpu();
  }

  setFilter(filter: MsrFilter, delivery: FilterDelivery): number {
    if (delivery === 'compat') return -25;
    if (delivery === 'short') return -14;
    const { profile } = this.config;
    if (profile.unknownFilterFlagsRejected && filter.flags >>> 1 !== 0) return -22;
    const deny = filter.flags & 1;
    const count = filter.ranges.reduce((n, range) => (range.nmsrs === 0 ? n : n + 1), 0);
    if (count === 0 && deny === 1 && profile.emptyDenyRejected) return -22;

    this.repaint = true;
    if (profile.replacement === 'in-place') this.filter.clear();
    else {
      for (const range of filter.ranges) {
        const error = this.validate(range.nmsrs, range.flags, range.bitmap);
        if (error !== 0) return error;
      }
      this.filter.clear();
    }
    this.filter.defaultAllow = 1 - deny;
    let error = 0;
    for (let slot = 0; slot < filter.ranges.length && error === 0; slot++) {
      const { flags, base, nmsrs, bitmap } = filter.ranges[slot]!;
      error = this.validate(nmsrs, flags, bitmap);
      if (error === 0 && nmsrs !== 0) this.filter.add(slot, flags, base, nmsrs, bitmap!);
    }
    // KVM_REQ_MSR_FILTER_CHANGED / KVM_REQ_RECALC_INTERCEPTS; before the SRCU fix it is sent after errors too.
    this.filterChanged();
    return error;
  }

  enableCap({ mask, flags, cap }: CapEvent): number {
    if ((flags !== undefined && flags !== 0) || (cap !== undefined && cap !== 188)) return -22;
    if (mask >> 3n !== 0n && this.config.profile.unknownMaskBitsRejected) return -22;
    this.mask = Number(mask & 7n);
    this.updateOutcomes();
    return 0;
  }

  setIgnoreMsrs(on: boolean): void {
    this.ignoreMsrs = on;
    this.updateOutcomes();
  }

  setApicMode(mode: ApicMode): void {
    this.apic = mode;
    this.updateX2apic();
  }

  setCandidates(changes: readonly MsrPassthrough[]): void {
    for (const { index, read, write } of changes) {
      const slot = this.candidateOf.get(index);
      if (slot === undefined) continue;
      this.shadowRead[slot] = !(read && this.candidates[slot]!.read);
      this.shadowWrite[slot] = !(write && this.candidates[slot]!.write);
      this.applyCandidate(slot);
    }
  }

  access(batch: AccessBatch, verdicts: Uint8Array, routes: Uint8Array): void {
    const { indices, types } = batch;
    const { words } = this;
    const { form } = batch;
    if (form === 'implicit' || form === 'host') {
      this.accessUnfiltered(batch, verdicts, routes);
      return;
    }
    const length = indices.length;
    const pages = length >= LONG_BATCH && this.unmodified() ? this.paintedPages() : null;
    if (pages) {
      const [denied, , , , handled, unknown, invalid] = this.outcomes;
      pages.judge(batch, this.page, [denied!, handled!, unknown!, invalid!], verdicts, routes);
      this.exitPending = verdicts[length - 1]! > Verdict.GP;
      return;
    }
    const direct = form !== 'emulator';
    for (let i = 0; i < length; i++) {
      const index = indices[i]!;
      const type = types[i]!;
      if (direct && (index < MSRS_PER_WINDOW || index >>> 13 === HIGH_WINDOW)) {
        const word = (index >>> 31 === 0 ? 0 : HIGH_WORDS) + ((index & 0x1fff) >>> 5) + (type === 0 ? 0 : WRITE_WORDS);
        if (((words[word]! >>> (index & 31)) & 1) === 0) {
          verdicts[i] = Verdict.ALLOW;
          routes[i] = Route.PASSTHROUGH;
          continue;
        }
        if (index === MSR_IA32_TSC_DEADLINE && type === 1 && this.config.profile.tscDeadlineFastpath.vmx) {
          verdicts[i] = Verdict.ALLOW;
          routes[i] = Route.FASTPATH;
          continue;
        }
      }
      routes[i] = Route.INTERCEPTED;
      verdicts[i] = this.emulate(index, type);
    }
    if (length > 0) this.exitPending = verdicts[length - 1]! > Verdict.GP;
  }

  /** No step of a single access is replaced in a subclass: the painted pages say what they would say. */
  private unmodified(): boolean {
    const { filterAllows, emulate } = VmxVm.prototype;
    return this.filterAllows === filterAllows && this.emulate === emulate;
  }

  private paintedPages(): VmxPages | null {
    if (this.pages === undefined) {
      const { base, profile } = this.config;
      const { x2apicExempt, tscDeadlineFastpath } = profile;
      this.pages = VmxPages.of(base, this.filter, { x2apicExempt, fastpath: tscDeadlineFastpath.vmx }) ?? null;
    }
    if (this.repaint || this.pages?.apic !== this.apic) this.pages?.update(this.apic);
    this.repaint = false;
    return this.pages;
  }

  compiled(): CompiledFilter {
    const { profile } = this.config;
    const [denied, , , , handled, unknown, invalid] = this.outcomes;
    return {
      filter: this.filter.form(profile.x2apicExempt),
      batches: this.unmodified() ? this.paintedPages()?.form(this.page) : undefined,
      verdicts: [denied!, handled!, unknown!, invalid!],
      bitmap: { vendor: 'vmx', bytes: this.page },
      fastpath: profile.tscDeadlineFastpath.vmx ? [{ index: MSR_IA32_TSC_DEADLINE, type: 1 }] : [],
    };
  }

  private accessUnfiltered({ indices, types, form }: AccessBatch, verdicts: Uint8Array, routes: Uint8Array): void {
    for (let i = 0; i < indices.length; i++) {
      const ok = form === 'implicit' || this.baseOutcome(indices[i]!, types[i]!) === 0;
      verdicts[i] = ok ? Verdict.ALLOW : Verdict.GP;
      routes[i] = form === 'implicit' ? Route.PASSTHROUGH : Route.INTERCEPTED;
    }
    if (form === 'implicit' && indices.length > 0) this.exitPending = false;
  }

  reply(error: number): Completion {
    const pending = this.exitPending;
    this.exitPending = false;
    if (!pending) return Completion.NO_EXIT_PENDING;
    return (error & 0xff) === 0 ? Completion.DONE : Completion.GP;
  }

  enterNested(event: NestedEvent): NestedEntry {
    // vmcs02 runs without bitmaps when L1 uses none or its page cannot be mapped: everything exits.
    if (!event.bitmaps || !event.mapped) return NestedEntry.NO_BITMAP;
    if (event.clean === true && !this.forceNestedRecalc) return NestedEntry.MERGED;
    const l1 = new Uint8Array(PAGE_BYTES).fill(0xff);
    for (const { index, read, write } of event.passthrough) {
      if (read) this.setIntercept(l1, index, 0, false);
      if (write) this.setIntercept(l1, index, 1, false);
    }
    this.mergeNested(l1);
    this.forceNestedRecalc = false;
    return NestedEntry.MERGED;
  }

  bitmap(level: 'l1' | 'l2'): Uint8Array {
    return level === 'l1' ? this.page : this.nestedPage;
  }

  explain(index: number, type: AccessType): Explanation {
    const verdicts = new Uint8Array(1);
    const routes = new Uint8Array(1);
    const pending = this.exitPending;
    this.access({ indices: Uint32Array.of(index), types: Uint8Array.of(type) }, verdicts, routes);
    this.exitPending = pending;
    const verdict = verdicts[0] as Verdict;
    const route = routes[0] as Route;
    const covered = wordOf(index) >= 0;
    if (route === Route.PASSTHROUGH) return { verdict, route, rule: 'VMX MSR bitmap bit is 0: no VM-exit' };
    if (route === Route.FASTPATH)
      return { verdict, route, rule: 'exit fastpath: completed before the filter is asked' };
    const slot = this.filter.slotFor(index, type);
    const why = covered ? 'VMX MSR bitmap bit is 1' : 'outside the VMX MSR bitmap';
    const decided = slot < 0 ? 'no range matches' : `range ${slot} matches`;
    return slot < 0
      ? { verdict, route, rule: `${why}; ${decided}` }
      : { verdict, route, rule: `${why}; ${decided}`, range: slot, bit: index - this.filter.base[slot]! };
  }

  /** vmx_vcpu_create(): everything intercepted, then the candidates that are always passed through. */
  protected createVcpu(): void {
    this.updateOutcomes();
    this.page.fill(0xff);
    this.nestedPage.fill(0xff);
    for (const [slot, candidate] of this.candidates.entries()) {
      this.shadowRead[slot] = !(candidate.always && candidate.read);
      this.shadowWrite[slot] = !(candidate.always && candidate.write);
      this.applyCandidate(slot);
    }
  }

  protected filterChanged(): void {
    if (this.config.profile.intercepts === 'recalc') this.page.fill(0xff);
    for (let slot = 0; slot < this.candidates.length; slot++) this.applyCandidate(slot);
    // 5.10 re-runs the x2APIC update as well; later kernels rely on the exemption.
    this.updateX2apic();
  }

  protected applyCandidate(slot: number): void {
    const { index } = this.candidates[slot]!;
    this.updateIntercept(index, 0, this.shadowRead[slot]!);
    this.updateIntercept(index, 1, this.shadowWrite[slot]!);
  }

  /** vmx_update_msr_bitmap_x2apic() without APICv: virtual-x2APIC mode passes TPR alone. */
  protected updateX2apic(): void {
    const intercept = this.apic !== ApicMode.X2APIC;
    this.updateIntercept(X2APIC_TPR, 0, intercept);
    this.updateIntercept(X2APIC_TPR, 1, intercept);
  }

  /** vmx_set_intercept_for_msr(): the bit is clear only if KVM does not want it and the filter allows the type. */
  protected updateIntercept(index: number, type: number, wanted: boolean): void {
    this.setIntercept(this.page, index, type, wanted || this.filterAllows(index, type) === 0);
  }

  protected setIntercept(page: Uint8Array, index: number, type: number, intercept: boolean): void {
    const word = wordOf(index);
    if (word < 0) return;
    const byte = word * 4 + ((index & 31) >>> 3) + type * 0x800;
    const bit = 1 << (index & 7);
    if (page === this.page) this.forceNestedRecalc = true;
    page[byte] = intercept ? page[byte]! | bit : page[byte]! & ~bit;
  }

  protected tests(page: Uint8Array, index: number, type: number): boolean {
    const byte = wordOf(index) * 4 + ((index & 31) >>> 3) + type * 0x800;
    return (page[byte]! & (1 << (index & 7))) !== 0;
  }

  /** nested_vmx_prepare_msr_bitmap(): L0 OR L1 for the listed MSRs, everything else intercepted. */
  protected mergeNested(l1: Uint8Array): void {
    this.nestedPage.fill(0xff);
    for (const { index, read, write, merged } of this.candidates) {
      if (!merged) continue;
      const bases = index >= FS_BASE && index <= KERNEL_GS_BASE;
      for (let type = 0; type < 2; type++) {
        if (!(type === 0 ? read : write)) continue;
        // Before 67f4b9969c30 the bases followed L1 alone.
        const l1Only = bases && !this.config.profile.nestedHonoursFilterForBases;
        const own = l1Only ? false : this.tests(this.page, index, type);
        this.setIntercept(this.nestedPage, index, type, own || this.tests(l1, index, type));
      }
    }
  }

  protected filterAllows(index: number, type: number): number {
    return this.filter.allows(index, type, this.config.profile.x2apicExempt);
  }

  /** handle_rdmsr / handle_wrmsr: the filter first, then what KVM knows of the MSR. */
  protected emulate(index: number, type: number): number {
    const outcome = this.config.base.outcome(index, type as AccessType, this.apic);
    return this.outcomes[this.filterAllows(index, type) * 4 + outcome]!;
  }

  /** kvm_msr_user_space(): one reason by what failed, an exit if the mask has it, else #GP. */
  protected updateOutcomes(): void {
    const { mask, outcomes } = this;
    outcomes.fill((mask & 4) !== 0 ? Verdict.EXIT_FILTER : Verdict.GP, 0, 4);
    outcomes[4] = Verdict.ALLOW;
    outcomes[5] = (mask & 2) !== 0 ? Verdict.EXIT_UNKNOWN : Verdict.GP;
    if (this.ignoreMsrs) outcomes[5] = Verdict.ALLOW;
    outcomes[6] = (mask & 1) !== 0 ? Verdict.EXIT_INVAL : Verdict.GP;
  }

  protected baseOutcome(index: number, type: number): number {
    const outcome = this.config.base.outcome(index, type as AccessType, this.apic);
    return this.ignoreMsrs && outcome === 1 ? 0 : outcome;
  }

  protected validate(nmsrs: number, flags: number, bitmap: Uint8Array | null): number {
    if (nmsrs === 0) return 0;
    const badFlags = flags < 1 || flags > 3;
    if (badFlags && this.config.profile.rangeChecks === 'flags-size-copy') return -22;
    const longs = Math.floor((nmsrs + 63) / 64);
    if (longs > 192) return -22;
    if (bitmap === null || bitmap.byteLength < longs * 8) return -14;
    return badFlags ? -22 : 0;
  }
}

export const vmx: Engine = {
  name: 'vmx',
  capabilities: {
    events: ['filter', 'cap', 'ignoreMsrs', 'apic', 'candidates', 'access', 'reply', 'nested'],
    forms: ACCESS_FORMS,
    routes: true,
    bitmap: 'vmx',
  },
  createVm: (config) => new VmxVm(config),
};
