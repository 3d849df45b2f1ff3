/** The night in one line, and what it calls for. Plain text, to be escaped. */
import type { NightReport } from '../report.ts';
import { findingsOf, freshDisproofs, freshDivergences, gone } from '../verdict.ts';

export function headline(night: NightReport): string {
  const found = findingsOf(night);
  const failed = night.steps.filter(({ state }) =>
    ['crashed', 'hung', 'refused', 'unavailable'].includes(state),
  ).length;
  const parts = [found === 0 ? 'nothing new' : `${found} new ${found === 1 ? 'finding' : 'findings'}`];
  if (failed > 0) parts.push(`${failed} ${failed === 1 ? 'step' : 'steps'} failed`);
  const skipped = night.steps.filter(({ state }) => state === 'skipped').length;
  if (skipped > 0) parts.push(`${skipped} skipped`);
  if (night.interrupted) parts.push('interrupted');
  return parts.join(', ');
}

/** What somebody should do now, a line each. */
export function callsFor(night: NightReport): string[] {
  const fresh = freshDivergences(night).map(
    ({ id, change, kind, subject, message }) => `${change} divergence ${id}: ${kind}, ${subject}: ${message}`,
  );
  const mismatches = night.conformance
    .filter(({ mismatches }) => mismatches > 0)
    .map(
      ({ recording, engine, mismatches, checks, known }) =>
        `${engine} ${known ? 'still ' : ''}differs from ${recording}: ${mismatches} of ${checks} answers`,
    );
  const disproofs = freshDisproofs(night).map(({ args }) => `disproven: ${args.join(' ')}`);
  const ended = gone(night).map(({ id, status }) => `${status} divergence ${id} no longer diverges: mark it fixed?`);
  const failed = night.steps
    .filter(({ state }) => ['crashed', 'hung', 'refused', 'unavailable'].includes(state))
    .map(({ kind, name, state, message }) => `${kind} ${name}: ${state}${message ? `: ${message}` : ''}`);
  return [...fresh, ...mismatches, ...disproofs, ...ended, ...failed, ...night.warnings];
}
