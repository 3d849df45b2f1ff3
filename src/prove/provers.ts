/** Which code settles which kind of proof. */
import type { Engine } from '../engines/contract.ts';
import { bruteForceShards, proveByBruteForce } from './brute-force.ts';
import { bruteForceScenarioAt, partitionScenario, randomScenarioAt } from './lost.ts';
import { partitionShards, proveByPartition } from './partition.ts';
import type { Heartbeat, ProofPlan, ShardProof } from './plan.ts';
import { proveRandomFilters, randomShards } from './random-filters.ts';
import { proveRangesShard, rangesScenarioAt, rangesShards } from './ranges.ts';
import { proveStatesShard, statesScenarioAt, statesShards } from './states.ts';

/** Shards of a proof, numbered from 0. */
export function shardsOf(plan: ProofPlan): number {
  switch (plan.kind) {
    case 'brute-force':
      return bruteForceShards(plan);
    case 'partition':
      return partitionShards(plan);
    case 'random':
      return randomShards(plan);
    case 'ranges':
      return rangesShards(plan);
    case 'states':
      return statesShards(plan);
  }
}

/** Settles one shard in the calling thread. */
export function proveShard(plan: ProofPlan, shard: number, engines: readonly Engine[], beat: Heartbeat): ShardProof {
  switch (plan.kind) {
    case 'brute-force':
      return proveByBruteForce(plan, shard, engines, beat);
    case 'partition':
      return proveByPartition(plan, shard, engines, beat);
    case 'random':
      return proveRandomFilters(plan, shard, engines, beat);
    case 'ranges':
      return proveRangesShard(plan, shard, engines, beat);
    case 'states':
      return proveStatesShard(plan, shard, engines, beat);
  }
}

/** Scenario JSON of what is run at a place that `beat` told. */
export function scenarioAt(plan: ProofPlan, shard: number, place: number): string {
  switch (plan.kind) {
    case 'brute-force':
      return bruteForceScenarioAt(plan, place);
    case 'partition':
      return partitionScenario(plan);
    case 'random':
      return randomScenarioAt(plan, shard, place);
    case 'ranges':
      return rangesScenarioAt(plan, shard, place);
    case 'states':
      return statesScenarioAt(plan, shard, place);
  }
}
