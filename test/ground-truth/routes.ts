/**
 * Which guest MSR accesses take no VM exit, as measured on two kernels: counted with KVM_GET_STATS_FD `exits`, 200
 * identical accesses between two reads. Measured were all MSRs that can be read with no filter, in 0-0x1fff,
 * 0xc0000000-0xc0001fff and 0xc0010000-0xc0011fff; exit mask 7, one vCPU in long mode.
 *
 * - kvm_intel: 6.1.0-56-cloud-amd64 (6.1.192-2) in Bochs 2.7, corei7_haswell_4770; EPT, no APICv, VMX preemption timer.
 * - kvm_amd: 6.1.0-56-amd64 (6.1.192-2) in QEMU 7.2 TCG, EPYC-Rome; NPT, no AVIC.
 *
 * On both, F1 before KVM_CREATE_VCPU gives what F1 on a running vCPU gives.
 */

/** First and last MSR index. */
export type Span = readonly [first: number, last: number];

/** The filters, in the order in which they were set on one running vCPU. F0: no filter was ever set. */
export const ROUTE_FILTERS = ['F0', 'F1', 'F2', 'F3', 'F4', 'F5', 'F6'] as const;
export type RouteFilter = (typeof ROUTE_FILTERS)[number];

/** F1: DEFAULT_DENY with these allowed. The other filters need no more than {@link ROUTE_FILTER_RULES}. */
export const F1_ALLOWED = {
  both: [0x174, 0xc0000100, 0xc0000082, 0x1a0],
  read: [0x10, 0x175, 0xc0000101, 0xc0000083],
  write: [0x176, 0xc0000102, 0xc0000084],
} as const;

/** Default, and what ranges over everything allow or deny. */
export const ROUTE_FILTER_RULES = {
  F2: { default: 'deny', ranges: 'rw', bits: 'allow' },
  F3: { default: 'allow', ranges: 'r', bits: 'deny' },
  F4: { default: 'allow', ranges: 'w', bits: 'deny' },
  F5: { default: 'deny', ranges: 'r', bits: 'allow' },
  F6: { default: 'allow', ranges: 'none', bits: 'allow' },
} as const;

/** Reads and writes that pass, by filter. */
export type RouteTable = Readonly<
  Record<RouteFilter, { readonly read: readonly Span[]; readonly write: readonly Span[] }>
>;

export interface MeasuredRoutes {
  readonly module: 'kvm_intel' | 'kvm_amd';
  /** Profile of the kernel. */
  readonly profile: string;
  readonly apic: 'none' | 'x2apic';
  /** WRMSR TSC_DEADLINE (0x6e0), denied: 1 VM exit, no user exit, no #GP. */
  readonly tscDeadlineFastpath: boolean;
  readonly pass: RouteTable;
}

const NONE: readonly Span[] = [];

const INTEL_W: readonly Span[] = [
  [0x174, 0x176],
  [0xc0000100, 0xc0000102],
];
const INTEL_R: readonly Span[] = [[0x10, 0x10], ...INTEL_W];
const INTEL_F1_R: readonly Span[] = [
  [0x10, 0x10],
  [0x174, 0x175],
  [0xc0000100, 0xc0000101],
];
const INTEL_F1_W: readonly Span[] = [
  [0x174, 0x174],
  [0x176, 0x176],
  [0xc0000100, 0xc0000100],
  [0xc0000102, 0xc0000102],
];

/** TPR passes in both directions in x2APIC mode, whatever the filter. */
const TPR: readonly Span[] = [[0x808, 0x808]];

const AMD: readonly Span[] = [
  [0x174, 0x176],
  [0xc0000081, 0xc0000084],
  [0xc0000100, 0xc0000102],
  [0xc0010130, 0xc0010130],
];
const AMD_F1_R: readonly Span[] = [
  [0x174, 0x175],
  [0xc0000082, 0xc0000083],
  [0xc0000100, 0xc0000101],
];
const AMD_F1_W: readonly Span[] = [
  [0x174, 0x174],
  [0x176, 0x176],
  [0xc0000082, 0xc0000082],
  [0xc0000084, 0xc0000084],
  [0xc0000100, 0xc0000100],
  [0xc0000102, 0xc0000102],
];

const INTEL_NONE: RouteTable = {
  F0: { read: INTEL_R, write: INTEL_W },
  F1: { read: INTEL_F1_R, write: INTEL_F1_W },
  F2: { read: INTEL_R, write: INTEL_W },
  F3: { read: NONE, write: INTEL_W },
  F4: { read: INTEL_R, write: NONE },
  F5: { read: INTEL_R, write: NONE },
  F6: { read: INTEL_R, write: INTEL_W },
};

const INTEL_X2APIC: RouteTable = {
  F0: { read: [...INTEL_R, ...TPR], write: [...INTEL_W, ...TPR] },
  F1: { read: [...INTEL_F1_R, ...TPR], write: [...INTEL_F1_W, ...TPR] },
  F2: { read: [...INTEL_R, ...TPR], write: [...INTEL_W, ...TPR] },
  F3: { read: TPR, write: [...INTEL_W, ...TPR] },
  F4: { read: [...INTEL_R, ...TPR], write: TPR },
  F5: { read: [...INTEL_R, ...TPR], write: TPR },
  F6: { read: [...INTEL_R, ...TPR], write: [...INTEL_W, ...TPR] },
};

/** The same with no APIC and in x2APIC mode. */
const AMD_ANY: RouteTable = {
  F0: { read: AMD, write: AMD },
  F1: { read: AMD_F1_R, write: AMD_F1_W },
  F2: { read: AMD, write: AMD },
  F3: { read: NONE, write: AMD },
  F4: { read: AMD, write: NONE },
  F5: { read: AMD, write: NONE },
  F6: { read: AMD, write: AMD },
};

export const MEASURED_ROUTES: readonly MeasuredRoutes[] = [
  { module: 'kvm_intel', profile: '6.1', apic: 'none', tscDeadlineFastpath: true, pass: INTEL_NONE },
  { module: 'kvm_intel', profile: '6.1', apic: 'x2apic', tscDeadlineFastpath: true, pass: INTEL_X2APIC },
  { module: 'kvm_amd', profile: '6.1', apic: 'none', tscDeadlineFastpath: false, pass: AMD_ANY },
  { module: 'kvm_amd', profile: '6.1', apic: 'x2apic', tscDeadlineFastpath: false, pass: AMD_ANY },
];
