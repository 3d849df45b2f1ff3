/**
 * A VM under the rules of any generation. Sources: the patches and documents named in rule-texts.ts; the code paths
 * are kvm_vm_ioctl_add_msr_allowlist() and kvm_msr_allowed() of PATCH v2 and v5, kvm_vm_ioctl_set_msr_filter() and
 * kvm_msr_user_space() of PATCH v7 and later.
 */
import { BaseOutcome } from '../../model/base.ts';
import { passthroughCandidates } from '../../model/catalogue.ts';
import {
  EFAULT,
  EINVAL,
  ENOTTY,
  EOPNOTSUPP,
  KVM_CAP_X86_USER_SPACE_MSR,
  KVM_MSR_EXIT_REASON_INVAL,
  KVM_MSR_EXIT_REASON_UNKNOWN,
  type MsrFilter,
} from '../../model/filter.ts';
import { KERNEL_PROFILES } from '../../model/profile.ts';
import {
  type AccessBatch,
  ApicMode,
  type CapEvent,
  type FilterDelivery,
  type MsrPassthrough,
} from '../../model/scenario.ts';
import { type AccessType, Completion, Verdict } from '../../model/verdict.ts';
import type { EngineVm, Explanation, VmConfig } from '../contract.ts';
import { inexpressible, isOff } from './mapping.ts';
import { Ranges } from './ranges.ts';
import type { HistoryRules } from './rules.ts';

/** Why an access does not complete in the kernel. */
type Cause = 'denied' | 'unknown' | 'invalid';

/** What kvm_intel could pass through when the interface was written: read | write << 1 by index. */
const CANDIDATES = new Map(
  passthroughCandidates('vmx', KERNEL_PROFILES[0]!).map(({ index, read, write, always }) => [
    index,
    { possible: Number(read) | (Number(write) << 1), always },
  ]),
);
const FIRST_X2APIC = 0x800;
const LAST_X2APIC = 0x8ff;

export class HistoryVm implements EngineVm {
  private readonly rules: HistoryRules;
  private readonly config: VmConfig;
  private ranges: Ranges;
  private defaultAllow = true;
  private capability = 0n;
  private apic: ApicMode = ApicMode.NONE;
  private ignoreMsrs = false;
  private exitPending = false;
  /** MSRs that KVM passes through where nothing denies them: read | write << 1 by index. */
  private readonly wishes = new Map<number, number>();

  constructor(rules: HistoryRules, config: VmConfig) {
    this.rules = rules;
    this.config = config;
    this.ranges = new Ranges(rules);
    this.createVcpu();
  }

  reset(): void {
    this.ranges = new Ranges(this.rules);
    this.defaultAllow = true;
    this.capability = 0n;
    this.apic = ApicMode.NONE;
    this.ignoreMsrs = false;
    this.exitPending = false;
    this.createVcpu();
  }

  private createVcpu(): void {
    this.wishes.clear();
    for (const [index, { possible, always }] of CANDIDATES) if (always) this.wishes.set(index, possible);
  }

  setFilter(filter: MsrFilter, delivery: FilterDelivery): number {
    if (this.rules.control === 'none') return ENOTTY;
    if (inexpressible(this.rules, { kind: 'filter', filter }) !== '') return EOPNOTSUPP;
    if (this.rules.control === 'exit-list') return this.setExitList(filter, delivery);
    if (delivery === 'compat' && this.rules.bitmapMemory === 'pointer') return ENOTTY;
    return this.rules.ioctl === 'one' ? this.setRanges(filter, delivery) : this.addRanges(filter, delivery);
  }

  /** KVM_X86_SET_MSR_FILTER. */
  private setRanges(filter: MsrFilter, delivery: FilterDelivery): number {
    const { rules } = this;
    if (delivery === 'short') return EFAULT;
    const isDeny = (filter.flags & 1) === 1;
    if (rules.unknownFilterFlagsRejected && filter.flags >>> 1 !== 0) return EINVAL;
    if (rules.emptyDenyRejected && isDeny && filter.ranges.every(({ nmsrs }) => nmsrs === 0)) return EINVAL;
    return this.replace(filter, !isDeny && rules.defaultAction === 'selectable');
  }

