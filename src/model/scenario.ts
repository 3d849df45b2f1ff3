/**
 * A scenario: everything that happens in one VM, as data before anything runs, so that replay, storage,
 * minimization and every engine share one form.
 *
 * The VM starts as KVM creates it: no filter, exit mask 0, no APIC, the vCPU's candidates as the catalogue
 * gives them for the profile.
 */
import type { MsrFilter } from './filter.ts';

export const ApicMode = { NONE: 0, XAPIC: 1, X2APIC: 2 } as const;
export type ApicMode = (typeof ApicMode)[keyof typeof ApicMode];
export const APIC_MODE_NAMES = ['none', 'xapic', 'x2apic'] as const;

/**
 * How an MSR is accessed. `native`: RDMSR / WRMSR as the guest executes them; `immediate`: their immediate forms;
 * `emulator`: through KVM's instruction emulator (forced emulation prefix), which has no bitmap and no fastpath;
 * `implicit`: an instruction that reaches the MSR without being RDMSR / WRMSR (RDPID, RDTSC, SWAPGS, WRGSBASE),
 * never filtered; `host`: KVM_GET_MSRS / KVM_SET_MSRS, never filtered (verdict `gp`: the ioctl refuses the MSR).
 * Source: api.rst, "KVM_X86_SET_MSR_FILTER", on what is not filtered.
 */
export const ACCESS_FORMS = ['native', 'immediate', 'emulator', 'implicit', 'host'] as const;
export type AccessForm = (typeof ACCESS_FORMS)[number];

/** Accesses of one event. Arrays of equal length; `values` (default 0) are what WRMSR writes. */
export interface AccessBatch {
  /** Default `native`. */
  readonly form?: AccessForm;
  readonly indices: Uint32Array;
  /** `AccessType`, one byte each. */
  readonly types: Uint8Array;
  readonly values?: BigUint64Array;
}

/** What is passed through (or not) of one MSR. */
export interface MsrPassthrough {
  readonly index: number;
  readonly read: boolean;
  readonly write: boolean;
}

/**
 * How user space hands the filter over. `compat`: the 32-bit ioctl number from a 64-bit task (-ENOTTY);
 * `short`: one byte of `struct kvm_msr_filter` is not readable (-EFAULT); `padding`: garbage in the padding;
 * `readonly`: bitmaps in read-only memory; `overwritten`: the bitmaps' memory is reused as soon as the ioctl returns.
 * The last three change nothing.
 */
export const FILTER_DELIVERIES = ['normal', 'compat', 'short', 'padding', 'readonly', 'overwritten'] as const;
export type FilterDelivery = (typeof FILTER_DELIVERIES)[number];

/** `KVM_X86_SET_MSR_FILTER`. Result: 0 or a negative errno. */
export interface FilterEvent {
  readonly kind: 'filter';
  readonly filter: MsrFilter;
  /** Default `normal`. */
  readonly delivery?: FilterDelivery;
}
/** `KVM_ENABLE_CAP` with `args[0] = mask` (u64). Result: 0 or a negative errno. */
export interface CapEvent {
  readonly kind: 'cap';
  readonly mask: bigint;
  /** `kvm_enable_cap.flags`, default 0. */
  readonly flags?: number;
  /** `kvm_enable_cap.cap`, default KVM_CAP_X86_USER_SPACE_MSR (188). */
  readonly cap?: number;
}
/** The module parameter kvm.ignore_msrs: accesses to unknown MSRs succeed and read 0. */
export interface IgnoreMsrsEvent {
  readonly kind: 'ignoreMsrs';
  readonly on: boolean;
}
export interface ApicEvent {
  readonly kind: 'apic';
  readonly mode: ApicMode;
}
/**
 * KVM's own wish for pass-through changes on this vCPU (SPEC_CTRL written, LBR or PT enabled, CPUID set, ...).
 * An engine applies what its vendor and kernel can pass through and leaves the rest alone.
 */
export interface CandidatesEvent {
  readonly kind: 'candidates';
  readonly changes: readonly MsrPassthrough[];
}
/**
 * RDMSR / WRMSR in order. An exit that is not the last access of its event, or that no reply follows, is
 * re-entered with `kvm_run.msr` untouched (error 0: it completes).
 */
export interface AccessEvent {
  readonly kind: 'access';
  readonly batch: AccessBatch;
}
/** User space's reply to the pending exit: `error` (u8, non-zero: #GP) and `data` (for RDMSR). Result: `Completion`. */
export interface ReplyEvent {
  readonly kind: 'reply';
  readonly error: number;
  readonly data: bigint;
}
/** L1 enters L2 with an MSR bitmap that passes through what is listed. Result: `NestedEntry`. */
export interface NestedEvent {
  readonly kind: 'nested';
  /** vmcs12 "use MSR bitmaps" / vmcb12 INTERCEPT_MSR_PROT. */
  readonly bitmaps: boolean;
  /** Whether L1's bitmap page is mapped. */
  readonly mapped: boolean;
  readonly passthrough: readonly MsrPassthrough[];
  /** eVMCS says that L1's bitmap has not changed: the last merged bitmap is reused, unless L0's has changed. */
  readonly clean?: boolean;
}

export type ScenarioEvent =
  | FilterEvent
  | CapEvent
  | IgnoreMsrsEvent
  | ApicEvent
  | CandidatesEvent
  | AccessEvent
  | ReplyEvent
  | NestedEvent;

/** Events in one VM, from its creation on. */
export interface Scenario {
  /** In order. */
  readonly events: readonly ScenarioEvent[];
}

/** Most events of one scenario that msrdiff reads or generates. */
export const SCENARIO_MAX_EVENTS = 4096;
/** Most accesses of one event. */
export const BATCH_MAX_ACCESSES = 1 << 20;
/** Most MSRs of one event that are passed through or not: KVM itself has some hundred candidates. */
export const PASSTHROUGH_MAX = 1 << 16;
