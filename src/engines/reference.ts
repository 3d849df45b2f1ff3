/**
 * The reference: reads like the documentation, and does nothing else. One linear scan per access.
 *
 * Sources: api.rst, "KVM_X86_SET_MSR_FILTER", "KVM_EXIT_X86_RDMSR"; kvm_vm_ioctl_set_msr_filter(),
 * kvm_msr_allowed() and kvm_msr_user_space() in arch/x86/kvm/x86.c (msrs.c in the newest kernels).
 */
import { BaseOutcome } from '../model/base.ts';
import {
  EFAULT,
  EINVAL,
  ENOTTY,
  KVM_CAP_X86_USER_SPACE_MSR,
  KVM_MSR_EXIT_REASON_FILTER,
  KVM_MSR_EXIT_REASON_INVAL,
  KVM_MSR_EXIT_REASON_UNKNOWN,
  KVM_MSR_EXIT_REASON_VALID_MASK,
  KVM_MSR_FILTER_DEFAULT_DENY,
  KVM_MSR_FILTER_MAX_BITMAP_SIZE,
  KVM_MSR_FILTER_MAX_RANGES,
  KVM_MSR_FILTER_RANGE_VALID_MASK,
  KVM_MSR_FILTER_READ,
  KVM_MSR_FILTER_VALID_MASK,
  KVM_MSR_FILTER_WRITE,
  type MsrFilter,
  type MsrFilterRange,
  X2APIC_FIRST,
  X2APIC_LAST,
} from '../model/filter.ts';
import { ACCESS_FORMS, type AccessBatch, ApicMode, type CapEvent, type FilterDelivery } from '../model/scenario.ts';
import { AccessType, Completion, Verdict } from '../model/verdict.ts';
import type { CompiledFilter } from './compiled-filter.ts';
import type { Engine, EngineVm, Explanation, VmConfig } from './contract.ts';
import { judgeBatch } from './reference-scan.ts';

/** The ranges that the kernel has accepted and copied, in slot order: what `struct kvm_x86_msr_filter` holds. */
class ActiveRanges {
  count = 0;
  readonly slot = new Uint8Array(KVM_MSR_FILTER_MAX_RANGES);
  readonly flags = new Uint32Array(KVM_MSR_FILTER_MAX_RANGES);
  readonly start = new Uint32Array(KVM_MSR_FILTER_MAX_RANGES);
  /** (u32)(base + nmsrs): smaller than the start if it wraps, so that nothing is inside. */
  readonly end = new Uint32Array(KVM_MSR_FILTER_MAX_RANGES);
  readonly bitmap: Uint8Array[] = [];

  add(slot: number, range: MsrFilterRange, bytes: number): void {
    const i = this.count++;
    this.slot[i] = slot;
    this.flags[i] = range.flags;
    this.start[i] = range.base;
    this.end[i] = range.base + range.nmsrs;
    this.bitmap[i] = range.bitmap!.slice(0, bytes);
  }
}

/** What `explain` says where no range is asked; other parts tell these cases apart by them. */
export const EXEMPT_RULE = 'x2APIC MSRs 0x800-0x8ff are never filtered';
export const NO_FILTER_RULE = 'no filter is active';

/** Accesses from which on it pays to look up once what is the same for all of them. */
const LONG_BATCH = 512;
const X2APIC_WINDOW: readonly [number, number] = [X2APIC_FIRST, X2APIC_LAST];

export class ReferenceVm implements EngineVm {
  protected readonly config: VmConfig;
  /** Empty: no filter, or one that is off. */
  protected ranges = new ActiveRanges();
  protected defaultAllow = true;
  protected mask = 0;
  protected apic: ApicMode = ApicMode.NONE;
  protected ignoreMsrs = false;
  protected exitPending = false;

  constructor(config: VmConfig) {
    this.config = config;
  }

  reset(): void {
    this.ranges = new ActiveRanges();
    this.defaultAllow = true;
    this.mask = 0;
    this.apic = ApicMode.NONE;
    this.ignoreMsrs = false;
    this.exitPending = false;
  }

  setFilter(filter: MsrFilter, delivery: FilterDelivery): number {
    const { profile } = this.config;
    if (delivery === 'compat') return ENOTTY;
    if (delivery === 'short') return EFAULT;
    if (profile.unknownFilterFlagsRejected && (filter.flags & ~KVM_MSR_FILTER_VALID_MASK) !== 0) return EINVAL;
    const empty = filter.ranges.every((range) => range.nmsrs === 0);
    const defaultAllow = (filter.flags & KVM_MSR_FILTER_DEFAULT_DENY) === 0;
    if (profile.emptyDenyRejected && empty && !defaultAllow) return EINVAL;

    const accepted = new ActiveRanges();
    if (profile.replacement === 'in-place') this.activate(accepted, defaultAllow);
    for (const [slot, range] of filter.ranges.entries()) {
      if (range.nmsrs === 0) continue;
      const error = this.checkRange(range);
      if (error !== 0) return error;
      accepted.add(slot, range, this.bitmapSize(range.nmsrs));
    }
    this.activate(accepted, defaultAllow);
    return 0;
  }

