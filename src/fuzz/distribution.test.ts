/**
 * That the fast generator and the fast-check arbitrary draw one distribution, and that full-size bitmaps are what plain
 * fast-check draws: fair, independent bits. Seeds are fixed; a test fails if p is under SIGNIFICANCE divided by the
 * number of tests of its kind (Bonferroni). Each kind is shown to tell a small skew apart.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MsrFilter } from '../model/filter.ts';
import { NEWEST_PROFILE } from '../model/profile.ts';
import { msrFilter } from './arbitrary.ts';
import { BIT_STATISTICS, BitCounts, FAIR } from './bit-statistics.fixture.ts';
import { allCandidates } from './case.ts';
import { fairness, homogeneity, survival } from './chi-square.fixture.ts';
import { FEATURE_NAMES, FeatureCounts, type FeatureName } from './filter-features.fixture.ts';
import { fullSizeFromBytes, fullSizeSource } from './full-size.fixture.ts';
import { BitmapPool, generateFilter } from './generate.ts';
import { Random } from './random.ts';
import { KNOB_VALUE_NAMES, NEUTRAL_STEERING, Policy, type Steering } from './space.ts';

const SIGNIFICANCE = 0.001;

describe('the chi-square distribution', () => {
  // NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.4, upper critical values.
  it.each([
    [3.841, 1, 0.05],
    [10.828, 1, 0.001],
    [5.991, 2, 0.05],
    [20.515, 5, 0.001],
    [18.307, 10, 0.05],
    [29.588, 10, 0.001],
    [43.773, 30, 0.05],
    [59.703, 30, 0.001],
    [124.342, 100, 0.05],
    [149.449, 100, 0.001],
  ])('has %f at %i degrees of freedom where the table says %f', (x, freedom, p) => {
    expect(survival(x, freedom) / p).toBeCloseTo(1, 2);
  });

  it('has a closed form at two degrees of freedom', () => {
    for (const x of [0.01, 0.5, 3, 4, 5, 20, 100, 400]) expect(survival(x, 2) / Math.exp(-x / 2)).toBeCloseTo(1, 10);
  });

  it('gives p under 5 % for about 5 % of samples from one distribution', () => {
    const random = new Random(11);
    const sample = () => {
      const counts = new Map<number, number>();
      for (let n = 0; n < 400; n++) {
        const value = random.below(6);
        counts.set(value, (counts.get(value) ?? 0) + 1);
      }
      return counts;
    };
    const ps = Array.from({ length: 2000 }, () => homogeneity(sample(), sample()));
    const share = ps.filter((p) => p < 0.05).length / ps.length;
    // Four standard deviations.
    expect(Math.abs(share - 0.05)).toBeLessThan(0.0195);
  });
});

const FILTERS = 40_000;

function drawnByGenerator(seed: number, steering: Steering = NEUTRAL_STEERING): FeatureCounts {
  const [policy, pool, candidates] = [new Policy(), new BitmapPool(), allCandidates(NEWEST_PROFILE)];
  const features = new FeatureCounts();
  for (let number = 0; number < FILTERS; number++) {
    const choices = new Random(seed, number);
    policy.reset(choices, steering);
    pool.reset();
    features.add(generateFilter({ choices, policy, pool, candidates }, undefined));
  }
  return features;
}

/** One weight of one knob a quarter higher: the least that steering can do. */
function skewed(pair: string): Steering {
  const place = KNOB_VALUE_NAMES.indexOf(pair);
  expect(place, pair).toBeGreaterThanOrEqual(0);
  return NEUTRAL_STEERING.map((weight, i) => (i === place ? weight + 1 : weight));
}

