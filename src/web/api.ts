/**
 * What the triage page and its server say to each other: the JSON bodies of the routes under /api.
 *
 * Indices of MSRs are numbers (u32), times are ISO 8601 in UTC, ids are hex. Whatever comes from a database (names of
 * engines, messages, notes) is text of unknown origin: it is only ever shown as text.
 */
import type { DivergenceExplanation } from '../fuzz/explain/explain.ts';
import type { AccessOutcome, BitmapPage, EngineVerdict, RunOutcome } from '../fuzz/run-outcome.ts';
import type { Status } from '../model/status.ts';

export type { AccessOutcome, BitmapPage, EngineVerdict };

/** GET /api/overview. Campaigns newest first. */
export interface Overview {
  /** Of msrdiff. */
  readonly version: string;
  /** Path as given on the command line. */
  readonly database: string;
  readonly readOnly: boolean;
  /** Number of divergences by status. */
  readonly counts: Readonly<Record<Status, number>>;
  /** Divergences that came back after they had been fixed, and are `new` again. */
  readonly reopened: number;
  readonly campaigns: readonly CampaignSummary[];
  readonly matrix: Matrix;
  /** What the search offers. */
  readonly facets: Facets;
}

export interface CampaignSummary {
  readonly id: number;
  readonly state: 'running' | 'finished' | 'interrupted';
  /** u64 in decimal, or `proof`. */
  readonly seed: string;
  readonly profile: string;
  readonly engines: readonly string[];
  readonly createdAt: string;
  /** Of its last shard: a running campaign that is silent for long has died. */
  readonly updatedAt: string;
  readonly cases: number;
  readonly accesses: number;
  readonly seconds: number;
  /** Limits it was started with; null: none. */
  readonly limit: { readonly cases: number | null; readonly seconds: number | null };
  /** Divergences that occurred in it, and those seen there for the first time. */
  readonly divergences: number;
  readonly firstSeen: number;
  /** Null while none is stored. `of`: how many features there are. */
  readonly coverage: { readonly features: number; readonly of: number; readonly pairs: number } | null;
}

/** Engine by engine: how many divergences have the two disagree. Symmetric, 0 on the diagonal. */
export interface Matrix {
  readonly engines: readonly string[];
  readonly counts: readonly (readonly number[])[];
}

export interface Facets {
  readonly subjects: readonly string[];
  readonly kinds: readonly string[];
  readonly profiles: readonly string[];
  readonly rules: readonly string[];
}

/** GET /api/campaigns/:id/progress. In order of `seconds`. */
export interface CampaignProgressReply {
  readonly campaign: CampaignSummary;
  readonly points: readonly ProgressPoint[];
}

/** A campaign at one time. All counts are totals so far. */
export interface ProgressPoint {
  readonly seconds: number;
  readonly cases: number;
  readonly accesses: number;
  readonly features: number;
  readonly pairs: number;
  readonly divergences: number;
}

/**
 * GET /api/divergences, with the query parameters `status` and `kind` (lists, by commas), `engine` (that stands
 * against the others), `verdict` (a verdict's name, expected or got), `rule` (a broken rule's name), `msr` (a name or
 * part of it, or an index), `profile`, `campaign`, `reopened=1`, `text` (part of id or message), `order`
 * (`last-seen`, `first-seen`, `cases`, `size`, each descending but `size`), `offset`, `limit` (at most 200, default 50).
 */
export interface DivergencePage {
  /** That match, on all pages. */
  readonly total: number;
  readonly offset: number;
  readonly rows: readonly DivergenceRow[];
}

export interface DivergenceRow {
  readonly id: string;
  readonly status: Status;
  /** Times it came back after it had been fixed. */
  readonly reopened: number;
  readonly kind: string;
  readonly subject: string;
  readonly profile: string;
  /** By name, as `-EINVAL` or `gp`. */
  readonly expected: string;
  readonly got: string;
  /** Null where it is about no single MSR. */
  readonly msr: { readonly index: number; readonly name: string | null } | null;
  /** Null where it is about no single access. */
  readonly write: boolean | null;
  /** Names of the broken rules; several: nothing near it tells them apart; none: no single rule explains it. */
  readonly rules: readonly string[];
  readonly message: string;
  readonly size: number;
  readonly cases: number;
  readonly reliability: number;
  readonly firstSeen: string;
  readonly lastSeen: string;
}

/** GET /api/divergences/:id, where a prefix of the id will do. */
export interface DivergenceDetails extends DivergenceRow {
  /** Normal form, canonical JSON. */
  readonly scenario: string;
  /** Result by engine, by name; `-` where an engine takes no part. */
  readonly results: Readonly<Record<string, string>>;
  readonly evaluations: number;
  readonly firstCampaign: number;
  readonly seed: string;
  readonly occurrences: readonly Occurrence[];
  /** Oldest first. */
  readonly history: readonly HistoryEntry[];
  readonly survival: readonly SurvivalPoint[];
  /** Names of export formats. */
  readonly formats: readonly string[];
}

/** One campaign that showed it. */
export interface Occurrence {
  readonly campaign: number;
  readonly startedAt: string;
  /** Cases that showed it. */
  readonly cases: number;
  /** Number of the first one. */
  readonly firstCase: number;
}

/** A change of status, a note, or both. */
export interface HistoryEntry {
  readonly at: string;
  readonly author: string;
  /** Null: a note alone. */
  readonly status: Status | null;
  readonly note: string;
}

/** After so many cases, the share of campaigns with its engine in which it had not shown yet (Kaplan-Meier). */
export interface SurvivalPoint {
  readonly cases: number;
  readonly share: number;
}

/** GET /api/divergences/:id/explanation: runs the engines, so it takes a moment. */
export interface ExplanationReply {
  /** Null with `refused` or `lost` set, or if it no longer diverges. */
  readonly explanation: DivergenceExplanation | null;
  /** Why it was not tried, as where an engine is a command that was not permitted. */
  readonly refused?: string;
  /** An engine that did not come back. */
  readonly lost?: string;
}

/** POST /api/divergences/:id/status; answers DivergenceDetails. `status` left out: a note alone. */
export interface StatusRequest {
  readonly status?: Status;
  readonly note: string;
  readonly author: string;
}

/** POST /api/run: a scenario, by every engine. Changes nothing that is stored. */
export interface RunRequest {
  /** JSON text of the scenario. */
  readonly scenario: string;
  readonly profile: string;
  /** Adds the engines that this divergence was found with. */
  readonly divergence?: string;
}

export interface RunReply extends RunOutcome {
  /** Engines that are left out, and why. */
  readonly absent: readonly { readonly engine: string; readonly reason: string }[];
}

/** GET /api/profiles. */
export interface ProfileList {
  readonly newest: string;
  readonly profiles: readonly string[];
}

/** With every status from 400 on. One line: what, where, how to mend it. */
export interface ErrorReply {
  readonly error: string;
}