  enableCap({ mask, flags, cap }: CapEvent): number {
    if ((cap ?? KVM_CAP_X86_USER_SPACE_MSR) !== KVM_CAP_X86_USER_SPACE_MSR || (flags ?? 0) !== 0) return EINVAL;
    const unknown = (mask & ~BigInt(KVM_MSR_EXIT_REASON_VALID_MASK)) !== 0n;
    if (unknown && this.config.profile.unknownMaskBitsRejected) return EINVAL;
    this.mask = Number(mask & 0xffff_ffffn);
    return 0;
  }

  setIgnoreMsrs(on: boolean): void {
    this.ignoreMsrs = on;
  }

  setApicMode(mode: ApicMode): void {
    this.apic = mode;
  }

  access(batch: AccessBatch, verdicts: Uint8Array): void {
    const { indices, types, form } = batch;
    const length = indices.length;
    const filtered = form !== 'implicit' && form !== 'host';
    if (filtered && length >= LONG_BATCH && this.unmodified()) this.judgeAll(batch, verdicts);
    else {
      for (let i = 0; i < length; i++) {
        const index = indices[i]!;
        const type = types[i] as AccessType;
        if (form === 'implicit') verdicts[i] = Verdict.ALLOW;
        else if (form === 'host')
          verdicts[i] = this.knownTo(index, type) === BaseOutcome.HANDLED ? Verdict.ALLOW : Verdict.GP;
        else verdicts[i] = this.judge(index, type);
      }
    }
    // The host's accesses end no exit of the guest; an empty batch does nothing at all.
    if (form === 'host' || length === 0) return;
    this.exitPending = verdicts[length - 1]! >= Verdict.EXIT_FILTER;
  }

  reply(error: number): Completion {
    if (!this.exitPending) return Completion.NO_EXIT_PENDING;
    this.exitPending = false;
    return error !== 0 ? Completion.GP : Completion.DONE;
  }

  explain(index: number, type: AccessType): Explanation {
    const verdict = this.judge(index, type);
    if (this.exempt(index)) return { verdict, rule: EXEMPT_RULE };
    if (this.ranges.count === 0) return { verdict, rule: NO_FILTER_RULE };
    const range = this.decidingRange(index, type);
    if (range < 0) return { verdict, rule: `no range matches: the default ${this.defaultAllow ? 'allows' : 'denies'}` };
    const bit = index - this.ranges.start[range]!;
    const rule = `first range that matches, bit ${this.bitOf(range, index)}`;
    return { verdict, rule, range: this.ranges.slot[range]!, bit };
  }

  protected activate(ranges: ActiveRanges, defaultAllow: boolean): void {
    this.ranges = ranges;
    this.defaultAllow = defaultAllow;
  }

  /** 0 or a negative errno; the order of the checks is the kernel's (5.10: size, copy, flags; later: flags first). */
  protected checkRange(range: MsrFilterRange): number {
    const flagsBad = (range.flags & ~KVM_MSR_FILTER_RANGE_VALID_MASK) !== 0 || range.flags === 0;
    const size = this.bitmapSize(range.nmsrs);
    if (this.config.profile.rangeChecks === 'flags-size-copy' && flagsBad) return EINVAL;
    if (size > KVM_MSR_FILTER_MAX_BITMAP_SIZE) return EINVAL;
    if (range.bitmap === null || range.bitmap.length < size) return EFAULT;
    return flagsBad ? EINVAL : 0;
  }

  /** Bytes that the kernel reads: BITS_TO_LONGS(nmsrs) * sizeof(long). */
  protected bitmapSize(nmsrs: number): number {
    return Math.ceil(nmsrs / 64) * 8;
  }

  protected exempt(index: number): boolean {
    return this.config.profile.x2apicExempt && index >= X2APIC_FIRST && index <= X2APIC_LAST;
  }

  /** The first range that covers the index and names the access type; -1 if none does. */
  protected decidingRange(index: number, type: AccessType): number {
    const flag = type === AccessType.READ ? KVM_MSR_FILTER_READ : KVM_MSR_FILTER_WRITE;
    const { count, start, end, flags } = this.ranges;
    for (let i = 0; i < count; i++) {
      if (index >= start[i]! && index < end[i]! && (flags[i]! & flag) !== 0) return i;
    }
    return -1;
  }

