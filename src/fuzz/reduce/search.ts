/** The state of one reduction: the smallest scenario so far that still shows the divergence. */

import type { BaseOutcome } from '../../model/base.ts';
import type { Scenario } from '../../model/scenario.ts';
import { formatScenario } from '../../model/scenario-json.ts';
import type { AccessType } from '../../model/verdict.ts';
import type { Observation } from '../compare.ts';
import { type Cost, compareCost, costOf } from './order.ts';

/** Evaluations that one reduction may spend. */
export const MAX_EVALUATIONS = 1500;

/** Whether a scenario shows the divergence: where, or undefined. */
export type Predicate = (scenario: Scenario) => Observation | undefined;

/** Offers the search smaller scenarios. */
export type Move = (search: Search) => void;

/** What moves know of the MSRs. */
export interface Places {
  /** Indices that rules treat differently, and pass-through candidates: where to move what depends on them. */
  readonly landmarks: readonly number[];
  /** Indices that pass through from the creation of the vCPU on. */
  readonly always: readonly number[];
  /** The lowest accesses that KVM handles, does not know, and rejects, where no filter decides. */
  readonly exemplars: readonly { readonly index: number; readonly type: AccessType }[];
  /** What KVM does with the access where no filter decides; an exit mask must fit it. */
  readonly outcome: (index: number, type: AccessType) => BaseOutcome;
}

export class Search {
  scenario: Scenario;
  observation: Observation;
  /** Predicate calls so far; what is cached is not counted. */
  evaluations = 0;
  readonly places: Places;
  predicate: Predicate;
  private cost: Cost;
  private readonly rejected = new Set<string>();
  private readonly isTooDear: () => boolean;

  /** `isTooDear`: evaluations have cost so much that there are to be no more. */
  constructor(
    scenario: Scenario,
    observation: Observation,
    predicate: Predicate,
    places: Places,
    isTooDear: () => boolean = () => false,
  ) {
    this.scenario = scenario;
    this.observation = observation;
    this.predicate = predicate;
    this.cost = costOf(scenario);
    this.places = places;
    this.isTooDear = isTooDear;
  }

  get exhausted(): boolean {
    return this.evaluations >= MAX_EVALUATIONS || this.isTooDear();
  }

  /** Replaces the current scenario if the candidate is smaller and shows the divergence. */
  try(candidate: Scenario): boolean {
    const cost = costOf(candidate);
    if (compareCost(cost, this.cost) >= 0 || this.exhausted) return false;
    // Large scenarios are not worth a key: they are never met twice.
    const key = cost.numbers[2]! <= 64 ? formatScenario(candidate) : undefined;
    if (key !== undefined && this.rejected.has(key)) return false;
    this.evaluations++;
    const observation = this.predicate(candidate);
    if (!observation) {
      if (key !== undefined) this.rejected.add(key);
      return false;
    }
    this.scenario = candidate;
    this.observation = observation;
    this.cost = cost;
    return true;
  }

  /** The first of the candidates, smallest first, that holds. */
  trySmallest(candidates: readonly Scenario[]): boolean {
    const ranked = candidates.map((scenario) => ({ scenario, cost: costOf(scenario) }));
    ranked.sort((a, b) => compareCost(a.cost, b.cost));
    for (const { scenario, cost } of ranked) {
      if (compareCost(cost, this.cost) >= 0) return false;
      if (this.try(scenario)) return true;
    }
    return false;
  }

  /** Another predicate from here on: what was rejected under the old one may hold. */
  relax(predicate: Predicate): void {
    this.predicate = predicate;
    this.rejected.clear();
    this.evaluations++;
    this.observation = predicate(this.scenario) ?? this.observation;
  }
}
