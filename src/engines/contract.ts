/**
 * The contract between msrdiff and an engine. Everything that is compared comes through these methods.
 *
 * "Cannot" is a value: an engine states up front which events it can run, and a comparison that it cannot take
 * part in ends as `incomparable`, with the reason. An engine never throws to say so; what it throws is a finding.
 */
import type { BaseTable } from '../model/base.ts';
import type { Vendor } from '../model/catalogue.ts';
import type { MsrFilter } from '../model/filter.ts';
import type { MeasuredKernel } from '../model/kernel.ts';
import type { KernelProfile } from '../model/profile.ts';
import type {
  AccessBatch,
  AccessForm,
  ApicMode,
  CapEvent,
  FilterDelivery,
  MsrPassthrough,
  NestedEvent,
  Scenario,
  ScenarioEvent,
} from '../model/scenario.ts';
import type { AccessType, Completion, NestedEntry, Route, Verdict } from '../model/verdict.ts';
import type { CompiledFilter } from './compiled-filter.ts';

/** What one VM is created with. */
export interface VmConfig {
  /** The rules that apply. */
  readonly profile: KernelProfile;
  /** What a bare access to each MSR does, where no filter decides. */
  readonly base: BaseTable;
}

/** Event kinds that an engine can run. Every engine runs `filter` and `access`. */
export type EventKind = ScenarioEvent['kind'];

/** What an engine can run, and what it can be asked. */
export interface EngineCapabilities {
  /** Kinds of events whose methods its VMs have. */
  readonly events: readonly EventKind[];
  /** Forms of access; default `native` alone. */
  readonly forms?: readonly AccessForm[];
  /** `access` fills the routes array. */
  readonly routes: boolean;
  /** Keeps an intercept bitmap of this vendor's layout, which `bitmap` returns. */
  readonly bitmap?: Vendor;
}

/** Something that befell an engine that runs in a process of its own, and did not happen again. */
export interface Incident {
  /** It ended, did not answer in time, sent no frame, answered another request, or answered with an error. */
  readonly kind: 'died' | 'hung' | 'garbage' | 'out-of-turn' | 'error';
  /** One line, the same for the same cause: no process ids, no times. */
  readonly message: string;
}

/** The part of an engine that says that a real kernel answers. */
export interface KernelUnderTest {
  /** Whose hardware bitmaps decide routes there; undefined where neither kvm_intel nor kvm_amd runs. */
  readonly vendor: Vendor | undefined;
  /** Measures base outcomes; takes seconds. Throws EngineUnavailable if the release has no profile. */
  measure(): MeasuredKernel;
}

/** What is tested: an implementation of the filter's rules, as a maker of VMs. */
export interface Engine {
  /** Unique, stable: names divergences. Letters, digits, `-`, `_`, `.`, `@`. */
  readonly name: string;
  /** Stated up front: what is not in it is never called. */
  readonly capabilities: EngineCapabilities;
  /** A campaign gives such an engine a sample of its cases, and compares with the rules and base of that kernel. */
  readonly kernel?: KernelUnderTest | undefined;
  /**
   * Why the engine's ABI has no call for an event of a kind that it runs; empty if it has one. From such an event on it
   * takes no part in the comparison.
   */
  cannot?(event: ScenarioEvent): string;
  /** A new VM: no filter, exit mask 0, no APIC, one vCPU. */
  createVm(config: VmConfig): EngineVm;
  /**
   * What has befallen the engine since the last call, and was mended by running the case once more: its results are
   * as if nothing had happened.
   */
  takeIncidents?(): Incident[];
  /** Ends the processes that the engine runs in; nothing is asked of it afterwards. */
  close?(): void;
}

/** One VM with one vCPU. Methods are called in the order of a scenario's events. */
export interface EngineVm {
  /** Back to the state of a new VM. Without it a campaign creates a VM for every case. */
  reset?(): void;
  /**
   * As `reset`, and announces all events that the methods will be called for until the next `begin` or `reset`, in
   * order: the engine may run them ahead. Must not keep the scenario. The run may be given up half way.
   */
  begin?(scenario: Scenario): void;
  /** `KVM_X86_SET_MSR_FILTER`: 0 or a negative errno. The filter must not be kept by reference. */
  setFilter(filter: MsrFilter, delivery: FilterDelivery): number;
  /** `KVM_ENABLE_CAP`: 0 or a negative errno. */
  enableCap?(event: CapEvent): number;
  /** The module parameter kvm.ignore_msrs. */
  setIgnoreMsrs?(on: boolean): void;
  /** The guest changes the mode of its APIC: 0 none, 1 xAPIC, 2 x2APIC. */
  setApicMode?(mode: ApicMode): void;
  /** KVM changes what it wishes to pass through; MSRs that are not listed stay as they are. */
  setCandidates?(changes: readonly MsrPassthrough[]): void;
  /**
   * Runs the batch in order and writes one `Verdict` byte per access to `verdicts`, and one `Route` byte to
   * `routes` where the engine has routes. An empty batch changes nothing. Both arrays are at least as long as the batch.
   */
  access(batch: AccessBatch, verdicts: Uint8Array, routes: Uint8Array): void;
  /** Answers the exit of the last access, if that exited and has not been answered. */
  reply?(error: number, data: bigint): Completion;
  /** L1 enters L2. The merged bitmap, if any, is what `bitmap('l2')` returns afterwards. */
  enterNested?(event: NestedEvent): NestedEntry;
  /** The intercept bitmap in the hardware's layout: 4 KiB (VMX) or 8 KiB (SVM). Not to be written to. */
  bitmap?(level: 'l1' | 'l2'): Uint8Array;
  /** Whether the filter in force allows the access; what the bitmap audit asks. Does not change the state. */
  allows?(index: number, type: AccessType): boolean;
  /**
   * The filter in force as the engine has compiled it, for `msrdiff prove`, which then checks every bit of it instead of
   * asking for accesses. undefined: it does not decide by that data alone. Does not change the state.
   */
  compiled?(): CompiledFilter | undefined;
  /** Why an access is decided as it is, in the state reached; does not change the state. */
  explain?(index: number, type: AccessType): Explanation;
}

/** What decided an access. */
export interface Explanation {
  /** Of the access, if it were the next one. */
  readonly verdict: Verdict;
  /** The rule, in one sentence. */
  readonly rule: string;
  /** Slot of the range that decided. */
  readonly range?: number;
  /** Bit of that range's bitmap. */
  readonly bit?: number;
  /** How it would reach KVM, or that it would not, where the engine has routes. */
  readonly route?: Route;
}
