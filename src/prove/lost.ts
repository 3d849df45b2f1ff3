/** What was run on one filter where an engine did not come back: a scenario that shows it again. */

import type { MsrFilter } from '../model/filter.ts';
import { parseFilter } from '../model/filter-json.ts';
import { findProfile } from '../model/profile.ts';
import { AccessType } from '../model/verdict.ts';
import { BATCH } from './answers.ts';
import type { BruteForcePlan, PartitionPlan, RandomPlan } from './plan.ts';
import { FilterSource, SHARD_FILTERS, somePoints } from './random-filters.ts';
import { Trial, type TrialPlan } from './trial.ts';

/** The batch that begins at MSR index `place`. */
export function bruteForceScenarioAt(plan: BruteForcePlan, place: number): string {
  const filter = parseFilter(JSON.parse(plan.filter), 'the filter of the plan');
  return scenarioOf(
    plan,
    filter,
    Uint32Array.from({ length: BATCH }, (_, i) => place + i),
  );
}

/** The filter's cuts and some indices of each range. */
export function partitionScenario(plan: PartitionPlan): string {
  const filter = parseFilter(JSON.parse(plan.filter), 'the filter of the plan');
  return scenarioOf(plan, filter, somePoints(filter, 0));
}

/** The same of filter `place` of the shard. */
export function randomScenarioAt(plan: RandomPlan, shard: number, place: number): string {
  const number = shard * SHARD_FILTERS + place;
  const filter = new FilterSource(plan.seed, findProfile(plan.profile)!).filter(number);
  return scenarioOf(plan, filter, somePoints(filter, number));
}

function scenarioOf(plan: TrialPlan, filter: MsrFilter, indices: Uint32Array): string {
  const types = new Uint8Array(indices.length * 2).fill(AccessType.WRITE, indices.length);
  return new Trial(plan, []).scenario([...indices, ...indices], types, filter);
}
