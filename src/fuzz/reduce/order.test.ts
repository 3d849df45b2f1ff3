import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatScenario } from '../../model/scenario-json.ts';
import { scenario } from '../arbitrary.ts';
import { compareCost, costOf, sizeOf } from './order.ts';

const RUNS = { numRuns: 60, seed: 3 };

describe('the order of scenarios', () => {
  test('is antisymmetric', () => {
    fc.assert(
      fc.property(scenario(), scenario(), (a, b) => {
        const [ab, ba] = [compareCost(costOf(a), costOf(b)), compareCost(costOf(b), costOf(a))];
        expect(Math.sign(ab)).toBe(-Math.sign(ba) + 0);
      }),
      RUNS,
    );
  });

  test('is transitive', () => {
    fc.assert(
      fc.property(fc.tuple(scenario(), scenario(), scenario()), (list) => {
        const [a, b, c] = list.map(costOf).sort(compareCost);
        expect(compareCost(a!, c!)).toBeLessThanOrEqual(0);
        expect(compareCost(a!, b!)).toBeLessThanOrEqual(0);
        expect(compareCost(b!, c!)).toBeLessThanOrEqual(0);
      }),
      RUNS,
    );
  });

  test('tells scenarios apart whose texts differ', () => {
    fc.assert(
      fc.property(scenario(), scenario(), (a, b) => {
        expect(compareCost(costOf(a), costOf(b)) === 0).toBe(formatScenario(a) === formatScenario(b));
      }),
      RUNS,
    );
  });

  test('puts the size first, and then fewer events', () => {
    const access = (count: number) => ({
      kind: 'access' as const,
      batch: { indices: new Uint32Array(count), types: new Uint8Array(count) },
    });
    const long = { events: [access(9)] };
    const split = { events: [access(1), access(1)] };
    const joined = { events: [access(3)] };
    expect([long, split, joined].map(sizeOf)).toEqual([10, 4, 4]);
    expect(compareCost(costOf(split), costOf(long))).toBeLessThan(0);
    expect(compareCost(costOf(joined), costOf(split))).toBeLessThan(0);
  });
});
