/** What the checks of a kernel's routes and races need of its VM, beyond what every engine's has. */

import type { MsrFilter } from '../../model/filter.ts';
import type { EngineVm } from '../contract.ts';

/** How a VM is made; what is absent is off. */
export interface KernelVmOptions {
  /** With an irqchip, so that APIC modes can be set. */
  readonly irqchip?: boolean;
  /** KVM_CAP_X86_DISABLE_EXITS for C-states: kvm_intel passes the residency counters. */
  readonly cstates?: boolean;
  /** CPUID says GenuineIntel: kvm_amd intercepts SYSENTER_ESP and SYSENTER_EIP. */
  readonly intelCpuid?: boolean;
  /** The vCPU is created at the first access: after the filters that are set before. */
  readonly lateVcpu?: boolean;
}

export interface RaceResult {
  /** Filter changes made, and times that the whole batch ran. */
  readonly changes: number;
  readonly runs: number;
  /** By access, the set of verdicts seen: bit n for verdict n. */
  readonly seen: Uint8Array;
}

export interface KernelVm extends EngineVm {
  /** A new VM. */
  remake(options: KernelVmOptions): void;
  /** Counters of the vCPU by name (`KVM_GET_STATS_FD`); only differences mean anything. */
  stats(): ReadonlyMap<string, bigint>;
  /** Runs the accesses over and over in one thread while another sets the filters in turn, `rounds` times. */
  race(indices: Uint32Array, types: Uint8Array, filters: readonly [MsrFilter, MsrFilter], rounds: number): RaceResult;
}
