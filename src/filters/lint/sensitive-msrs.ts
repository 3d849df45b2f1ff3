/**
 * MSRs that a filter's author should have decided about: what they give a guest, each with its reason. A short list, as
 * most MSRs that KVM handles are the guest's own business. Names and indices are the catalogue's.
 */
export interface SensitiveMsr {
  readonly index: number;
  readonly access: 'r' | 'w';
  readonly vendor: 'vmx' | 'svm' | 'both';
  readonly reason: string;
}

const ENERGY = 'energy counter: KVM reads 0, but user space that answers it opens a side channel (CVE-2020-8694)';
const MICROCODE = 'microcode update trigger: KVM ignores the write, and the guest believes in the update';
const COUNTERS = 'performance counters: resources of the host, and a side channel';

export const SENSITIVE_MSRS: readonly SensitiveMsr[] = [
  { index: 0x3a, access: 'w', vendor: 'vmx', reason: 'turns VMX and SGX on where CPUID has them, and locks that' },
  { index: 0x79, access: 'w', vendor: 'vmx', reason: MICROCODE },
  { index: 0xce, access: 'r', vendor: 'vmx', reason: 'offers CPUID faulting, unless KVM_CAP_MSR_PLATFORM_INFO is off' },
  {
    index: 0x10a,
    access: 'r',
    vendor: 'vmx',
    reason: "the processor's own weaknesses, where user space has set nothing",
  },
  { index: 0x122, access: 'w', vendor: 'vmx', reason: 'turns TSX on again (TAA, CVE-2019-11135)' },
  { index: 0x1a0, access: 'w', vendor: 'vmx', reason: "changes the guest's CPUID (MONITOR), which user space has set" },
  { index: 0x1d9, access: 'w', vendor: 'both', reason: "turns branch recording on, with the host's perf resources" },
  {
    index: 0x277,
    access: 'w',
    vendor: 'both',
    reason: 'memory types: with an assigned device the guest chooses caching',
  },
  { index: 0x38f, access: 'w', vendor: 'vmx', reason: COUNTERS },
  { index: 0x570, access: 'w', vendor: 'vmx', reason: 'turns Intel PT on, where pt_mode gives it to guests' },
  { index: 0x611, access: 'r', vendor: 'vmx', reason: ENERGY },
  { index: 0x619, access: 'r', vendor: 'vmx', reason: ENERGY },
  { index: 0x639, access: 'r', vendor: 'vmx', reason: ENERGY },
  { index: 0x641, access: 'r', vendor: 'vmx', reason: ENERGY },
  { index: 0xc0000301, access: 'w', vendor: 'svm', reason: COUNTERS },
  { index: 0xc0010020, access: 'w', vendor: 'svm', reason: MICROCODE },
  { index: 0xc0010114, access: 'w', vendor: 'svm', reason: 'turns SVM off in the guest, and locks that' },
];
