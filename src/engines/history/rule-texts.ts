/** What each rule says by its values, and the documents that announced the change. */
import type { HistoryRules, RuleName } from './rules.ts';

/** A place in a document. */
export interface Announcement {
  readonly document: string;
  /** A sentence of it, or an entry of its list of changes. */
  readonly sentence: string;
  /** Announces this value of the rule; without it, any change. */
  readonly value?: string;
}

export interface RuleText {
  /** What holds, by value. */
  readonly values: Readonly<Record<string, string>>;
  /** Empty if no document is known that says so. */
  readonly announced: readonly Announcement[];
  /** Why no scenario shows it. */
  readonly invisible?: string;
}

export const COVER_LETTER = 'PATCH v7 0/7, "Allow user space to restrict and augment MSR emulation", 2020-09-16';
const V7 = 'PATCH v7 6/7, "KVM: x86: Introduce MSR filtering", 2020-09-16';
const V8 = 'PATCH v8 7/8, "KVM: x86: Introduce MSR filtering", 2020-09-25';
const MATTSON = 'Jim Mattson on PATCH v4 2/3, 2020-08-19';
const JULY = 'Alexander Graf and Jim Mattson on "Deflect unknown MSR accesses to user space", 2020-07-29';
const API = 'api.rst at 1a155254ff93, "KVM_X86_SET_MSR_FILTER"';
const API_RUN = 'api.rst at 1a155254ff93, "The kvm_run structure"';
const UPDATES = 'PATCH 3/3 of "MSR Filtering updates", 2022-07-03';
const UNUSED_BITS = 'commit cf5029d5dd7c';
const PROTECTED = { document: UNUSED_BITS, sentence: 'KVM: x86: Protect the unused bits in MSR exiting flags' };

const cover = (sentence: string): Announcement => ({ document: COVER_LETTER, sentence });

const CANDIDATES: RuleText['values'] = {
  5009: 'MSRs that Linux 5.10 passes through',
  6001: 'MSRs that Linux 6.1 passes through',
  6018: 'MSRs that Linux 6.18 passes through',
};

