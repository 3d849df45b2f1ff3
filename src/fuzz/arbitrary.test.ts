import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countAccesses } from '../engines/runner.ts';
import type { MsrFilter } from '../model/filter.ts';
import { NEWEST_PROFILE } from '../model/profile.ts';
import type { Scenario } from '../model/scenario.ts';
import { formatScenario, parseScenario, scenarioToJson } from '../model/scenario-json.ts';
import { msrFilter, msrFilterRange, scenario } from './arbitrary.ts';
import { allCandidates, CaseGenerator } from './case.ts';
import { BitmapPool, generateFilter } from './generate.ts';
import { Random } from './random.ts';
import { compareCost, costOf } from './reduce/order.ts';
import { NEUTRAL_STEERING, Policy } from './space.ts';

const asScenario = (filter: MsrFilter): Scenario => ({ events: [{ kind: 'filter', filter }] });

describe('the arbitraries', () => {
  it('give the same values for the same seed, and others for another', () => {
    const texts = (seed: number) => fc.sample(scenario(), { seed, numRuns: 50 }).map(formatScenario);
    expect(texts(7)).toEqual(texts(7));
    expect(texts(7)).not.toEqual(texts(8));
    const filters = (seed: number) => fc.sample(msrFilter(), { seed, numRuns: 50 });
    expect(filters(7)).toEqual(filters(7));
  });

  it('give values of their own: later ones do not change earlier ones', () => {
    const values: Scenario[] = [];
    const texts: string[] = [];
    fc.assert(
      fc.property(scenario(), (value) => {
        values.push(value);
        texts.push(formatScenario(value));
      }),
      { seed: 1, numRuns: 100 },
    );
    expect(values.map(formatScenario)).toEqual(texts);
  });

  it('keep to the number of accesses', () => {
    for (const value of fc.sample(scenario({ accesses: 40 }), { seed: 2, numRuns: 300 })) {
      expect(countAccesses(value)).toBeLessThanOrEqual(40);
    }
  });

  it('survive the JSON codec', () => {
    fc.assert(
      fc.property(scenario(), (value) => {
        const text = formatScenario(value);
        const back = parseScenario(JSON.parse(text), 'value');
        expect(formatScenario(back)).toBe(text);
        expect(compareCost(costOf(back), costOf(value))).toBe(0);
      }),
      { seed: 3, numRuns: 300 },
    );
  });

  it('draw ranges as well', () => {
    const ranges = fc.sample(msrFilterRange(), { seed: 4, numRuns: 500 });
    expect(new Set(ranges.map(({ flags }) => flags)).size).toBeGreaterThan(4);
    expect(ranges.some(({ bitmap }) => bitmap === null)).toBe(true);
    expect(ranges.some(({ nmsrs }) => nmsrs > 12288)).toBe(true);
  });
});

describe('shrinking', () => {
  it('goes to strictly smaller values only', () => {
    const arbitrary = scenario({ accesses: 16 });
    for (const value of fc.sample(arbitrary, { seed: 5, numRuns: 25 })) {
      const cost = costOf(value);
      let count = 0;
      for (const smaller of arbitrary.shrink(value, undefined)) {
        expect(compareCost(costOf(smaller.value), cost)).toBeLessThan(0);
        if (++count === 300) break;
      }
      expect(count).toBeGreaterThan(0);
    }
  });

  it('leaves the value alone', () => {
    const arbitrary = msrFilter();
    for (const value of fc.sample(arbitrary, { seed: 6, numRuns: 50 })) {
      const before = formatScenario(asScenario(value));
      for (const _ of arbitrary.shrink(value, undefined).take(500));
      expect(formatScenario(asScenario(value))).toBe(before);
    }
  });

  it('ends, in something small', () => {
    const denies = (value: Scenario): boolean =>
      value.events.some(
        (event) => event.kind === 'filter' && event.filter.flags === 1 && event.filter.ranges.some((r) => r.nmsrs > 64),
      );
    const result = fc.check(
      fc.property(scenario(), (value) => !denies(value)),
      { seed: 8, numRuns: 500 },
    );
    expect(result.failed).toBe(true);
    const [smallest] = result.counterexample!;
    expect(smallest.events).toHaveLength(1);
    expect(scenarioToJson(smallest).events[0]).toMatchObject({
      filter: { flags: 'deny', ranges: [{ base: '0x0', nmsrs: 65 }] },
    });
    expect(result.numShrinks).toBeLessThan(1000);
  });

  it('ends where nothing fails', () => {
    const arbitrary = msrFilter();
    let [value] = fc.sample(arbitrary, { seed: 9, numRuns: 1 }) as [MsrFilter];
    let steps = 0;
    for (;;) {
      const [next] = [...arbitrary.shrink(value, undefined).take(1)];
      if (!next) break;
      value = next.value_;
      steps++;
    }
    expect(value).toEqual({ flags: 0, ranges: [] });
    expect(steps).toBeLessThan(100);
  });

  it('works on any well-formed value, and on nothing else', () => {
    const filter: MsrFilter = { flags: 9, ranges: [{ flags: 7, nmsrs: 3, base: 5, bitmap: null }] };
    expect(msrFilter().canShrinkWithoutContext(filter)).toBe(true);
    expect(msrFilterRange().canShrinkWithoutContext(filter.ranges[0])).toBe(true);
    expect(scenario().canShrinkWithoutContext(asScenario(filter))).toBe(true);
    const bad = [null, 3, {}, { flags: -1, ranges: [] }, { flags: 0, ranges: new Array(17).fill(filter.ranges[0]) }];
    for (const value of bad) expect(msrFilter().canShrinkWithoutContext(value), JSON.stringify(value)).toBe(false);
    expect(scenario().canShrinkWithoutContext({ events: [{ kind: 'reboot' }] })).toBe(false);
    const uneven = { indices: new Uint32Array(2), types: new Uint8Array(1) };
    expect(scenario().canShrinkWithoutContext({ events: [{ kind: 'access', batch: uneven }] })).toBe(false);
    expect(msrFilterRange().canShrinkWithoutContext({ ...filter.ranges[0], base: 2 ** 32 })).toBe(false);
  });
});

