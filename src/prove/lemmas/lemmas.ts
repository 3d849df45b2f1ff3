/**
 * The lemmas that carry what `msrdiff prove` shows for some filters to filters with any number of ranges and any
 * values. docs/lemmas.md says how they fit together, and what they leave to prose.
 */
import { BITMAP_SIZE_LEMMAS } from './bitmap-size.ts';
import { COMPILE_LEMMAS } from './compile.ts';
import { COVERAGE_LEMMAS } from './coverage.ts';
import { FLAG_LEMMAS } from './flags.ts';
import { INTERCEPT_LEMMAS } from './intercept.ts';
import type { Lemma } from './lemma.ts';
import { PAGE_LEMMAS } from './pages.ts';
import { POSITION_LEMMAS } from './positions.ts';
import { SEGMENT_LEMMAS } from './segments.ts';
import { SLOT_LEMMAS } from './slots.ts';
import { VERDICT_LEMMAS } from './verdict.ts';

/** In the order of the argument: what a filter is, what it covers, how each engine looks it up, what follows. */
export const LEMMAS: readonly Lemma[] = [
  ...FLAG_LEMMAS,
  ...BITMAP_SIZE_LEMMAS,
  ...COVERAGE_LEMMAS,
  ...COMPILE_LEMMAS,
  ...PAGE_LEMMAS,
  ...SLOT_LEMMAS,
  ...SEGMENT_LEMMAS,
  ...POSITION_LEMMAS,
  ...INTERCEPT_LEMMAS,
  ...VERDICT_LEMMAS,
];
