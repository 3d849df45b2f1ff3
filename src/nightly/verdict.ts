/** What was found in a night, and which exit code it ends with. */
import { Exit } from '../model/exit.ts';
import type { NightConformance, NightDivergence, NightProof, NightRecheck, NightReport, StepState } from './report.ts';

type Found = Pick<NightReport, 'divergences' | 'conformance' | 'proofs'>;

/** Divergences that somebody has to look at. */
export function freshDivergences({ divergences }: Pick<NightReport, 'divergences'>): NightDivergence[] {
  return divergences.filter(({ change }) => change !== 'seen');
}

/** Recordings that an engine differs from, as it did not in the last night. */
export function freshMismatches({ conformance }: Pick<NightReport, 'conformance'>): NightConformance[] {
  return conformance.filter(({ mismatches, known }) => mismatches > 0 && !known);
}

/** Disproofs that the last night did not have; those by divergences known before are not new. */
export function freshDisproofs({ proofs, divergences }: Pick<NightReport, 'proofs' | 'divergences'>): NightProof[] {
  const old = new Set(divergences.filter(({ change }) => change === 'seen').map(({ id }) => id));
  return proofs.filter(({ outcome, divergence, known }) => {
    if (outcome !== 'disproven') return false;
    return divergence === null ? !known : !old.has(divergence);
  });
}

/** Things that were not there before: divergences, disproofs that are none of them, recordings that do not hold. */
export function findingsOf(night: Found): number {
  const fresh = freshDivergences(night);
  const told = new Set(fresh.map(({ id }) => id));
  const disproofs = freshDisproofs(night).filter(({ divergence }) => !(divergence && told.has(divergence)));
  return fresh.length + disproofs.length + freshMismatches(night).length;
}

/** Triaged or known ones that have ended: somebody may mark them fixed. */
export function gone({ rechecks }: Pick<NightReport, 'rechecks'>): NightRecheck[] {
  return rechecks.filter(({ result, status }) => result === 'agrees' && status !== 'fixed');
}

/** Of states that say that a step did not do its work, the gravest first. */
const CODES: readonly (readonly [readonly StepState[], Exit])[] = [
  [['crashed', 'hung'], Exit.INTERNAL],
  [['refused'], Exit.USAGE],
  [['unavailable'], Exit.ENGINE_UNAVAILABLE],
];

export function exitCodeOf(night: Found & Pick<NightReport, 'interrupted' | 'steps'>): Exit {
  if (night.interrupted) return Exit.INTERRUPTED;
  if (findingsOf(night) > 0) return Exit.DIVERGED;
  return CODES.find(([states]) => night.steps.some(({ state }) => states.includes(state)))?.[1] ?? Exit.OK;
}
