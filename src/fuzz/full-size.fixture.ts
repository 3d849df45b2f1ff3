/** Full-size filters, 16 ranges of 12,288 random bits: what draws them with the generator, and with fast-check alone. */
import fc, { type Arbitrary } from 'fast-check';
import type { MsrFilter } from '../model/filter.ts';
import { NEWEST_PROFILE } from '../model/profile.ts';
import { allCandidates } from './case.ts';
import { BitmapPool, type FilterContext, generateFilter } from './generate.ts';
import { type Choices, Random } from './random.ts';
import { type Knob, type KnobValue, NEUTRAL_STEERING, Policy } from './space.ts';

/** Steering cannot do it: a case may leave out any value of a knob, the favoured one too. */
const FIXED: { readonly [K in Knob]?: KnobValue<K> } = {
  origin: 'fresh',
  rangeCount: 'full',
  extent: 'full',
  bitmap: 'random',
  buffer: 'exact',
  rangeFlags: 'both',
};

class FullSizePolicy extends Policy {
  override draw<K extends Knob>(choices: Choices, knob: K): KnobValue<K> {
    return (FIXED[knob] as KnobValue<K> | undefined) ?? super.draw(choices, knob);
  }
}

/** The generator's, one after the other from one seed; each shares its bitmaps' memory with the next. */
export function fullSizeSource(seed: number): () => MsrFilter {
  const [policy, pool, choices] = [new FullSizePolicy(), new BitmapPool(), new Random(seed)];
  const context: FilterContext = { choices, policy, pool, candidates: allCandidates(NEWEST_PROFILE) };
  return () => {
    policy.reset(choices, NEUTRAL_STEERING);
    pool.reset();
    return generateFilter(context, undefined);
  };
}

const BYTES = 1536;
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });

function fullSize(bitmap: Arbitrary<Uint8Array>): Arbitrary<MsrFilter> {
  const range = fc.record({ flags: fc.constant(3), nmsrs: fc.constant(8 * BYTES), base: u32, bitmap });
  const ranges = fc.array(range, { minLength: 16, maxLength: 16 });
  // Without bias: otherwise the bits are not independent and fair.
  return fc.noBias(fc.record({ flags: fc.integer({ min: 0, max: 1 }), ranges }));
}

export const fullSizeFromBytes = fullSize(fc.uint8Array({ minLength: BYTES, maxLength: BYTES }));
export const fullSizeFromWords = fullSize(
  fc.int32Array({ minLength: BYTES / 4, maxLength: BYTES / 4 }).map((words) => new Uint8Array(words.buffer)),
);
