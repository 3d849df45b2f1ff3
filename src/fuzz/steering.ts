/**
 * Steering: knob values whose cases bring new coverage are drawn more often. A plain bandit over (knob, value) pairs,
 * folded in shard order, so that a shard's steering depends on the shards before it and on nothing else.
 */
import { KNOB_VALUE_COUNT, KNOB_VALUE_NAMES, NEUTRAL_STEERING, type Steering } from './space.ts';

/** Of the past, how much counts at each shard: (n - 1) / n. */
const MEMORY_SHARDS = 32;
const MAX_FACTOR = 16;
/** Cases of no news that every value is assumed to have had; keeps rare values from being written off or hailed. */
const PRIOR_USES = 16;

export class SteeringState {
  private readonly uses = new Float64Array(KNOB_VALUE_COUNT);
  private readonly news = new Float64Array(KNOB_VALUE_COUNT);

  fold(uses: readonly number[], news: readonly number[]): void {
    for (let pair = 0; pair < KNOB_VALUE_COUNT; pair++) {
      this.uses[pair] = (this.uses[pair]! * (MEMORY_SHARDS - 1)) / MEMORY_SHARDS + (uses[pair] ?? 0);
      this.news[pair] = (this.news[pair]! * (MEMORY_SHARDS - 1)) / MEMORY_SHARDS + (news[pair] ?? 0);
    }
  }

  /** A factor of 1-16 for each pair, relative to the other values of its knob; 4 is neutral. */
  weights(): Steering {
    const weights = [...NEUTRAL_STEERING];
    for (let first = 0; first < KNOB_VALUE_COUNT; ) {
      let end = first;
      while (end < KNOB_VALUE_COUNT && knobOf(end) === knobOf(first)) end++;
      let uses = 0;
      let news = 0;
      for (let pair = first; pair < end; pair++) {
        uses += this.uses[pair]!;
        news += this.news[pair]!;
      }
      const mean = news / (uses + PRIOR_USES);
      for (let pair = first; pair < end && mean > 0; pair++) {
        const own = (this.news[pair]! + mean * PRIOR_USES) / (this.uses[pair]! + PRIOR_USES);
        weights[pair] = Math.min(MAX_FACTOR, Math.max(1, Math.round((4 * own) / mean)));
      }
      first = end;
    }
    return weights;
  }
}

const KNOB_OF = KNOB_VALUE_NAMES.map((name) => name.slice(0, name.indexOf('=')));
function knobOf(pair: number): string {
  return KNOB_OF[pair]!;
}
