/**
 * kvm_amd: a real 8 KiB MSR permissions map, synthesized when the kernel does it, and a CPU that decides by it.
 *
 * Layout: APM vol. 2, 15.11 "MSR Intercepts": three windows of 8,192 MSRs in 2 KiB each, two bits per MSR, even
 * bit RDMSR, odd bit WRMSR, 1 = intercept; the fourth quarter is reserved; any other index is intercepted.
 * Synthesis: arch/x86/kvm/svm/svm.c, from the shadow (svm_msr_filter_changed(), to 6.16) or recalculated
 * (svm_recalc_msr_intercepts(), 6.17 on). AVIC / x2AVIC off: no x2APIC MSR passes through.
 */
import { type Candidate, passthroughCandidates } from '../model/catalogue.ts';
import {
  KVM_MSR_FILTER_DEFAULT_DENY,
  MSR_IA32_TSC_DEADLINE,
  type MsrFilter,
  type MsrFilterRange,
} from '../model/filter.ts';
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
import type { CompiledFilter, SegmentsForm } from './compiled-filter.ts';
import type { Engine, EngineVm, Explanation, VmConfig } from './contract.ts';
import { SvmPages } from './svm-pages.ts';

const MSRPM_BYTES = 8192;
const X2APIC_MSRS = [0x800, 0x8ff] as const;
/** From so many accesses on, pages are worked out for a batch. */
const MANY = 128;
const BYTES_PER_WINDOW = 2048;
const MAX_SLOTS = 16;
const NO_OWNER = MAX_SLOTS;
const MEMO_ENTRIES = 4096;
const ERRNO_FAULT = -14;
const ERRNO_INVAL = -22;
const ERRNO_NOTTY = -25;
/** KVM_CAP_X86_USER_SPACE_MSR. */
const USER_SPACE_MSR = 188;

/**
 * The software filter as elementary segments: the ranges' ends cut the index space, and in each segment one slot
 * (or none) decides each type. A lookup is a binary search over at most 33 cuts, remembered until the next change.
 */
export class SvmFilter {
  active = false;
  /** Decisions looked up since the last change, by hashed index: 2 bits per type, 0 unknown, 2 denied, 3 allowed. */
  private readonly memoIndex = new Uint32Array(MEMO_ENTRIES);
  protected readonly memo = new Uint8Array(MEMO_ENTRIES);
  protected defaultBit = 1;
  private segments = 1;
  private readonly cuts = new Uint32Array(2 * MAX_SLOTS + 1);
  /** Deciding slot by segment * 2 + type. */
  protected readonly owner = new Uint8Array(2 * (2 * MAX_SLOTS + 1)).fill(NO_OWNER);
  protected readonly bitmaps: (Uint8Array | undefined)[] = [];
  protected readonly bases = new Float64Array(MAX_SLOTS);

  disable(): void {
    this.active = false;
    this.memo.fill(0);
    this.segments = 1;
    this.owner.fill(NO_OWNER);
    this.bitmaps.length = 0;
  }

  install(ranges: readonly (MsrFilterRange & { slot: number })[], defaultBit: number): void {
    this.disable();
    if (ranges.length === 0) return;
    this.active = true;
    this.defaultBit = defaultBit;
    const live = ranges.filter((range) => (range.base + range.nmsrs) >>> 0 > range.base);
    const ends = new Set<number>([0]);
    for (const range of live) ends.add(range.base).add(range.base + range.nmsrs);
    const sorted = Uint32Array.from(ends).sort();
    this.cuts.set(sorted);
    this.segments = sorted.length;
    for (const range of live) {
      this.bitmaps[range.slot] = range.bitmap!.slice();
      this.bases[range.slot] = range.base;
    }
    for (let segment = 0; segment < sorted.length; segment++) {
      const at = sorted[segment]!;
      for (const type of [0, 1]) {
        const first = live.find((r) => at >= r.base && at < r.base + r.nmsrs && ((r.flags >>> type) & 1) === 1);
        this.owner[segment * 2 + type] = first ? first.slot : NO_OWNER;
      }
    }
  }