const SAMPLES = 4000;

/** Filters of the generator as a campaign draws them. */
function fastFilters(): MsrFilter[] {
  const [policy, pool, candidates] = [new Policy(), new BitmapPool(), allCandidates(NEWEST_PROFILE)];
  return Array.from({ length: SAMPLES }, (_, number) => {
    const choices = new Random(77, number);
    policy.reset(choices, NEUTRAL_STEERING);
    pool.reset();
    const filter = generateFilter({ choices, policy, pool, candidates }, undefined);
    // Bitmaps are not looked at: they may be reused.
    return filter;
  });
}

const LIMITS = [0, 1, 8, 64, 1024, 8191, 12288];
const FEATURES: Record<string, (filter: MsrFilter) => (string | number)[]> = {
  'number of ranges': ({ ranges }) => [ranges.length],
  'filter flags': ({ flags }) => [Math.min(flags, 2)],
  'range flags': ({ ranges }) => ranges.map(({ flags }) => Math.min(flags, 4)),
  nmsrs: ({ ranges }) => ranges.map(({ nmsrs }) => LIMITS.findIndex((limit) => nmsrs <= limit)),
  'where ranges lie': ({ ranges }) => ranges.map(({ base }) => base >>> 28),
  'bitmap size': ({ ranges }) =>
    ranges.map(({ nmsrs, bitmap }) =>
      bitmap === null ? 'null' : Math.sign(bitmap.length - Math.ceil(nmsrs / 64) * 8),
    ),
};

/** Share of the filters that show each value. */
function shares(
  filters: readonly MsrFilter[],
  feature: (filter: MsrFilter) => (string | number)[],
): Map<string, number> {
  const counts = new Map<string, number>();
  for (const filter of filters) {
    for (const value of new Set(feature(filter))) counts.set(String(value), (counts.get(String(value)) ?? 0) + 1);
  }
  return new Map([...counts].map(([value, count]) => [value, count / filters.length]));
}

describe('the distributions of the fast generator and of the arbitrary agree', () => {
  const fast = fastFilters();
  const drawn = fc.sample(msrFilter(), { seed: 10, numRuns: SAMPLES });

  it.each(Object.keys(FEATURES))('in %s', (name) => {
    const [a, b] = [shares(fast, FEATURES[name]!), shares(drawn, FEATURES[name]!)];
    for (const value of new Set([...a.keys(), ...b.keys()])) {
      const [p, q] = [a.get(value) ?? 0, b.get(value) ?? 0];
      // Five standard deviations of the difference of two shares; filters are drawn independently.
      const mean = (p + q) / 2;
      const bound = 5 * Math.sqrt((2 * mean * (1 - mean)) / SAMPLES);
      expect(Math.abs(p - q), `${value}: ${p} and ${q}`).toBeLessThanOrEqual(bound);
    }
  });

  it('in events of scenarios', () => {
    const generator = new CaseGenerator(NEWEST_PROFILE, 64);
    const kinds = (value: Scenario) => new Set(value.events.map(({ kind }) => kind));
    const count = (sets: Set<string>[], kind: string) => sets.filter((set) => set.has(kind)).length / sets.length;
    const a = Array.from({ length: 2000 }, (_, number) => kinds(generator.generate(new Random(78, number))));
    const b = fc.sample(scenario(), { seed: 11, numRuns: 2000 }).map(kinds);
    for (const kind of ['filter', 'cap', 'apic', 'candidates', 'access', 'reply', 'nested', 'ignoreMsrs']) {
      expect(Math.abs(count(a, kind) - count(b, kind)), kind).toBeLessThan(0.06);
    }
  });
});
