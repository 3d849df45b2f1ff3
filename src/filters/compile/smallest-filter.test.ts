import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { REAL_FILTERS } from '../../corpus/real-filters.ts';
import { reference } from '../../engines/reference.ts';
import { BaseTable } from '../../model/base.ts';
import type { MsrFilter } from '../../model/filter.ts';
import { findProfile, KERNEL_PROFILES, NEWEST_PROFILE } from '../../model/profile.ts';
import { FilterSource } from '../../prove/random-filters.ts';
import { type Decisions, install } from '../decisions.ts';
import { sameDecisions } from '../difference.ts';
import { INDICES, IndexSet } from '../index-set.ts';
import { exemptIndices, type Shape, smallestFilter } from './smallest-filter.ts';

/** A world in which all filters can be tried: indices 0 to 9, ranges of up to 3. */
const SMALL: Shape = { ranges: 16, length: 3, unnameable: 9 };
const EVERY_RANGE = [1, 2, 3]
  .flatMap((flags) =>
    [1, 2, 3].flatMap((nmsrs) =>
      Array.from({ length: SMALL.unnameable + 1 }, (_, base) => ({ flags, base, end: base + nmsrs })),
    ),
  )
  .filter(({ end }) => end <= SMALL.unnameable);

/** Read and write decisions by index. */
type SmallDecisions = readonly (readonly [number, number])[];

const asSets = (decisions: SmallDecisions, rest: number): Decisions =>
  [0, 1].map((type) =>
    IndexSet.ofRanges([
      ...decisions.flatMap((pair, index) => (pair[type] === 1 ? [{ first: index, last: index }] : [])),
      ...(rest === 1 ? [{ first: decisions.length, last: INDICES - 1 }] : []),
    ]),
  ) as unknown as Decisions;

type SmallRange = (typeof EVERY_RANGE)[number];

/** Whether bits exist with which these ranges, first match, decide so: each index by itself. */
function canDecide(ranges: readonly SmallRange[], decisions: SmallDecisions, byDefault: number): boolean {
  return decisions.every((pair, index) => {
    const [reader, writer] = [1, 2].map((flag) =>
      ranges.findIndex(({ flags, base, end }) => index >= base && index < end && (flags & flag) !== 0),
    );
    if (reader === -1 && pair[0] !== byDefault) return false;
    if (writer === -1 && pair[1] !== byDefault) return false;
    return reader === -1 || reader !== writer || pair[0] === pair[1];
  });
}

/** Whether any filter of so many ranges decides so, tried one after the other. */
function exists(count: number, decisions: SmallDecisions, byDefault: number, chosen: SmallRange[] = []): boolean {
  if (chosen.length === count) return canDecide(chosen, decisions, byDefault);
  return EVERY_RANGE.some((range) => exists(count, decisions, byDefault, [...chosen, range]));
}

/** What a small filter decides, one index after the other. */
function decided(filter: MsrFilter, index: number, type: number): number {
  for (const { flags, base, nmsrs, bitmap } of filter.ranges) {
    if (index < base || index >= base + nmsrs || ((flags >>> type) & 1) === 0) continue;
    return (bitmap![(index - base) >>> 3]! >>> ((index - base) & 7)) & 1;
  }
  return filter.flags === 0 ? 1 : 0;
}

const small = fc.tuple(
  fc.array(fc.constantFrom([0, 0], [0, 1], [1, 0], [1, 1]) as fc.Arbitrary<readonly [number, number]>, {
    minLength: 9,
    maxLength: 9,
  }),
  fc.constantFrom(0, 1),
);

