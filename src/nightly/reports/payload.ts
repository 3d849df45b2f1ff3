/** What a webhook is sent. docs/nightly.md documents every field. */
import { perSecond } from '../compare.ts';
import type { NightReport } from '../report.ts';
import { freshDisproofs, freshDivergences, gone } from '../verdict.ts';
import { headline } from './headline.ts';

/** Changes with every change of the payload that a receiver could notice, other than a new field. */
const VERSION = 1;

/** JSON text. */
export function payload(night: NightReport): string {
  const { startedAt, finishedAt, seconds, exitCode, interrupted, campaigns, coverage, comparison, folder } = night;
  return JSON.stringify({
    version: VERSION,
    event: 'night',
    msrdiff: night.msrdiff,
    headline: headline(night),
    ...{ startedAt, finishedAt, seconds, exitCode, interrupted, folder },
    divergences: freshDivergences(night).map(({ id, change, kind, subject, profile, rules, message, size, cases }) => ({
      ...{ id, change, kind, subject, profile, rules, message, size, cases },
    })),
    seenAgain: night.divergences.length - freshDivergences(night).length,
    noLongerDiverge: gone(night).map(({ id, status }) => ({ id, status })),
    mismatches: night.conformance
      .filter(({ mismatches }) => mismatches > 0)
      .map(({ recording, engine, mismatches, checks, known }) => ({ recording, engine, mismatches, checks, known })),
    disproofs: freshDisproofs(night).map(({ args, divergence, certificate }) => ({ args, divergence, certificate })),
    steps: night.steps.map(({ kind, name, state, seconds, message }) => ({ kind, name, state, seconds, message })),
    campaigns: campaigns.map(({ id, profile, seed, cases, accesses, seconds }) => ({
      ...{ id, profile, seed, cases, accesses, seconds },
    })),
    coverage: { features: coverage.features.length, of: coverage.of, pairs: coverage.pairs },
    throughput: { casesPerSecond: perSecond(campaigns, 'cases'), accessesPerSecond: perSecond(campaigns, 'accesses') },
    since: comparison && { night: comparison.with, lost: comparison.lost, gained: comparison.gained },
  });
}