  slotFor(index: number, type: number): number {
    let low = 0;
    let count = this.segments;
    while (count > 1) {
      const half = count >>> 1;
      if (this.cuts[low + half]! <= index) low += half;
      count -= half;
    }
    return this.owner[low * 2 + type]!;
  }

  bit(index: number, type: number): number {
    if (!this.active) return 1;
    const at = (index ^ (index >>> 12)) & (MEMO_ENTRIES - 1);
    const shift = type << 1;
    if (this.memoIndex[at] !== index) {
      this.memoIndex[at] = index;
      this.memo[at] = 0;
    }
    const known = this.memo[at]! >>> shift;
    if ((known & 2) !== 0) return known & 1;
    const bit = this.decide(index, type);
    this.memo[at] = this.memo[at]! | ((2 | bit) << shift);
    return bit;
  }

  protected decide(index: number, type: number): number {
    const slot = this.slotFor(index, type);
    if (slot === NO_OWNER) return this.defaultBit;
    const offset = index - this.bases[slot]!;
    return (this.bitmaps[slot]![offset >>> 3]! >>> (offset & 7)) & 1;
  }

  bitNumber(slot: number, index: number): number {
    return index - this.bases[slot]!;
  }

  /** Without what has been remembered. */
  form(exempt: SegmentsForm['exempt']): SegmentsForm {
    const { active, segments, cuts, owner, bases, bitmaps, defaultBit } = this;
    return { kind: 'segments', active, segments, cuts, owner, bases, bitmaps, defaultAllow: defaultBit === 1, exempt };
  }
}

/** svm_msrpm_bit_nr(): number of the RDMSR bit in the map, WRMSR is the next one; -1 outside the windows. */
function bitNumberOf(index: number): number {
  const block = index >>> 13;
  if (block === 0) return index * 2;
  if (block === 0xc0000000 >>> 13) return BYTES_PER_WINDOW * 8 + (index & 0x1fff) * 2;
  if (block === 0xc0010000 >>> 13) return 2 * BYTES_PER_WINDOW * 8 + (index & 0x1fff) * 2;
  return -1;
}

export class SvmVm implements EngineVm {
  protected readonly config: VmConfig;
  protected readonly filter = new SvmFilter();
  protected readonly candidates: readonly Candidate[];
  /** svm->shadow_msr_intercept: by candidate, what KVM itself would pass through. */
  protected readonly wish = new Map<number, { read: boolean; write: boolean }>();
  protected readonly msrpm = new Uint8Array(MSRPM_BYTES);
  protected readonly nestedMsrpm = new Uint8Array(MSRPM_BYTES);
  protected mask = 0;
  protected apic: ApicMode = ApicMode.NONE;
  protected ignoreMsrs = false;
  /** What an intercepted access ends in: [denied, handled, unknown, invalid]. */
  protected readonly endings = new Uint8Array(4);
  protected pendingExit = false;
  /** Undefined before the first long batch, or if there can be none. */
  private pages: SvmPages | undefined;
  private pagesTried = false;
  private pagesOutdated = true;

  constructor(config: VmConfig) {
    this.config = config;
    this.candidates = passthroughCandidates('svm', config.profile);
    this.initVcpu();
  }

  reset(): void {
    this.filter.disable();
    this.pagesOutdated = true;
    this.mask = 0;
    this.apic = ApicMode.NONE;
    this.ignoreMsrs = false;
    this.pendingExit = false;
    this.initVcpu();
  }

