import { describe, expect, test } from 'vitest';
import { sizeOf } from '../../src/fuzz/reduce/order.ts';
import { parseScenario } from '../../src/model/scenario-json.ts';
import { PLANTED_BUGS } from './catalogue.ts';
import { type BugResult, BugRun, profileOf, runCombined } from './suite.ts';

/** Predicate calls that one reduction may cost; each runs the scenario in every engine. */
const MAX_CALLS = 500;
/** Few enough for every change; `npm run planted` takes 20. */
const SEEDS = 2;

describe('the catalogue', () => {
  test('holds at least 60 bugs with names of their own', () => {
    expect(PLANTED_BUGS.length).toBeGreaterThanOrEqual(60);
    expect(new Set(PLANTED_BUGS.map(({ id }) => id)).size).toBe(PLANTED_BUGS.length);
  });
});

describe('the smallest scenario stated by hand', () => {
  test.each(PLANTED_BUGS.map((bug) => [bug.id, bug] as const))('of %s shows it', (_, bug) => {
    expect(sizeOf({ events: bug.example })).toBe(bug.smallest);
    expect(new BugRun(bug).observe({ events: bug.example })).toBeDefined();
  });
});

describe('every planted bug', () => {
  const results: BugResult[] = [];

  test.each(PLANTED_BUGS.map((bug) => [bug.id, bug] as const))('%s is found and reduced', (_, bug) => {
    const result = new BugRun(bug).all(SEEDS);
    results.push(result);
    for (const seed of result.seeds) {
      expect(seed.cases, 'cases until found').toBeDefined();
      expect(seed.form, 'normal form').toBeDefined();
      expect(seed.reliability).toBe(1);
      expect(seed.evaluations).toBeGreaterThan(0);
      expect(seed.evaluations).toBeLessThanOrEqual(MAX_CALLS);
      // The stated smallest size is a claim of its own: nothing smaller may turn up.
      expect(seed.size).toBeGreaterThanOrEqual(bug.smallest);
      const text = seed.form!.slice(seed.form!.indexOf('{'));
      expect(sizeOf(parseScenario(JSON.parse(text), bug.id))).toBe(seed.size);
    }
  });

  test('has one normal form and the smallest size, but for a few', () => {
    expect(results).toHaveLength(PLANTED_BUGS.length);
    const single = results.filter(({ forms }) => forms.length === 1).length;
    expect(single / results.length).toBeGreaterThanOrEqual(0.95);
    const ratios = results.flatMap(({ bug, seeds }) => seeds.map(({ size }) => (size + 1) / (bug.smallest + 1)));
    expect(ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length).toBeLessThanOrEqual(1.02);
  });
});

describe('a campaign over many planted bugs at once', () => {
  test('ends with exactly one divergence for each', () => {
    const bugs = PLANTED_BUGS.filter((bug) => bug.group === 'ioctl' && bug.profile === undefined).slice(0, 12);
    const result = runCombined(bugs, profileOf(bugs[0]!), 1, 4);
    expect(result.extras.map(({ subject, scenario }) => `${subject} ${scenario}`)).toEqual([]);
    expect(result.divergences).toHaveLength(bugs.length);
    expect(result.missing).toEqual([]);
  });
});
