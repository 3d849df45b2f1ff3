/** What is handed over: plain data, filled in by whoever has the divergence (a database, a file, a server). */
import type { EngineSpec } from '../engines/registry.ts';
import type { DivergenceExplanation } from '../fuzz/explain/explain.ts';
import type { KernelProfile } from '../model/profile.ts';
import type { Scenario } from '../model/scenario.ts';
import type { Status } from '../model/status.ts';

export interface ExportSubject {
  /** Id of a divergence, or name of a scenario file, for titles. Text of unknown origin. */
  readonly source: string;
  readonly scenario: Scenario;
  /** The scenario as it was given or stored, JSON. */
  readonly text: string;
  /** Whose rules apply. */
  readonly profile: KernelProfile;
  /** Version of msrdiff. */
  readonly version: string;
  /** Absent for a scenario that is not from a database. */
  readonly divergence?: DivergenceFacts;
  /** For the bug report: why engines decided so, or why that is not known, in one line. */
  readonly explanation?: DivergenceExplanation | { readonly refused: string };
}

/** A stored divergence. Names of engines, messages and notes are text of unknown origin. */
export interface DivergenceFacts {
  /** Hex digits. */
  readonly id: string;
  /** `verdict`, `errno`, `completion`, `bitmap:RULE`, `metamorphic:RELATION`, `engine-error` or `engine-timeout`. */
  readonly kind: string;
  /** Name of the engine that stands against the others. */
  readonly subject: string;
  /** Results by name, as `gp` or `-EINVAL`: of the others, and the subject's. */
  readonly expected: string;
  readonly got: string;
  /** Result by engine, by name; `-` where an engine takes no part. */
  readonly results: Readonly<Record<string, string>>;
  readonly message: string;
  /** To replay with. */
  readonly engines: readonly EngineSpec[];
  readonly firstCampaign: number;
  /** Of that campaign: u64 in decimal, or `proof`. */
  readonly seed: string;
  /** Share of re-runs that showed it, 0 to 1. */
  readonly reliability: number;
  /** Cases that showed it, in all campaigns. */
  readonly cases: number;
  /** ISO 8601, UTC. */
  readonly firstSeen: string;
  readonly lastSeen: string;
  readonly status?: Status;
  /** Oldest first. */
  readonly history?: readonly HistoryNote[];
}

/** A change of status, a note, or both. */
export interface HistoryNote {
  readonly at: string;
  readonly author: string;
  /** Null: a note alone. */
  readonly status: Status | null;
  readonly note: string;
}

/** One line that says what is handed over. Holds text of unknown origin. */
export function titleOf({ source, divergence, profile }: ExportSubject): string {
  const what = divergence ? `Divergence ${divergence.id}: ${divergence.kind} of ${divergence.subject}` : source;
  return `${divergence ? what : `Scenario ${what}`}, rules of profile ${profile.id}`;
}
