/** What passes between a proof and its worker threads: plain data. */
import type { EngineSpec } from '../engines/registry.ts';
import type { Vendor } from '../model/catalogue.ts';
import type { ProofPlan, ShardProof } from './plan.ts';

export interface ProveRequest {
  readonly engines: readonly EngineSpec[];
  /** Absent: only load the engines and say what they are. */
  readonly task?: { readonly plan: ProofPlan; readonly shard: number };
  /** Int32 x 2, shared with the watchdog: place in the shard, beat. */
  readonly pulse: SharedArrayBuffer;
}

export interface LoadedSubjects {
  readonly names: readonly string[];
  /** Whose intercept bitmaps they have. */
  readonly vendors: readonly Vendor[];
}

export type ProveReply =
  | { readonly kind: 'engines'; readonly engines: LoadedSubjects }
  | { readonly kind: 'shard'; readonly proof: ShardProof }
  | { readonly kind: 'unavailable'; readonly message: string }
  | { readonly kind: 'input'; readonly message: string };