  setFilter(filter: MsrFilter, delivery: FilterDelivery): number {
    if (delivery === 'compat' || delivery === 'short') return delivery === 'short' ? ERRNO_FAULT : ERRNO_NOTTY;
    const { profile } = this.config;
    const denies = (filter.flags & KVM_MSR_FILTER_DEFAULT_DENY) !== 0;
    if (profile.unknownFilterFlagsRejected && filter.flags !== (denies ? 1 : 0)) return ERRNO_INVAL;
    const slots: (MsrFilterRange & { slot: number })[] = [];
    for (const [slot, { flags, nmsrs, base, bitmap }] of filter.ranges.entries()) {
      if (nmsrs > 0) slots.push({ slot, flags, nmsrs, base, bitmap });
    }
    if (profile.emptyDenyRejected && denies && slots.length === 0) return ERRNO_INVAL;

    const firstBad = slots.findIndex((range) => this.rangeError(range) !== 0);
    const error = firstBad < 0 ? 0 : this.rangeError(slots[firstBad]!);
    if (error !== 0 && profile.replacement === 'swap') return error;
    this.pagesOutdated = true;
    this.filter.install(error === 0 ? slots : slots.slice(0, firstBad), denies ? 0 : 1);
    this.filterChanged();
    return error;
  }

  enableCap({ mask, flags = 0, cap = USER_SPACE_MSR }: CapEvent): number {
    if (flags !== 0 || cap !== USER_SPACE_MSR) return ERRNO_INVAL;
    if ((mask & 0xffff_ffff_ffff_fff8n) !== 0n && this.config.profile.unknownMaskBitsRejected) return ERRNO_INVAL;
    this.mask = Number(BigInt.asUintN(32, mask)) & 7;
    this.updateEndings();
    return 0;
  }

  setIgnoreMsrs(on: boolean): void {
    this.ignoreMsrs = on;
    this.updateEndings();
  }

  setApicMode(mode: ApicMode): void {
    // Without x2AVIC nothing in the map depends on the mode; KVM recalculates nothing here.
    this.apic = mode;
  }

  setCandidates(changes: readonly MsrPassthrough[]): void {
    for (const change of changes) {
      const candidate = this.candidates.find((c) => c.index === change.index);
      if (!candidate) continue;
      this.wish.set(change.index, {
        read: change.read && candidate.read,
        write: change.write && candidate.write,
      });
      this.applyWish(candidate);
    }
  }

  access(batch: AccessBatch, verdicts: Uint8Array, routes: Uint8Array): void {
    const { indices, types } = batch;
    const { msrpm } = this;
    if (batch.form === 'implicit' || batch.form === 'host') {
      this.accessUnfiltered(batch, verdicts, routes);
      return;
    }
    const { length } = indices;
    if (length >= MANY && this.isPlain() && this.updatePages()) {
      this.pages!.judge(batch, msrpm, this.endings, verdicts, routes);
      this.pendingExit = verdicts[length - 1]! >= Verdict.EXIT_FILTER;
      return;
    }
    const direct = batch.form !== 'emulator';
    const fastpath = direct && this.config.profile.tscDeadlineFastpath.svm;
    for (let i = 0; i < length; i++) {
      const index = indices[i]!;
      const type = types[i]!;
      const bit = direct ? bitNumberOf(index) : -1;
      if (bit >= 0 && ((msrpm[bit >>> 3]! >>> ((bit & 7) + type)) & 1) === 0) {
        verdicts[i] = Verdict.ALLOW;
        routes[i] = Route.PASSTHROUGH;
      } else if (fastpath && type === 1 && index === MSR_IA32_TSC_DEADLINE) {
        verdicts[i] = Verdict.ALLOW;
        routes[i] = Route.FASTPATH;
      } else {
        verdicts[i] = this.intercepted(index, type);
        routes[i] = Route.INTERCEPTED;
      }
    }
    if (length > 0) this.pendingExit = verdicts[length - 1]! >= Verdict.EXIT_FILTER;
  }

  /** Whether what the pages say is what `intercepted` and `permitted` would: a subclass may have replaced them. */
  private isPlain(): boolean {
    return this.intercepted === SvmVm.prototype.intercepted && this.permitted === SvmVm.prototype.permitted;
  }

