import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { reference } from '../engines/reference.ts';
import { catalogueBase } from '../model/catalogue.ts';
import type { MsrFilter, MsrFilterRange } from '../model/filter.ts';
import { KERNEL_PROFILES, NEWEST_PROFILE } from '../model/profile.ts';
import type { Scenario } from '../model/scenario.ts';
import type { AccessType } from '../model/verdict.ts';
import { msrFilter } from './arbitrary.ts';
import { RELATIONS, transform } from './metamorphic.ts';

const asScenario = (filter: MsrFilter): Scenario => ({ events: [{ kind: 'filter', filter }] });
const filterOf = (scenario: Scenario): MsrFilter => (scenario.events[0] as { filter: MsrFilter }).filter;

/** Every index at which a decision can change, and one inside each bitmap word of small ranges. */
function edges(filters: readonly MsrFilter[]): number[] {
  const found = new Set([0, 0x7ff, 0x800, 0x8ff, 0x900, 0xffff_ffff]);
  for (const { base, nmsrs } of filters.flatMap(({ ranges }) => ranges)) {
    const half = nmsrs >>> 1;
    for (const offset of [-1, 0, 1, 63, 64, half - 1, half, half + 1, nmsrs - 1, nmsrs, nmsrs + 1]) {
      found.add((base + offset) >>> 0);
    }
    for (let bit = 0; bit < Math.min(nmsrs, 130); bit++) found.add((base + bit) >>> 0);
  }
  return [...found];
}

const RANGE: MsrFilterRange = { flags: 3, nmsrs: 9, base: 0x10, bitmap: new Uint8Array(8).fill(0x55) };
const OTHER: MsrFilterRange = { ...RANGE, base: 0x40, bitmap: new Uint8Array(8).fill(0x33) };
const WRAPPED: MsrFilterRange = { ...RANGE, base: 0xffff_fffc };

describe.each(RELATIONS)('$name', (relation) => {
  it.each(KERNEL_PROFILES)('changes no decision on $id', (profile) => {
    const [before, after] = [0, 1].map(() => reference.createVm({ profile, base: catalogueBase() }));
    let applied = 0;
    const check = (filter: MsrFilter): void => {
      const changed = transform(asScenario(filter), relation);
      if (!changed) return;
      applied++;
      const other = filterOf(changed);
      expect(before!.setFilter(filter, 'normal')).toBe(0);
      expect(after!.setFilter(other, 'normal')).toBe(0);
      for (const index of edges([filter, other])) {
        for (const type of [0, 1] as AccessType[]) {
          if (before!.allows!(index, type) === after!.allows!(index, type)) continue;
          expect.fail(`0x${index.toString(16)}, type ${type}`);
        }
      }
    };
    // Wrapped ranges are rare: every filter is tried with one more as well.
    fc.assert(
      fc.property(msrFilter({ profile }), (filter) => {
        check(filter);
        check({ ...filter, ranges: [...filter.ranges.slice(0, 14), WRAPPED, OTHER] });
      }),
      { seed: 12, numRuns: 250 },
    );
    expect(applied).toBeGreaterThan(60);
  });

  it('changes something, leaves its argument alone, and gives the same again', () => {
    const filter: MsrFilter = { flags: 1, ranges: [RANGE, WRAPPED, OTHER] };
    const copy = structuredClone(filter);
    const changed = transform(asScenario(filter), relation)!;
    expect(filterOf(changed)).not.toEqual(filter);
    expect(filter).toEqual(copy);
    expect(transform(asScenario(filter), relation)).toEqual(changed);
  });

  it('does not apply to a filter that some kernel rejects', () => {
    for (const bad of [
      { ...RANGE, flags: 0 },
      { ...RANGE, nmsrs: 12289 },
      { ...RANGE, bitmap: null },
      { ...RANGE, bitmap: new Uint8Array(7) },
    ]) {
      expect(transform(asScenario({ flags: 0, ranges: [RANGE, WRAPPED, OTHER, bad] }), relation)).toBeUndefined();
    }
    expect(transform(asScenario({ flags: 2, ranges: [RANGE, WRAPPED, OTHER] }), relation)).toBeUndefined();
    expect(transform({ events: [{ kind: 'cap', mask: 7n }] }, relation)).toBeUndefined();
  });

  it('never makes more than 16 ranges', () => {
    const full: MsrFilter = { flags: 1, ranges: Array.from({ length: 16 }, (_, i) => ({ ...RANGE, base: i * 0x40 })) };
    const changed = transform(asScenario(full), relation);
    if (changed) expect(filterOf(changed).ranges.length).toBeLessThanOrEqual(16);
  });
});

it('the relations have names of their own', () => {
  expect(new Set(RELATIONS.map(({ name }) => name)).size).toBe(RELATIONS.length);
  expect(NEWEST_PROFILE.x2apicExempt).toBe(true);
});
