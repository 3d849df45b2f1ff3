/** Which bound of `msrdiff prove` disproves which planted bug: nothing random. */
import { reference } from '../../src/engines/reference.ts';
import { findProfile, NEWEST_PROFILE } from '../../src/model/profile.ts';
import { unitsOf } from '../../src/prove/classes.ts';
import type { RangesPlan, StatesPlan } from '../../src/prove/plan.ts';
import { proveRangesShard } from '../../src/prove/ranges.ts';
import { proveStatesShard, statesShards } from '../../src/prove/states.ts';
import type { PlantedBug } from './support.ts';

/** The smallest bound that disproves a bug, and what it took. */
export interface Bound {
  readonly bug: PlantedBug;
  /** As options: `--ranges 2`, `--states 3`; undefined: not within the bounds tried. */
  readonly bound: string | undefined;
  /** Frame of the class, for `--ranges`. */
  readonly frame: string;
  /** Filters or sequences run before. */
  readonly cases: number;
  readonly disproof: string;
}

const SILENT = (): void => {};

/** The smallest number of ranges, up to `most`, whose classes show the bug. */
export function rangesBound(bug: PlantedBug, most: number): Bound | undefined {
  const profile = bug.profile ?? NEWEST_PROFILE.id;
  const { bitmap } = bug.engine.capabilities;
  const plan: RangesPlan = { kind: 'ranges', engines: [], profile, ranges: most, vendors: bitmap ? [bitmap] : [] };
  let cases = 0;
  for (const { frame, ranges, firstShard, shards } of unitsOf(plan, findProfile(profile)!)) {
    for (let shard = firstShard; shard < firstShard + shards; shard++) {
      const proof = proveRangesShard(plan, shard, [reference, bug.engine], SILENT);
      cases += proof.cases;
      const { disproof } = proof;
      if (disproof !== null) return { bug, bound: `--ranges ${ranges}`, frame: frame.id, cases, disproof };
    }
  }
  return undefined;
}

/** The shortest sequences of state changes, up to `most`, that show the bug. */
export function statesBound(bug: PlantedBug, most: number): Bound | undefined {
  const profile = bug.profile ?? NEWEST_PROFILE.id;
  let cases = 0;
  for (let length = 1; length <= most; length++) {
    const plan: StatesPlan = { kind: 'states', engines: [], profile, length };
    for (let shard = 0; shard < statesShards(plan); shard++) {
      const proof = proveStatesShard(plan, shard, [reference, bug.engine], SILENT);
      cases += proof.cases;
      const { disproof } = proof;
      if (disproof !== null) return { bug, bound: `--states ${length}`, frame: '', cases, disproof };
    }
  }
  return undefined;
}
