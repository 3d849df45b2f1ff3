/** The list of changes in the cover letter of PATCH v7, entry by entry: the rule that it changes, or why none shows. */
import type { RuleName } from './rules.ts';

export interface CoverLetterEntry {
  /** Versions, as `v1 -> v2`. */
  readonly step: string;
  readonly entry: string;
  readonly rules: readonly RuleName[];
  /** For an entry without a rule: why no scenario shows it. */
  readonly why?: string;
}

const INTERNAL = 'inside the kernel: user space and guest see no difference';
const NAMES = 'a name in the header: the number stays';
const TEST = 'a test';
const DOCUMENTATION = 'documentation';
const CONCURRENCY = 'shows only while vCPUs run: a scenario is sequential';
const LAYOUT = 'layout of struct kvm_run: engines do not have it';
const MEMORY = 'memory is freed: no result depends on it';

const hidden = (step: string, why: string, ...entries: string[]): CoverLetterEntry[] =>
  entries.map((entry) => ({ step, entry, rules: [], why }));
const shown = (step: string, entry: string, ...rules: RuleName[]): CoverLetterEntry => ({ step, entry, rules });

export const COVER_LETTER_ENTRIES: readonly CoverLetterEntry[] = [
  ...hidden('v1 -> v2', INTERNAL, 's/ETRAP_TO_USER_SPACE/ENOENT/g'),
  shown(
    'v1 -> v2',
    'deflect all #GP injection events to user space, not just unknown MSRs.',
    'deflected',
    'unknownFirst',
  ),
  ...hidden(
    'v1 -> v2',
    'both versions exit from em_rdmsr() and em_wrmsr(); what was wrong is not said',
    'fix emulator case',
  ),
  shown('v1 -> v2', 'new patch: KVM: x86: Introduce allow list for MSR emulation', 'control'),
  ...hidden('v1 -> v2', TEST, 'new patch: KVM: selftests: Add test for user space MSR handling'),

  ...hidden('v2 -> v3', INTERNAL, 'return r if r == X86EMUL_IO_NEEDED'),
  ...hidden('v2 -> v3', NAMES, 's/KVM_EXIT_RDMSR/KVM_EXIT_X86_RDMSR/g', 's/KVM_EXIT_WRMSR/KVM_EXIT_X86_WRMSR/g'),
  ...hidden(
    'v2 -> v3',
    "how a reply is written: a scenario's reply is a reply in both",
    'Use complete_userspace_io logic instead of reply field',
  ),
  ...hidden('v2 -> v3', INTERNAL, 'Simplify trapping code'),
  ...hidden('v2 -> v3', DOCUMENTATION, 'document flags for KVM_X86_ADD_MSR_ALLOWLIST'),
  ...hidden(
    'v2 -> v3',
    'v2 keeps the lock after -E2BIG and after an overlap: the next ioctl hangs, which is not modelled',
    'generalize exit path, always unlock when returning',
  ),
  ...hidden('v2 -> v3', NAMES, 's/KVM_CAP_ADD_MSR_ALLOWLIST/KVM_CAP_X86_MSR_ALLOWLIST/g'),
  shown('v2 -> v3', 'Add KVM_X86_CLEAR_MSR_ALLOWLIST', 'clear'),
  ...hidden(
    'v2 -> v3',
    TEST,
    'Add test to clear whitelist',
    'Adjust to reply-less API',
    'Fix asserts',
    'Actually trap on MSR_IA32_POWER_CTL writes',
  ),

  ...hidden('v3 -> v4', DOCUMENTATION, 'Mention exit reasons in re-enter mandatory section of API documentation'),
  ...hidden('v3 -> v4', LAYOUT, 'Clear padding bytes'),
  ...hidden('v3 -> v4', INTERNAL, 'Generalize get/set deflect functions', 'Remove redundant pending_user_msr field'),
  ...hidden('v3 -> v4', CONCURRENCY, 'lock allow check and clearing'),
  ...hidden('v3 -> v4', MEMORY, 'free bitmaps on clear'),

  ...hidden('v4 -> v5', CONCURRENCY, 'use srcu'),

  shown('v5 -> v6', 'Switch from allow list to filtering API with explicit fallback option', 'defaultAction'),
  shown('v5 -> v6', 'Support and test passthrough MSR filtering', 'passthrough'),
  shown('v5 -> v6', 'Check for filter exit reason', 'filterReason'),
  ...hidden('v5 -> v6', TEST, 'Add .gitignore'),
  ...hidden('v5 -> v6', CONCURRENCY, 'send filter change notification'),
  shown('v5 -> v6', 'change to atomic set_msr_filter ioctl with fallback flag', 'ioctl', 'defaultAction'),
  shown('v5 -> v6', 'use EPERM for filter blocks', 'filterReason'),
  shown('v5 -> v6', 'add bit for MSR user space deflection', 'filterReason'),
  ...hidden('v5 -> v6', 'wraps on 32-bit kernels only', 'check for overflow of BITS_TO_LONGS (thanks Dan Carpenter!)'),
  ...hidden('v5 -> v6', INTERNAL, 's/int i;/u32 i;/'),
  shown('v5 -> v6', 'remove overlap check', 'overlap'),
  shown('v5 -> v6', 'Introduce exit reason mask to allow for future expansion and filtering', 'exitMask'),
  ...hidden(
    'v5 -> v6',
    INTERNAL,
    's/emul_to_vcpu(ctxt)/vcpu/',
    'imported patch: KVM: x86: Prepare MSR bitmaps for userspace tracked MSRs',
    'new patch: KVM: x86: Add infrastructure for MSR filtering',
  ),
  shown('v5 -> v6', 'new patch: KVM: x86: SVM: Prevent MSR passthrough when MSR access is denied', 'passthrough'),
  shown('v5 -> v6', 'new patch: KVM: x86: VMX: Prevent MSR passthrough when MSR access is denied', 'passthrough'),

  ...hidden('v6 -> v7', INTERNAL, 's/MAX_POSSIBLE_PASSGHROUGH_MSRS/MAX_POSSIBLE_PASSTHROUGH_MSRS/g'),
  ...hidden(
    'v6 -> v7',
    'the RIP that the guest goes on at: a completion says #GP in both',
    'Fire #GP without skipping the MSR instruction',
  ),
  ...hidden('v6 -> v7', LAYOUT, 'uapi: Fix padding'),
  ...hidden(
    'v6 -> v7',
    TEST,
    'selftest: trap on KVM_MSR_EXIT_REASON_FILTER as well',
    'selftest: fix asserts',
    'selftest: add test for invalid msr handling',
  ),
];
