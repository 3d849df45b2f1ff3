/**
 * The rules in which generations of the MSR-filter interface differ, one field each. A generation is a value for every
 * field; a generation with one field taken from another is how a difference between the two is attributed to a rule.
 * What the values mean, and which document announced them, is in rule-texts.ts.
 */
import type { KernelProfile } from '../../model/profile.ts';

export interface HistoryRules {
  /** What user space can say about single MSRs: nothing, a list of MSRs that exit, or ranges with bitmaps. */
  readonly control: 'none' | 'exit-list' | 'ranges';
  /** Whether KVM_CAP_X86_USER_SPACE_MSR exists. */
  readonly deflection: boolean;
  /** Which failing accesses may exit to user space. */
  readonly deflected: 'unknown' | 'every-gp';
  /** Whether the module parameter ignore_msrs or the exit to user space comes first for unknown MSRs. */
  readonly unknownFirst: 'user-space' | 'ignore-msrs';
  /** What happens to the rest: unknown MSRs where there are no ranges, denied ones where there are. */
  readonly rest: 'as-enabled' | 'gp' | 'ignore' | 'exit';
  /** `args[0]` of the capability: on or off, or a mask of reasons. */
  readonly exitMask: 'on-off' | 'reasons';
  /** Denied accesses have a reason of their own. */
  readonly filterReason: boolean;
  /** KVM_MSR_EXIT_REASON_FILTER. */
  readonly filterBit: 2 | 4;
  /** Unknown MSRs have a reason of their own. */
  readonly unknownReason: boolean;
  /** Whether there is an ioctl that removes the ranges. */
  readonly clear: boolean;
  /** Ranges are set by one ioctl, or by one per range. */
  readonly ioctl: 'one-per-range' | 'one';
  /** The bitmap follows the header, or is pointed to. */
  readonly bitmapMemory: 'inline' | 'pointer';
  /** What holds where no range matches. */
  readonly defaultAction: 'deny' | 'selectable';
  readonly maxRanges: 10 | 16;
  readonly maxBitmapBytes: 0x400 | 0x600;
  readonly overlap: 'clash-refused' | 'permitted';
  /** A range whose flags are 0. */
  readonly zeroFlags: 'accepted' | 'refused';
  /** A range of no MSRs. */
  readonly emptyRange: 'counts' | 'skipped';
  /** Whether denied MSRs are taken out of the intercept bitmaps. */
  readonly passthrough: 'unfiltered' | 'filtered';
  /** Whether a fault of an x2APIC MSR may exit to user space. */
  readonly x2apicDeflected: boolean;
  readonly x2apicExempt: boolean;
  readonly emptyDenyRejected: boolean;
  readonly unknownFilterFlagsRejected: boolean;
  readonly unknownMaskBitsRejected: boolean;
  readonly rangeChecks: KernelProfile['rangeChecks'];
  readonly replacement: KernelProfile['replacement'];
  readonly intercepts: KernelProfile['intercepts'];
  readonly fastpathVmx: boolean;
  readonly fastpathSvm: boolean;
  readonly nestedHonoursFilterForBases: boolean;
  /** Release (major * 1000 + minor) whose pass-through candidates kvm_intel and kvm_amd have. */
  readonly candidatesVmx: number;
  readonly candidatesSvm: number;
}

export type RuleName = keyof HistoryRules;

/** The rules with one of them as another generation has it. */
export function withRule(rules: HistoryRules, rule: RuleName, from: HistoryRules): HistoryRules {
  return { ...rules, [rule]: from[rule] };
}

/** Rules that the two do not share, in the order of the fields. */
export function differingRules(a: HistoryRules, b: HistoryRules): RuleName[] {
  return (Object.keys(a) as RuleName[]).filter((rule) => a[rule] !== b[rule]);
}
