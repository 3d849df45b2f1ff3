/**
 * A proof as plain data: a statement, and the shards that it is cut into. Shards are numbered, independent of each
 * other, and give the same result wherever and whenever they run, so that a proof can be spread over threads,
 * interrupted, resumed, and checked again in part.
 */
import type { Engine } from '../engines/contract.ts';
import type { EngineSpec } from '../engines/registry.ts';
import type { Vendor } from '../model/catalogue.ts';
import type { ApicMode } from '../model/scenario.ts';

/** What every kind of proof is about: engines 1.. are each compared with engine 0. */
interface Subject {
  readonly engines: readonly EngineSpec[];
  /** Id of the kernel profile. */
  readonly profile: string;
}

/** The state that one filter is judged in. */
interface FilterState {
  /** Exit mask, KVM_MSR_EXIT_REASON_*. */
  readonly mask: number;
  readonly apic: ApicMode;
}

/** One filter, every one of the 2^33 accesses, one by one. */
export interface BruteForcePlan extends Subject, FilterState {
  readonly kind: 'brute-force';
  /** Filter JSON. */
  readonly filter: string;
}

/** One filter, every one of the 2^33 accesses, by elementary segments and bits. */
export interface PartitionPlan extends Subject, FilterState {
  readonly kind: 'partition';
  readonly filter: string;
}

/** Random filters, each by partition. */
export interface RandomPlan extends Subject, FilterState {
  readonly kind: 'random';
  /** u64, decimal. */
  readonly seed: string;
  readonly filters: number;
}

/** Every filter with a number of ranges, up to isomorphism. */
export interface RangesPlan extends Subject {
  readonly kind: 'ranges';
  /** Most ranges. */
  readonly ranges: number;
  /** Whose intercept bitmaps the engines have. */
  readonly vendors: readonly Vendor[];
}

/** Every sequence of so many state changes over an alphabet. */
export interface StatesPlan extends Subject {
  readonly kind: 'states';
  readonly length: number;
}

export type ProofPlan = BruteForcePlan | PartitionPlan | RandomPlan | RangesPlan | StatesPlan;

/** What a shard has shown. */
export interface ShardProof {
  readonly shard: number;
  /** Filters or sequences that were run. */
  readonly cases: number;
  /** Accesses that were compared, times the number of engines but the first. */
  readonly accesses: number;
  /** Over everything that the engines answered: 16 hexadecimal digits. Shards' digests are combined by XOR. */
  readonly digest: string;
  /** Counts by class of what was run; added up over shards. */
  readonly counts: Readonly<Record<string, number>>;
  /** Differences that the ledger knows, by its id. */
  readonly known: Readonly<Record<string, number>>;
  /** The first access on which engines differ: scenario JSON. The shard ended there. */
  readonly disproof: string | null;
}

/** Called now and then from within a shard, so that a watchdog sees that it lives; `at` says where it is. */
export type Heartbeat = (at: number) => void;

/** Settles one shard in the calling thread. Engines are those of the plan, loaded. */
export type ShardProver<P extends ProofPlan> = (
  plan: P,
  shard: number,
  engines: readonly Engine[],
  beat: Heartbeat,
) => ShardProof;