  /** KVM_X86_CLEAR_MSR_ALLOWLIST, where there is one, then KVM_X86_ADD_MSR_ALLOWLIST for each slot. */
  private addRanges(filter: MsrFilter, delivery: FilterDelivery): number {
    const { rules } = this;
    if (rules.clear) this.ranges = new Ranges(rules);
    this.defaultAllow = rules.defaultAction === 'selectable' && (filter.flags & 1) === 0;
    if (isOff(filter)) return 0;
    // The header of the first call is what cannot be read.
    if (delivery === 'short') return filter.ranges.length > 0 ? EFAULT : 0;
    return this.addTo(this.ranges, filter);
  }

  /** KVM_SET_EXIT_MSRS: the MSRs that the filter denies. */
  private setExitList(filter: MsrFilter, delivery: FilterDelivery): number {
    if (delivery === 'short') return EFAULT;
    const named = new Ranges({ ...this.rules, maxRanges: 16, emptyRange: 'skipped', overlap: 'permitted' });
    const error = this.addTo(named, filter);
    if (error === 0) this.ranges = named;
    return error;
  }

  private replace(filter: MsrFilter, defaultAllow: boolean): number {
    const fresh = new Ranges(this.rules);
    const inPlace = this.rules.replacement === 'in-place';
    const error = this.addTo(fresh, filter);
    if (error !== 0 && !inPlace) return error;
    this.ranges = fresh;
    this.defaultAllow = defaultAllow;
    return error;
  }

  /** Adds up to the first that is refused. */
  private addTo(ranges: Ranges, filter: MsrFilter): number {
    for (const [slot, range] of filter.ranges.entries()) {
      const error = ranges.add(slot, range);
      if (error !== 0) return error;
    }
    return 0;
  }

  enableCap({ mask, flags = 0, cap = KVM_CAP_X86_USER_SPACE_MSR }: CapEvent): number {
    if (!this.rules.deflection || cap !== KVM_CAP_X86_USER_SPACE_MSR || flags !== 0) return EINVAL;
    if (this.rules.unknownMaskBitsRejected && mask >> 3n !== 0n) return EINVAL;
    this.capability = mask;
    return 0;
  }

  setIgnoreMsrs(on: boolean): void {
    this.ignoreMsrs = on;
  }

  setApicMode(mode: ApicMode): void {
    this.apic = mode;
  }

  setCandidates(changes: readonly MsrPassthrough[]): void {
    for (const { index, read, write } of changes) {
      const candidate = CANDIDATES.get(index);
      if (candidate) this.wishes.set(index, candidate.possible & (Number(read) | (Number(write) << 1)));
    }
  }

  access({ indices, types, form = 'native' }: AccessBatch, verdicts: Uint8Array): void {
    const direct = form === 'native' || form === 'immediate';
    for (let i = 0; i < indices.length; i++) {
      const index = indices[i]!;
      const type = types[i] as AccessType;
      if (form === 'implicit') verdicts[i] = Verdict.ALLOW;
      else if (form === 'host') verdicts[i] = this.hostAccess(index, type);
      else verdicts[i] = this.judge(index, type, direct);
    }
    if (indices.length > 0 && form !== 'host') this.exitPending = verdicts[indices.length - 1]! > Verdict.GP;
  }

  reply(error: number): Completion {
    if (!this.exitPending) return Completion.NO_EXIT_PENDING;
    this.exitPending = false;
    return error === 0 ? Completion.DONE : Completion.GP;
  }

