/** What passes between a campaign and its worker threads: plain data. */
import type { EngineSpec } from '../engines/registry.ts';
import type { MeasuredKernel } from '../model/kernel.ts';
import type { DivergenceExplanation } from './explain/explain.ts';
import type { LedgerEntry } from './ledger.ts';
import type { SampleRate } from './sample.ts';
import type { ShardResult, ShardTask } from './shard.ts';

/** What all shards of a campaign have in common; plain data. */
export interface WorkerConfig {
  readonly seed: string;
  readonly profile: string;
  readonly engines: readonly EngineSpec[];
  readonly ledger: readonly LedgerEntry[];
  /** Day (YYYY-MM-DD) that decides which ledger entries have expired. */
  readonly day: string;
  readonly accessesPerCase: number;
  readonly sample: SampleRate;
  /** By name, once measured. */
  readonly kernels: Readonly<Record<string, MeasuredKernel>>;
}

export interface WorkerRequest {
  readonly config: WorkerConfig;
  /** Absent: only load the engines and say what they are. */
  readonly task?: ShardTask;
  /** How long an engine in a process of its own may take for one answer. */
  readonly timeoutMs: number;
  /** Kernels are not started, as other machines run the shards that need them. */
  readonly kernelsElsewhere?: boolean;
  /** Int32 x 3, shared with the watchdog: case, engine, beat. */
  readonly pulse: SharedArrayBuffer;
}

/** Ends the engines of one thread. As every thread takes one of these, each waits until the others have theirs. */
export interface CloseRequest {
  readonly close: {
    /** Int32: threads that have taken theirs. */
    readonly arrived: SharedArrayBuffer;
    readonly threads: number;
  };
}

export type WorkerReply =
  | {
      readonly kind: 'engines';
      readonly names: readonly string[];
      readonly kernels: Readonly<Record<string, MeasuredKernel>>;
    }
  | { readonly kind: 'unavailable'; readonly message: string }
  | { readonly kind: 'shard'; readonly result: ShardResult }
  | { readonly kind: 'closed' };

/** One scenario to run, in a thread of its own. */
export interface ProbeRequest {
  /** Canonical or hand-written scenario JSON that has been parsed before. */
  readonly scenario: string;
  readonly profile: string;
  readonly engines: readonly EngineSpec[];
  readonly ledger: readonly LedgerEntry[];
  readonly day: string;
  /** `replay`: what diverges; `minimize`: the normal form of everything that does; `explain`: why `target` does. */
  readonly action: 'replay' | 'minimize' | 'explain';
  readonly target?: { readonly kind: string; readonly subject: string };
  /** Int32, shared with who asks: number of the event that an engine runs, or has run last. */
  readonly event?: SharedArrayBuffer;
}

/** One divergence of a probed scenario. */
export interface ProbeFinding {
  readonly kind: string;
  readonly subject: string;
  readonly event: number;
  /** Number of the access in its event, -1 for none. */
  readonly access: number;
  readonly index: number;
  readonly write: boolean;
  readonly vector: Readonly<Record<string, number | null>>;
  readonly message: string;
  /** Entry of the ledger that it matches. */
  readonly known: string | null;
  /** For `minimize`. */
  readonly normalForm?: string;
  readonly id?: string;
  readonly evaluations?: number;
  readonly reliability?: number;
  /** MSR and direction in the normal form; null where it is about no single one. */
  readonly msr?: number | null;
  readonly written?: boolean | null;
}

/** Comes before the reply: the engines are loaded, and what runs from now on is theirs. */
export interface ProbeStart {
  readonly kind: 'started';
}

export type ProbeReply =
  | { readonly kind: 'done'; readonly engines: readonly string[]; readonly findings: readonly ProbeFinding[] }
  /** No explanation: it no longer diverges. */
  | { readonly kind: 'explained'; readonly explanation: DivergenceExplanation | null; readonly text: readonly string[] }
  | { readonly kind: 'unavailable'; readonly message: string }
  /** An engine did not come back, or took the thread down. */
  | { readonly kind: 'lost'; readonly message: string };
