/** What a night has done, as it is stored (`nights.report`) and written (`report.json`): plain data. */
import type { Status } from '../model/status.ts';

export const STEP_KINDS = ['conformance', 'recheck', 'proof', 'campaign'] as const;
export type StepKind = (typeof STEP_KINDS)[number];

/**
 * `found`: divergences, mismatches or a disproof; `unfinished`: a proof that goes on next time; `refused`: wrong input,
 * or the database is being written; `unavailable`: an engine is; `crashed`: a fault of msrdiff; `hung`: killed;
 * `skipped`: no time was left, or the night was interrupted before.
 */
export const STEP_STATES = [
  'done',
  'found',
  'unfinished',
  'refused',
  'unavailable',
  'crashed',
  'hung',
  'interrupted',
  'skipped',
] as const;
export type StepState = (typeof STEP_STATES)[number];

export interface StepReport {
  readonly kind: StepKind;
  /** What it was about: a profile, a recording, a divergence, a proof. */
  readonly name: string;
  readonly state: StepState;
  readonly seconds: number;
  /** Exit code; null: a signal, or it did not run. */
  readonly code: number | null;
  /** One line; empty where there is nothing to say. */
  readonly message: string;
  /** Arguments of msrdiff that run it by itself. */
  readonly command: readonly string[];
}

/** A campaign as `msrdiff fuzz` reports it. */
export interface NightCampaign {
  readonly id: number;
  readonly profile: string;
  /** u64, decimal. */
  readonly seed: string;
  readonly engines: readonly string[];
  readonly cases: number;
  readonly accesses: number;
  readonly seconds: number;
  readonly digest: string;
}

/** Of all campaigns of the night. */
export interface NightCoverage {
  /** Names of the features seen, sorted. */
  readonly features: readonly string[];
  /** How many there are. */
  readonly of: number;
  /** Pairs of features, of the campaign that saw most. */
  readonly pairs: number;
}

export interface NightConformance {
  readonly recording: string;
  readonly engine: string;
  readonly profile: string;
  readonly cases: number;
  readonly checks: number;
  readonly mismatches: number;
  readonly skipped: number;
  /** The last night that ran it had the same ones, or more. */
  readonly known: boolean;
  /** The first mismatches, a line each. */
  readonly listed: readonly { readonly line: number; readonly text: string }[];
}

/** `other`: it diverges, though not in the way that is stored. */
export type RecheckResult = 'diverges' | 'other' | 'agrees' | 'unknown';

export interface NightRecheck {
  readonly id: string;
  readonly kind: string;
  readonly subject: string;
  readonly status: Status;
  readonly result: RecheckResult;
  /** Times it was run. */
  readonly runs: number;
}

export interface NightProof {
  readonly args: readonly string[];
  readonly outcome: 'proven' | 'disproven' | 'unfinished' | 'failed';
  /** Path below the folder of reports. */
  readonly certificate: string;
  /** Of a disproof: the stored divergence, if it is one. */
  readonly divergence: string | null;
  /** Shards done and in all; null for proofs without. */
  readonly shards: { readonly done: number; readonly of: number } | null;
  /** It was disproven in the last night that ran it, too. */
  readonly known: boolean;
  readonly message: string;
}

/**
 * `new`: not in the database before this night, or before one that was killed ahead of its report; `reopened`: it was
 * fixed; `seen`: neither.
 */
export type DivergenceChange = 'new' | 'reopened' | 'seen';

export interface NightDivergence {
  readonly id: string;
  readonly change: DivergenceChange;
  readonly status: Status;
  readonly kind: string;
  readonly subject: string;
  readonly profile: string;
  /** Names of the broken rules, where one explains it. */
  readonly rules: readonly string[];
  /** What each engine says, or what went wrong. */
  readonly message: string;
  readonly size: number;
  /** Cases of this night that showed it. */
  readonly cases: number;
  readonly reliability: number;
  /** Path in the night's folder; null for those that are neither new nor waiting to be mended. */
  readonly reproducer: string | null;
}

/** A change from one night to the next: before and now. */
export interface Change {
  readonly before: number;
  readonly now: number;
}

export interface Comparison {
  /** Start of the night that it is compared with. */
  readonly with: string;
  readonly gained: readonly string[];
  readonly lost: readonly string[];
  readonly pairs: Change;
  readonly casesPerSecond: Change;
  readonly accessesPerSecond: Change;
  /** Seen in that night and not in this one. */
  readonly notSeen: readonly string[];
}

export interface NightReport {
  /** Of this format. */
  readonly version: 1;
  readonly msrdiff: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly database: string;
  /** Name of the folder with the reports. */
  readonly folder: string;
  /** Seconds: given, and taken. */
  readonly budget: number;
  readonly seconds: number;
  readonly exitCode: number;
  readonly interrupted: boolean;
  readonly steps: readonly StepReport[];
  readonly campaigns: readonly NightCampaign[];
  readonly coverage: NightCoverage;
  readonly conformance: readonly NightConformance[];
  readonly rechecks: readonly NightRecheck[];
  readonly proofs: readonly NightProof[];
  /** Of this night's campaigns, proofs and re-check: new ones first. */
  readonly divergences: readonly NightDivergence[];
  /** Status new or triaged, and not seen this night; those seen last, if there are very many. */
  readonly waiting: readonly NightDivergence[];
  /** Null for the first night. */
  readonly comparison: Comparison | null;
  /** When each triaged divergence was last run again, ISO 8601 by id: goes on from night to night. */
  readonly checkedAt: Readonly<Record<string, string>>;
  /** One line each: what could not be done beside the steps. */
  readonly warnings: readonly string[];
}