describe('smallestFilter', () => {
  it('needs no more ranges than the smallest of all filters, in a small world', { timeout: 120_000 }, () => {
    const counts = new Map<number, number>();
    fc.assert(
      fc.property(small, ([decisions, rest]) => {
        const sets = asSets(decisions, rest);
        const result = smallestFilter(sets, IndexSet.EMPTY, rest as 0 | 1, SMALL);
        if (result.kind === 'none') throw new Error('sixteen ranges are enough for nine indices');
        const { filter } = result;
        for (const [index, pair] of decisions.entries()) {
          expect([decided(filter, index, 0), decided(filter, index, 1)]).toEqual(pair);
        }
        for (const { nmsrs, base } of filter.ranges) {
          expect(nmsrs).toBeLessThanOrEqual(SMALL.length);
          expect(base + nmsrs).toBeLessThanOrEqual(SMALL.unnameable);
        }
        const count = filter.ranges.length;
        counts.set(count, (counts.get(count) ?? 0) + 1);
        // What lies beyond the small world is the default's; the other default would not do there.
        const byDefault = rest === 1 ? 1 : 0;
        if (count <= 3 && count > (byDefault === 0 ? 1 : 0)) {
          for (let fewer = 0; fewer < count; fewer++) expect(exists(fewer, decisions, byDefault)).toBe(false);
        }
      }),
      { numRuns: 300 },
    );
    // The search above has been through covers of several sizes.
    expect([...counts.keys()].length).toBeGreaterThan(3);
  });

  it('needs no more than exhaustive search where four ranges are needed', { timeout: 120_000 }, () => {
    let checked = 0;
    for (const [decisions] of fc.sample(small, { numRuns: 3000, seed: 7 })) {
      const result = smallestFilter(asSets(decisions, 0), IndexSet.EMPTY, 0, SMALL);
      if (result.kind !== 'filter' || result.filter.ranges.length !== 4) continue;
      expect(exists(3, decisions, 0)).toBe(false);
      if (++checked === 12) break;
    }
    expect(checked).toBe(12);
  });

  it('gives an equivalent filter that is no larger, and the same one again', () => {
    const source = new FilterSource('9', NEWEST_PROFILE);
    const random = Array.from({ length: 60 }, (_, n) => source.filter(n));
    for (const profile of [NEWEST_PROFILE, findProfile('1a155254ff93')!]) {
      for (const filter of [...REAL_FILTERS.map((real) => real.filter), ...random]) {
        const { errno, decisions } = install(filter, profile);
        if (errno !== 0) continue;
        const result = smallestFilter(decisions, exemptIndices(profile), filter.flags === 0 ? 0 : 1);
        if (result.kind === 'none') throw new Error('the filter itself is one');
        const again = install(result.filter, profile);
        expect(again.errno).toBe(0);
        expect(sameDecisions(decisions, again.decisions)).toBe(true);
        expect(result.filter.ranges.length).toBeLessThanOrEqual(
          Math.max(1, filter.ranges.filter(({ nmsrs }) => nmsrs > 0).length),
        );
        const twice = smallestFilter(again.decisions, exemptIndices(profile), result.filter.flags as 0 | 1);
        expect(twice).toEqual(result);
      }
    }
  });

  it('is accepted by every kernel, and asked of the reference at its ends', () => {
    const read = IndexSet.ofRanges([
      { first: 0, last: 20_000 },
      { first: 0xffff_f000, last: 0xffff_fffe },
    ]);
    const write = IndexSet.ofRanges([{ first: 10, last: 11 }]);
    const result = smallestFilter([read, write], exemptIndices(NEWEST_PROFILE), 1);
    if (result.kind === 'none') throw new Error('four ranges are enough');
    expect(result.filter.ranges).toHaveLength(4);
    for (const profile of KERNEL_PROFILES) {
      const vm = reference.createVm({ profile, base: new BaseTable([]) });
      expect(vm.setFilter(result.filter, 'normal')).toBe(0);
      for (const index of [0, 9, 10, 11, 12, 12_287, 12_288, 20_000, 20_001, 0xffff_efff, 0xffff_f000, 0xffff_fffe]) {
        expect([index, vm.allows!(index, 0), vm.allows!(index, 1)]).toEqual([index, read.has(index), write.has(index)]);
      }
      expect(vm.allows!(INDICES - 1, 0)).toBe(false);
    }
  });

  it('says why there is none', () => {
    const last = new IndexSet([INDICES - 1, INDICES]);
    const half = new IndexSet([0, INDICES / 2]);
    const result = smallestFilter([last, half], IndexSet.EMPTY, 1);
    expect(result).toEqual({
      kind: 'none',
      obstacles: [
        { defaultAction: 1, unnameable: [0], ranges: 174_763, exact: false },
        { defaultAction: 0, unnameable: [1], ranges: 349_526, exact: false },
      ],
    });
  });

  it('counts the ranges that too many scattered MSRs take', () => {
    const scattered = IndexSet.ofRanges(
      Array.from({ length: 17 }, (_, i) => ({ first: i * 0x100_0000, last: i * 0x100_0000 })),
    );
    const result = smallestFilter([scattered, scattered], IndexSet.EMPTY, 1);
    expect(result).toMatchObject({ kind: 'none', obstacles: [{ ranges: 17, exact: true }, { exact: false }] });
  });
});