  allows(index: number, type: AccessType): boolean {
    const { rules } = this;
    if (rules.control === 'none' || this.ranges.count === 0) return true;
    if (rules.x2apicExempt && index >= FIRST_X2APIC && index <= LAST_X2APIC) return true;
    return this.ranges.find(index, type)?.allows ?? (rules.control === 'exit-list' || this.defaultAllow);
  }

  explain(index: number, type: AccessType): Explanation {
    const verdict = this.judge(index, type, true);
    if (this.rules.control === 'none' || this.ranges.count === 0) return { verdict, rule: 'no range is in force' };
    const match = this.ranges.find(index, type);
    if (!match) return { verdict, rule: 'no range matches' };
    return { verdict, rule: 'first range that matches', range: match.slot, bit: match.bit };
  }

  private hostAccess(index: number, type: AccessType): Verdict {
    const outcome = this.config.base.outcome(index, type, this.apic);
    const isIgnored = outcome === BaseOutcome.UNKNOWN && this.ignoreMsrs;
    return outcome === BaseOutcome.HANDLED || isIgnored ? Verdict.ALLOW : Verdict.GP;
  }

  /** `direct`: the guest executes it, so that the intercept bitmap is asked first. */
  private judge(index: number, type: AccessType, direct: boolean): Verdict {
    const passes = direct && this.rules.passthrough === 'unfiltered' && this.passesThrough(index, type);
    if (!passes && !this.allows(index, type)) return this.fail('denied', index);
    const outcome = this.config.base.outcome(index, type, this.apic);
    if (outcome === BaseOutcome.HANDLED) return Verdict.ALLOW;
    return this.fail(outcome === BaseOutcome.UNKNOWN ? 'unknown' : 'invalid', index);
  }

  private passesThrough(index: number, type: AccessType): boolean {
    return (((this.wishes.get(index) ?? 0) >> type) & 1) === 1;
  }

  private fail(cause: Cause, index: number): Verdict {
    const { rules } = this;
    if (cause === 'unknown' && this.ignoreMsrs && rules.unknownFirst === 'ignore-msrs') return Verdict.ALLOW;
    const verdict = this.deflect(cause, index);
    const isIgnored = cause === 'unknown' && this.ignoreMsrs && verdict === Verdict.GP;
    return isIgnored ? Verdict.ALLOW : verdict;
  }

  private deflect(cause: Cause, index: number): Verdict {
    const { rules } = this;
    const exit = this.exitFor(cause);
    if (rules.control === 'exit-list' && cause === 'denied') return exit;
    if (rules.rest !== 'as-enabled' && cause === (rules.control === 'none' ? 'unknown' : 'denied')) {
      return { gp: Verdict.GP, ignore: Verdict.ALLOW, exit }[rules.rest];
    }
    if (!rules.deflection || (rules.deflected === 'unknown' && cause !== 'unknown')) return Verdict.GP;
    const isX2apic = index >= FIRST_X2APIC && index <= LAST_X2APIC;
    if (!rules.x2apicDeflected && isX2apic) return Verdict.GP;
    if (rules.exitMask === 'on-off') return this.capability !== 0n ? exit : Verdict.GP;
    return (Number(this.capability & 0xffff_ffffn) & this.bitOf(exit)) !== 0 ? exit : Verdict.GP;
  }

  /** The exit that names the cause; `inval` stands for every cause that the generation does not name. */
  private exitFor(cause: Cause): Verdict {
    const { rules } = this;
    if (cause === 'denied' && (rules.filterReason || rules.control === 'exit-list')) return Verdict.EXIT_FILTER;
    return cause === 'unknown' && rules.unknownReason ? Verdict.EXIT_UNKNOWN : Verdict.EXIT_INVAL;
  }

  private bitOf(exit: Verdict): number {
    if (exit === Verdict.EXIT_FILTER) return this.rules.filterBit;
    return exit === Verdict.EXIT_UNKNOWN ? KVM_MSR_EXIT_REASON_UNKNOWN : KVM_MSR_EXIT_REASON_INVAL;
  }
}