export const RULE_TEXTS: Readonly<Record<RuleName, RuleText>> = {
  control: {
    values: {
      none: 'user space cannot say anything about single MSRs (-ENOTTY)',
      'exit-list': 'user space names MSRs that exit to it, and nothing else changes',
      ranges: 'user space sets ranges with bitmaps',
    },
    announced: [
      {
        document: JULY,
        sentence: 'a patch that allows us to allow list MSRs that should be handled in KVM',
        value: 'ranges',
      },
      {
        document: JULY,
        sentence: 'to request that specific MSR accesses exit to userspace',
        value: 'exit-list',
      },
    ],
  },
  deflection: {
    values: {
      true: 'KVM_CAP_X86_USER_SPACE_MSR lets failing accesses exit to user space',
      false: 'there is no KVM_CAP_X86_USER_SPACE_MSR: what KVM does not handle is a #GP',
    },
    announced: [
      {
        document: JULY,
        sentence: 'This actually seems orthogonal to what Aaron is working on',
      },
    ],
  },
  deflected: {
    values: {
      unknown: 'only unknown MSRs exit to user space',
      'every-gp': 'every access that would be a #GP exits to user space',
    },
    announced: [cover('deflect all #GP injection events to user space, not just unknown MSRs.')],
  },
  unknownFirst: {
    values: {
      'user-space': 'unknown MSRs exit to user space even with ignore_msrs, which user space implements',
      'ignore-msrs': 'with ignore_msrs unknown MSRs are no #GP, and do not exit',
    },
    announced: [
      cover('deflect all #GP injection events to user space, not just unknown MSRs.'),
      { document: JULY, sentence: 'to move logic like "ignore_msrs" into user space' },
    ],
  },
  rest: {
    values: {
      'as-enabled': 'the rest exits if the capability is enabled, and is a #GP if not',
      gp: 'the rest is a #GP',
      ignore: 'the rest is ignored',
      exit: 'the rest exits to user space',
    },
    announced: [
      {
        document: JULY,
        sentence: 'a specified action for disallowed MSRs: (1) raise #GP, (2) ignore, or (3) exit to userspace',
      },
    ],
  },
  exitMask: {
    values: {
      'on-off': 'the capability is on or off: any args[0] but 0 lets every failing access exit',
      reasons: 'args[0] is a mask of the reasons that may exit',
    },
    announced: [cover('Introduce exit reason mask to allow for future expansion and filtering')],
  },
  filterReason: {
    values: {
      false: 'a denied access exits like an invalid one',
      true: 'a denied access exits with reason FILTER',
    },
    announced: [cover('Check for filter exit reason'), cover('use EPERM for filter blocks')],
  },
  filterBit: {
    values: { 2: 'KVM_MSR_EXIT_REASON_FILTER is 1 << 1', 4: 'KVM_MSR_EXIT_REASON_FILTER is 1 << 2' },
    announced: [{ document: V8, sentence: 'adapt KVM_MSR_EXIT_REASON_FILTER value' }],
  },
  unknownReason: {
    values: {
      false: 'an unknown MSR exits with reason INVAL',
      true: 'an unknown MSR exits with reason UNKNOWN',
    },
    announced: [{ document: API_RUN, sentence: 'KVM_MSR_EXIT_REASON_UNKNOWN - access to MSR that is unknown to KVM' }],
  },
  clear: {
    values: { false: 'ranges can only be added', true: 'ranges can be removed' },
    announced: [cover('Add KVM_X86_CLEAR_MSR_ALLOWLIST')],
  },
  ioctl: {
    values: {
      'one-per-range': 'the list is cleared by a call of its own, before any argument is read',
      one: 'one ioctl sets all ranges: if its argument cannot be read, the old filter stays',
    },
    announced: [cover('change to atomic set_msr_filter ioctl with fallback flag')],
  },
  bitmapMemory: {
    values: {
      inline: 'the bitmap follows the header: one ioctl number for 32-bit and 64-bit user space',
      pointer: 'the bitmap is pointed to: the 32-bit ioctl number is another one (-ENOTTY)',
    },
    announced: [{ document: API, sentence: '__u8 *bitmap; /* a 1 bit allows the operations in flags, 0 denies */' }],
  },
  defaultAction: {
    values: {
      deny: 'what no range matches is denied, once there is a range',
      selectable: 'DEFAULT_ALLOW or DEFAULT_DENY says what happens where no range matches',
    },
    announced: [cover('Switch from allow list to filtering API with explicit fallback option')],
  },
  maxRanges: {
    values: { 10: 'at most 10 ranges (-E2BIG)', 16: '16 ranges' },
    announced: [
      { document: API, sentence: 'This ioctl allows user space to define up to 16 bitmaps of MSR ranges' },
      { document: MATTSON, sentence: 'Why 10?' },
    ],
  },
  maxBitmapBytes: {
    values: { 1024: 'bitmaps of at most 0x400 bytes', 1536: 'bitmaps of at most 0x600 bytes' },
    announced: [{ document: MATTSON, sentence: "Wouldn't 0x400 be a more natural size" }],
  },
  overlap: {
    values: {
      'clash-refused': 'a range that overlaps another of the same access type is refused (-EINVAL)',
      permitted: 'ranges may overlap: the first match decides',
    },
    announced: [
      cover('remove overlap check'),
      { document: MATTSON, sentence: "Actually, I don't see why you have to prohibit overlapping ranges at all." },
    ],
  },
  zeroFlags: {
    values: {
      accepted: 'a range with flags 0 is accepted, and matches nothing',
      refused: 'a range with flags 0 is refused (-EINVAL)',
    },
    announced: [{ document: V7, sentence: 'if (!range.flags) { r = -EINVAL; goto err; }' }],
  },
  emptyRange: {
    values: {
      counts: 'a range of no MSRs is a range: everything else is denied',
      skipped: 'a range of no MSRs is no range',
    },
    announced: [
      {
        document: API,
        sentence: 'Calling this ioctl with an empty set of ranges (all nmsrs == 0) disables MSR filtering.',
      },
    ],
  },
  passthrough: {
    values: {
      unfiltered: 'MSRs that are passed through are not denied',
      filtered: 'denied MSRs are no longer passed through',
    },
    announced: [
      cover('Support and test passthrough MSR filtering'),
      cover('new patch: KVM: x86: VMX: Prevent MSR passthrough when MSR access is denied'),
    ],
  },
  x2apicDeflected: {
    values: {
      true: 'a fault of an x2APIC MSR may exit to user space',
      false: 'a fault of an x2APIC MSR never exits to user space',
    },
    announced: [
      {
        document: UPDATES,
        sentence:
          "If an MSR is not permitted to be filtered and deflected to userspace, don't then allow it to be deflected to userspace by other means.",
        value: 'false',
      },
      { document: 'Aaron Lewis on the same patch, 2022-07-09', sentence: "I'll drop it in v2", value: 'true' },
    ],
  },
  x2apicExempt: {
    values: { false: 'x2APIC MSRs are filtered', true: 'x2APIC MSRs are never filtered' },
    announced: [{ document: 'commit 9389b9d5d356', sentence: 'KVM: VMX: Ignore userspace MSR filters for x2APIC' }],
  },
  emptyDenyRejected: {
    values: {
      false: 'DEFAULT_DENY without ranges is accepted, and filters nothing',
      true: 'DEFAULT_DENY without ranges is refused (-EINVAL)',
    },
    announced: [
      {
        document: 'commit 043248b3280c, "KVM: VMX: Forbid userspace MSR filters for x2APIC"',
        sentence: 'In that mode, KVM_MSR_FILTER_DEFAULT_DENY is invalid and causes an error.',
      },
    ],
  },
  unknownFilterFlagsRejected: {
    values: {
      false: 'unknown kvm_msr_filter.flags are ignored',
      true: 'unknown kvm_msr_filter.flags are refused (-EINVAL)',
    },
    announced: [PROTECTED],
  },
  unknownMaskBitsRejected: {
    values: {
      false: 'unknown bits of the exit mask are ignored',
      true: 'unknown bits of the exit mask are refused (-EINVAL)',
    },
    announced: [PROTECTED],
  },
  rangeChecks: {
    values: {
      'size-copy-flags': 'the bitmap is copied before the flags of its range are checked',
      'flags-size-copy': 'the flags of a range are checked before its bitmap is copied',
    },
    announced: [],
  },
  replacement: {
    values: {
      'in-place': 'an ioctl that fails at a range leaves the ranges before it in force',
      swap: 'an ioctl that fails leaves the old filter in force',
    },
    announced: [
      {
        document: 'commit b318e8decf6b',
        sentence: 'KVM: x86: Protect userspace MSR filter with SRCU, and set atomically-ish',
      },
    ],
  },
  intercepts: {
    values: {
      shadow: 'intercepts come from a shadow bitmap; kvm_amd merges the MSRPM of L1 in words of 32 bits',
      recalc: 'intercepts are recalculated from vCPU state; kvm_amd merges the MSRPM of L1 in words of 64 bits',
    },
    announced: [],
    invisible: 'no MSR that kvm_amd passes shares a word with one that is not merged',
  },
  fastpathVmx: {
    values: {
      false: 'WRMSR TSC_DEADLINE is filtered on kvm_intel',
      true: 'WRMSR TSC_DEADLINE is completed on kvm_intel before the filter is asked',
    },
    announced: [],
  },
  fastpathSvm: {
    values: {
      false: 'WRMSR TSC_DEADLINE is filtered on kvm_amd',
      true: 'WRMSR TSC_DEADLINE is completed on kvm_amd before the filter is asked',
    },
    announced: [
      {
        document: 'commit 0a94b2042419',
        sentence: 'KVM: x86: Unconditionally handle MSR_IA32_TSC_DEADLINE in fastpath exits',
      },
    ],
  },
  nestedHonoursFilterForBases: {
    values: {
      false: 'L2 reaches FS_BASE, GS_BASE and KERNEL_GS_BASE as L1 says, whatever L0 intercepts',
      true: 'what L0 intercepts of FS_BASE, GS_BASE and KERNEL_GS_BASE is intercepted in L2 too',
    },
    announced: [{ document: 'commit 67f4b9969c30', sentence: 'KVM: nVMX: Handle dynamic MSR intercept toggling' }],
  },
  candidatesVmx: { values: CANDIDATES, announced: [] },
  candidatesSvm: { values: CANDIDATES, announced: [] },
};

/** What a rule says where it has that value. */
export function ruleText(rule: RuleName, rules: HistoryRules): string {
  return RULE_TEXTS[rule].values[String(rules[rule])]!;
}

/** The places that announced the rule as the later generation has it. */
export function announcementsOf(rule: RuleName, to: HistoryRules): Announcement[] {
  return RULE_TEXTS[rule].announced.filter(({ value }) => value === undefined || value === String(to[rule]));
}
