/** Which code settles which kind of proof. */
import type { Engine } from '../engines/contract.ts';
import type { Heartbeat, ProofPlan, ShardProof } from './plan.ts';
import { proveRangesShard, rangesScenarioAt, rangesShards } from './ranges.ts';
import { proveStatesShard, statesScenarioAt, statesShards } from './states.ts';

/** Shards of a proof, numbered from 0. */
export function shardsOf(plan: ProofPlan): number {
  switch (plan.kind) {
    case 'brute-force':
    case 'partition':
    case 'random':
      throw new Error('later');
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
    case 'partition':
    case 'random':
      throw new Error('later');
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
    case 'partition':
    case 'random':
      throw new Error('later');
    case 'ranges':
      return rangesScenarioAt(plan, shard, place);
    case 'states':
      return statesScenarioAt(plan, shard, place);
  }
}