  /** False if there are no pages. */
  private updatePages(): boolean {
    if (!this.pagesTried) this.pages = SvmPages.of(this.config.base);
    this.pagesTried = true;
    if (this.pagesOutdated || this.pages?.mode !== this.apic) {
      const { x2apicExempt, tscDeadlineFastpath } = this.config.profile;
      this.pages?.update(this.filter.form(x2apicExempt ? X2APIC_MSRS : undefined), this.apic, tscDeadlineFastpath.svm);
    }
    this.pagesOutdated = false;
    return this.pages !== undefined;
  }

  compiled(): CompiledFilter {
    const { x2apicExempt, tscDeadlineFastpath } = this.config.profile;
    const [denied, handled, unknown, invalid] = this.endings;
    return {
      filter: this.filter.form(x2apicExempt ? X2APIC_MSRS : undefined),
      batches: this.isPlain() && this.updatePages() ? this.pages!.form(this.msrpm, tscDeadlineFastpath.svm) : undefined,
      verdicts: [denied!, handled!, unknown!, invalid!],
      bitmap: { vendor: 'svm', bytes: this.msrpm },
      fastpath: tscDeadlineFastpath.svm ? [{ index: MSR_IA32_TSC_DEADLINE, type: 1 }] : [],
    };
  }

  private accessUnfiltered({ indices, types, form }: AccessBatch, verdicts: Uint8Array, routes: Uint8Array): void {
    indices.forEach((index, i) => {
      const done = form === 'implicit' || this.known(index, types[i]!) === 0;
      verdicts[i] = done ? Verdict.ALLOW : Verdict.GP;
      routes[i] = form === 'implicit' ? Route.PASSTHROUGH : Route.INTERCEPTED;
    });
    if (form === 'implicit' && indices.length > 0) this.pendingExit = false;
  }

  reply(error: number): Completion {
    if (!this.pendingExit) return Completion.NO_EXIT_PENDING;
    this.pendingExit = false;
    return error > 0 ? Completion.GP : Completion.DONE;
  }

  enterNested(event: NestedEvent): NestedEntry {
    // Without INTERCEPT_MSR_PROT nothing is merged: vmcb02 keeps vmcb01's map.
    if (!event.bitmaps) return NestedEntry.NO_BITMAP;
    if (!event.mapped) return NestedEntry.FAILED;
    const l1 = new Uint8Array(MSRPM_BYTES).fill(0xff);
    for (const { index, read, write } of event.passthrough) {
      if (read) this.writeBit(l1, index, 0, false);
      if (write) this.writeBit(l1, index, 1, false);
    }
    this.mergeNested(l1);
    return NestedEntry.MERGED;
  }

  bitmap(level: 'l1' | 'l2'): Uint8Array {
    return level === 'l1' ? this.msrpm : this.nestedMsrpm;
  }

  explain(index: number, type: AccessType): Explanation {
    const bit = bitNumberOf(index);
    if (bit >= 0 && ((this.msrpm[bit >>> 3]! >>> ((bit & 7) + type)) & 1) === 0) {
      return { verdict: Verdict.ALLOW, route: Route.PASSTHROUGH, rule: 'MSRPM bit is 0: not intercepted' };
    }
    const fastpath = this.config.profile.tscDeadlineFastpath.svm;
    if (fastpath && type === 1 && index === MSR_IA32_TSC_DEADLINE) {
      const rule = 'exit fastpath: completed before the filter is asked';
      return { verdict: Verdict.ALLOW, route: Route.FASTPATH, rule };
    }
    const verdict = this.intercepted(index, type) as Verdict;
    const why = bit >= 0 ? 'MSRPM bit is 1' : 'outside the MSRPM';
    const slot = this.filter.slotFor(index, type);
    if (slot === NO_OWNER) return { verdict, route: Route.INTERCEPTED, rule: `${why}; no range matches` };
    const rule = `${why}; the segment belongs to range ${slot}`;
    return { verdict, route: Route.INTERCEPTED, rule, range: slot, bit: this.filter.bitNumber(slot, index) };
  }