  /** The bit of an index in a range's bitmap: 1 allows. */
  protected bitOf(range: number, index: number): number {
    const bit = index - this.ranges.start[range]!;
    return (this.ranges.bitmap[range]![bit >>> 3]! >>> (bit & 7)) & 1;
  }

  allows(index: number, type: AccessType): boolean {
    if (this.exempt(index)) return true;
    if (this.ranges.count === 0) return true;
    const range = this.decidingRange(index, type);
    if (range < 0) return this.defaultAllow;
    return this.bitOf(range, index) === 1;
  }

  /** The filter is asked before anything is known of the MSR; a reason that the mask lacks is a plain #GP. */
  protected judge(index: number, type: AccessType): Verdict {
    if (!this.allows(index, type)) return this.deflect(KVM_MSR_EXIT_REASON_FILTER, Verdict.EXIT_FILTER);
    const outcome = this.knownTo(index, type);
    if (outcome === BaseOutcome.HANDLED) return Verdict.ALLOW;
    if (outcome === BaseOutcome.UNKNOWN) return this.deflect(KVM_MSR_EXIT_REASON_UNKNOWN, Verdict.EXIT_UNKNOWN);
    return this.deflect(KVM_MSR_EXIT_REASON_INVAL, Verdict.EXIT_INVAL);
  }

  /**
   * No step of a decision is replaced, in a subclass or in this VM: `judgeBatch` says what they would say. Where one is,
   * they are called for every access.
   */
  private unmodified(): boolean {
    const { judge, allows, exempt, decidingRange, bitOf, knownTo, deflect } = ReferenceVm.prototype;
    const decided = this.judge === judge && this.allows === allows && this.exempt === exempt;
    const found = this.decidingRange === decidingRange && this.bitOf === bitOf;
    return decided && found && this.knownTo === knownTo && this.deflect === deflect;
  }

  /** As `judge` for each access, with what is the same for all of them looked up once. */
  private judgeAll(batch: AccessBatch, verdicts: Uint8Array): void {
    const { count, start, end, flags, bitmap } = this.ranges;
    judgeBatch(batch, verdicts, {
      count,
      start,
      end,
      flags,
      bitmap,
      defaultAllow: count === 0 || this.defaultAllow,
      exempt: this.config.profile.x2apicExempt ? X2APIC_WINDOW : undefined,
      base: this.config.base,
      apic: this.apic,
      verdicts: this.verdictTable(),
    });
  }

  /** Verdicts of an access that is denied, and of one that is allowed: handled, unknown, invalid. */
  private verdictTable(): [Verdict, Verdict, Verdict, Verdict] {
    const unknown = this.deflect(KVM_MSR_EXIT_REASON_UNKNOWN, Verdict.EXIT_UNKNOWN);
    return [
      this.deflect(KVM_MSR_EXIT_REASON_FILTER, Verdict.EXIT_FILTER),
      Verdict.ALLOW,
      this.ignoreMsrs ? Verdict.ALLOW : unknown,
      this.deflect(KVM_MSR_EXIT_REASON_INVAL, Verdict.EXIT_INVAL),
    ];
  }

  compiled(): CompiledFilter | undefined {
    if (!this.unmodified() || this.access !== ReferenceVm.prototype.access) return undefined;
    const { count, start, end, flags, bitmap } = this.ranges;
    const defaultAllow = count === 0 || this.defaultAllow;
    const exempt = this.config.profile.x2apicExempt ? X2APIC_WINDOW : undefined;
    return {
      filter: { kind: 'scan', count, start, end, flags, bitmaps: bitmap, defaultAllow, exempt },
      verdicts: this.verdictTable(),
    };
  }

  /** What KVM itself does with the access; ignore_msrs turns unknown into success and nothing else. */
  protected knownTo(index: number, type: AccessType): BaseOutcome {
    const outcome = this.config.base.outcome(index, type, this.apic);
    return outcome === BaseOutcome.UNKNOWN && this.ignoreMsrs ? BaseOutcome.HANDLED : outcome;
  }

  protected deflect(reason: number, exit: Verdict): Verdict {
    return (this.mask & reason) !== 0 ? exit : Verdict.GP;
  }
}

export const reference: Engine = {
  name: 'reference',
  capabilities: {
    events: ['filter', 'cap', 'ignoreMsrs', 'apic', 'access', 'reply'],
    forms: ACCESS_FORMS,
    routes: false,
  },
  createVm: (config) => new ReferenceVm(config),
};
