/**
 * Access streams. Interesting indices of the filters in force go into a table of up to 128 entries; a run of accesses
 * is one table entry, a direction, and an offset inside the entry's spread, all from one random word.
 */
import type { Candidate } from '../model/catalogue.ts';
import type { MsrFilter } from '../model/filter.ts';
import type { Choices } from './random.ts';
import { LANDMARKS, type Policy } from './space.ts';

const MAX_ENTRIES = 128;

/** Neighbouring indices of one run. */
const RUN = 8;
/** Entries that one draw of the policy decides on. */
const ENTRIES_PER_DRAW = 4;

export class AccessTable {
  private readonly start = new Uint32Array(MAX_ENTRIES);
  /** Offset mask, 2^n - 1. */
  private readonly spread = new Uint32Array(MAX_ENTRIES);
  /** Entries in use less one; their number is a power of two. */
  private mask = 0;

  /**
   * Aims at the ranges of `filters` (newest last), at landmarks, candidates and anywhere, as the policy says. There are
   * no more entries than `accesses` make runs.
   */
  build(
    choices: Choices,
    policy: Policy,
    filters: readonly MsrFilter[],
    candidates: readonly Candidate[],
    accesses: number,
  ): void {
    const runs = Math.ceil(accesses / (2 * RUN));
    const entries = Math.min(MAX_ENTRIES, Math.max(ENTRIES_PER_DRAW, 2 ** Math.ceil(Math.log2(runs))));
    this.mask = entries - 1;
    const ranges = filters.flatMap((filter) => filter.ranges);
    for (let entry = 0; entry < entries; entry += ENTRIES_PER_DRAW) {
      const target = policy.draw(choices, 'target');
      for (let i = entry; i < entry + ENTRIES_PER_DRAW; i++) {
        const range = ranges.length > 0 ? ranges[choices.below(ranges.length)] : undefined;
        if (range && target === 'edges') this.put(i, edge(choices, range.base, range.nmsrs) - choices.below(RUN), 0);
        else if (range && target === 'inside') this.putInside(i, choices, range.base, range.nmsrs);
        else if (target === 'candidates')
          this.put(i, candidates[choices.below(candidates.length)]!.index - choices.below(RUN), 0);
        else if (target === 'anywhere') this.put(i, choices.u32(), 0x1fff);
        else this.put(i, LANDMARKS[choices.below(LANDMARKS.length)]! - choices.below(RUN), 0);
      }
    }
  }

  /**
   * Fills both arrays. One word makes a run of accesses: a few neighbouring indices, up or down, each in both
   * directions. Neighbours are where mistakes at edges show, what depends on the access before is met as well, and
   * engines are not slowed down by a branch that no predictor can guess at every single access.
   */
  fill(choices: Choices, indices: Uint32Array, types: Uint8Array): void {
    const { start, spread, mask } = this;
    const length = indices.length;
    for (let i = 0; i < length; i += RUN * 2) {
      const word = choices.u32();
      const entry = word & mask;
      const step = ((word >>> 9) & 1) === 0 ? 1 : -1;
      const type = (word >>> 8) & 1;
      let index = start[entry]! + ((word >>> 10) & spread[entry]!) + (step === 1 ? 0 : RUN - 1);
      const end = Math.min(i + RUN * 2, length - 1);
      for (let at = i; at < end; at += 2) {
        indices[at] = index;
        indices[at + 1] = index;
        types[at] = type;
        types[at + 1] = type ^ 1;
        index += step;
      }
    }
    if ((length & 1) === 1) {
      indices[length - 1] = start[choices.u32() & mask]!;
      types[length - 1] = 0;
    }
  }

  private put(entry: number, start: number, spread: number): void {
    this.start[entry] = start;
    this.spread[entry] = spread;
  }

  private putInside(entry: number, choices: Choices, base: number, nmsrs: number): void {
    const span = Math.min(Math.max(nmsrs, 2), 0x3000);
    // The largest power of two that stays inside, somewhere inside.
    const spread = 2 ** (31 - Math.clz32(span)) - 1;
    this.put(entry, base + choices.below(span - spread), spread);
  }
}

const WORD_EDGES = [7, 8, 31, 32, 63, 64, 127, 128];

/** An index at or next to where a range begins, ends, wraps to, or crosses a word of its bitmap. */
function edge(choices: Choices, base: number, nmsrs: number): number {
  const end = base + nmsrs;
  switch (choices.below(10)) {
    case 0:
      return base - 1;
    case 1:
      return base;
    case 2:
      return base + 1;
    case 3:
      return end - 2;
    case 4:
    case 5:
      return end - 1;
    case 6:
    case 7:
      return end;
    case 8:
      return end + 1;
    default:
      return base + WORD_EDGES[choices.below(WORD_EDGES.length)]!;
  }
}