  /** svm_vcpu_init_msrpm(): all ones, then the MSRs that every guest accesses directly. */
  protected initVcpu(): void {
    this.updateEndings();
    this.msrpm.fill(0xff);
    this.nestedMsrpm.fill(0xff);
    for (const candidate of this.candidates) {
      const { always, read, write, index } = candidate;
      this.wish.set(index, { read: always && read, write: always && write });
      this.applyWish(candidate);
    }
  }

  protected filterChanged(): void {
    for (const candidate of this.candidates) this.applyWish(candidate);
  }

  /** set_msr_interception(): the wish counts only where the filter allows the direction. */
  protected applyWish(candidate: Candidate): void {
    const { index } = candidate;
    const wish = this.wish.get(index)!;
    this.writeBit(this.msrpm, index, 0, !(wish.read && this.permitted(index, 0)));
    this.writeBit(this.msrpm, index, 1, !(wish.write && this.permitted(index, 1)));
  }

  protected writeBit(map: Uint8Array, index: number, type: number, intercept: boolean): void {
    const first = bitNumberOf(index);
    if (first < 0) return;
    const at = first + type;
    const bit = 1 << (at & 7);
    if (intercept) map[at >>> 3] = map[at >>> 3]! | bit;
    else map[at >>> 3] = map[at >>> 3]! & ~bit;
  }

  /** nested_svm_merge_msrpm(): whole chunks that hold a listed MSR are OR-ed, all else stays intercepted. */
  protected mergeNested(l1: Uint8Array): void {
    const chunkBytes = this.config.profile.intercepts === 'recalc' ? 8 : 4;
    this.nestedMsrpm.fill(0xff);
    for (const { index, merged } of this.candidates) {
      if (!merged) continue;
      const from = Math.floor(bitNumberOf(index) / 8 / chunkBytes) * chunkBytes;
      for (let at = from; at < from + chunkBytes; at++) this.nestedMsrpm[at] = this.mergeByte(this.msrpm[at]!, l1[at]!);
    }
  }

  protected mergeByte(l0: number, l1: number): number {
    return l0 | l1;
  }

  protected permitted(index: number, type: number): boolean {
    if (this.config.profile.x2apicExempt && index >= 0x800 && index < 0x900) return true;
    return this.filter.bit(index, type) === 1;
  }

  protected intercepted(index: number, type: number): number {
    const outcome = this.config.base.outcome(index, type as AccessType, this.apic) + 1;
    return this.endings[this.permitted(index, type) ? outcome : 0]!;
  }

  protected updateEndings(): void {
    this.endings[0] = this.faultOr(4, Verdict.EXIT_FILTER);
    this.endings[1] = Verdict.ALLOW;
    this.endings[2] = this.ignoreMsrs ? Verdict.ALLOW : this.faultOr(2, Verdict.EXIT_UNKNOWN);
    this.endings[3] = this.faultOr(1, Verdict.EXIT_INVAL);
  }

  protected known(index: number, type: number): number {
    const outcome = this.config.base.outcome(index, type as AccessType, this.apic);
    return outcome === 1 && this.ignoreMsrs ? 0 : outcome;
  }

  protected faultOr(reason: number, exit: number): number {
    return (this.mask & reason) === 0 ? Verdict.GP : exit;
  }

  protected rangeError(range: MsrFilterRange): number {
    const { nmsrs, flags, bitmap } = range;
    const flagError = flags === 0 || flags > 3 ? ERRNO_INVAL : 0;
    const bytes = 8 * Math.ceil(nmsrs / 64);
    const sizeError = bytes > 0x600 ? ERRNO_INVAL : 0;
    const copyError = bitmap === null || bitmap.length < bytes ? ERRNO_FAULT : 0;
    return this.config.profile.rangeChecks === 'flags-size-copy'
      ? flagError || sizeError || copyError
      : sizeError || copyError || flagError;
  }
}

export const svm: Engine = {
  name: 'svm',
  capabilities: {
    events: ['filter', 'cap', 'ignoreMsrs', 'apic', 'candidates', 'access', 'reply', 'nested'],
    forms: ACCESS_FORMS,
    routes: true,
    bitmap: 'svm',
  },
  createVm: (config) => new SvmVm(config),
};
