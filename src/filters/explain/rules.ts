/** The rules that decide an access, each with the place that states it. */

export interface Rule {
  readonly text: string;
  readonly source: string;
}

const ALLOWED = 'kvm_msr_allowed() in arch/x86/kvm/x86.c (msrs.c in the newest kernels)';
const FILTER_DOC = 'api.rst, "KVM_X86_SET_MSR_FILTER"';
const EXIT_DOC = 'api.rst, "KVM_CAP_X86_USER_SPACE_MSR"; kvm_msr_user_space()';

/** What the filter decides by. `none`: no filter is in force. */
export type DecidedBy = 'range' | 'default' | 'exemption' | 'none';

export const DECISION_RULES: Readonly<Record<DecidedBy, Rule>> = {
  range: {
    text: 'the first range, in slot order, that covers the index and names the access type decides by its bit',
    source: `${FILTER_DOC}; ${ALLOWED}`,
  },
  default: {
    text: 'where no range covers the index for this access type, the default of the filter decides',
    source: `${FILTER_DOC}; ${ALLOWED}`,
  },
  exemption: {
    text: 'filters do not apply to the x2APIC MSRs 0x800-0x8ff',
    source: `9389b9d5d356; ${FILTER_DOC}; ${ALLOWED}`,
  },
  none: {
    text: 'without a filter in force every access goes to KVM',
    source: `${FILTER_DOC}; kvm_vm_ioctl_set_msr_filter()`,
  },
};

export const FASTPATH_RULE: Rule = {
  text: 'the exit fastpath completes WRMSR TSC_DEADLINE before the filter is asked',
  source: '__handle_fastpath_wrmsr() (to 6.1: handle_fastpath_set_msr_irqoff(), with the VMX preemption timer)',
};

/** What becomes of an access once the filter has decided, by verdict. */
export const OUTCOME_RULES: Readonly<Record<string, Rule>> = {
  allow: { text: 'KVM completes the access', source: 'kvm_emulate_rdmsr(), kvm_emulate_wrmsr()' },
  gp: { text: '#GP: the exit mask lacks the reason', source: EXIT_DOC },
  filter: { text: 'exit to user space, KVM_MSR_EXIT_REASON_FILTER: denied, and the mask has FILTER', source: EXIT_DOC },
  unknown: {
    text: 'exit to user space, KVM_MSR_EXIT_REASON_UNKNOWN: allowed, KVM does not know the MSR, and the mask has UNKNOWN',
    source: EXIT_DOC,
  },
  inval: {
    text: 'exit to user space, KVM_MSR_EXIT_REASON_INVAL: allowed, KVM rejects the access, and the mask has INVAL',
    source: EXIT_DOC,
  },
};