describe(`of ${FILTERS} filters each, the generator and the arbitrary draw the same`, () => {
  const own = drawnByGenerator(21);
  const theirs = new FeatureCounts();
  const add = (filter: MsrFilter): void => theirs.add(filter);
  fc.assert(fc.property(msrFilter(), add), { seed: 22, numRuns: FILTERS });
  const least = SIGNIFICANCE / FEATURE_NAMES.length;

  it.each(FEATURE_NAMES)('%s', (name) => {
    expect(homogeneity(own.counts.get(name)!, theirs.counts.get(name)!)).toBeGreaterThan(least);
    expect(own.counts.get(name)!.size, 'classes').toBeGreaterThan(3);
  });

  it.each<[string, FeatureName]>([
    ['rangeCount=few', 'number of ranges'],
    ['filterFlags=allow', 'filter flags'],
    ['rangeFlags=both', 'range flags'],
    ['extent=one', 'nmsrs'],
    ['bitmap=random', 'bitmap content'],
    ['buffer=exact', 'bitmap length'],
    ['anchor=high', 'base'],
    ['relation=apart', 'relation of the first two'],
  ])('but not if %s is drawn a quarter more often: %s tells', (pair, name) => {
    const other = drawnByGenerator(23, skewed(pair));
    expect(homogeneity(other.counts.get(name)!, theirs.counts.get(name)!)).toBeLessThan(least);
  });
});

const FULL_SIZE = 500;

function bitsOf(next: (number: number) => MsrFilter): BitCounts {
  const counts = new BitCounts();
  for (let n = 0; n < FULL_SIZE; n++) counts.add(next(n));
  return counts;
}

/** One bit of every 16th word set. */
function withStuckBit(filter: MsrFilter): MsrFilter {
  for (const { bitmap } of filter.ranges) for (let at = 0; at < bitmap!.length; at += 64) bitmap![at]! |= 1;
  return filter;
}

/** The last bit of every 16th word is that of the first bit of the next one. */
function withEcho(filter: MsrFilter): MsrFilter {
  for (const { bitmap } of filter.ranges) {
    for (let at = 0; at < bitmap!.length; at += 64)
      bitmap![at + 3] = (bitmap![at + 3]! & 0x7f) | (bitmap![at + 4]! << 7);
  }
  return filter;
}

describe(`the bits of ${FULL_SIZE} full-size filters`, () => {
  const own = bitsOf(fullSizeSource(31));
  const sample = fc.sample(fullSizeFromBytes, { seed: 32, numRuns: FULL_SIZE });
  const theirs = bitsOf((n) => sample[n]!);
  const least = SIGNIFICANCE / (3 * BIT_STATISTICS.length);

  it.each(BIT_STATISTICS)('%s: the same as plain fast-check draws, and as fair bits have', (name) => {
    expect(homogeneity(own.of(name), theirs.of(name)), 'both').toBeGreaterThan(least);
    expect(fairness(own.of(name), FAIR[name]), 'generator').toBeGreaterThan(least);
    expect(fairness(theirs.of(name), FAIR[name]), 'fast-check').toBeGreaterThan(least);
  });

  it('are 16 x 12,288 in every filter', () => {
    const next = fullSizeSource(33);
    for (const { ranges } of [next(), next(), ...sample]) {
      expect(ranges.map(({ bitmap }) => bitmap?.length)).toEqual(new Array(16).fill(1536));
    }
  });

  it('differ if one bit in 512 is stuck', () => {
    const next = fullSizeSource(34);
    const stuck = bitsOf(() => withStuckBit(next()));
    expect(homogeneity(stuck.of('ones in a 32-bit word'), theirs.of('ones in a 32-bit word'))).toBeLessThan(least);
    expect(homogeneity(stuck.of('value of a byte'), theirs.of('value of a byte'))).toBeLessThan(least);
    expect(fairness(stuck.of('which bit of a word is set'), FAIR['which bit of a word is set'])).toBeLessThan(least);
  });

  it('differ if one word in 16 ends with the bit that follows', () => {
    const next = fullSizeSource(35);
    const name = 'last bit of a word and first of the next';
    const echo = bitsOf(() => withEcho(next()));
    expect(homogeneity(echo.of(name), theirs.of(name))).toBeLessThan(least);
  });

  it('fill() draws the words that u32() draws', () => {
    for (const length of [0, 1, 2, 3, 4, 5, 7, 383, 384]) {
      const [one, other] = [new Random(5, length), new Random(5, length)];
      const words = new Uint32Array(length);
      one.fill(words, 0, length);
      expect([...words]).toEqual(Array.from({ length }, () => other.u32()));
      expect(one.u32()).toBe(other.u32());
    }
  });
});
