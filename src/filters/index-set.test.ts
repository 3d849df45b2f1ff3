import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { INDICES, type IndexRange, IndexSet } from './index-set.ts';

/** Sets of small numbers, as the members that `has` gives, so that every answer can be counted out. */
const LIMIT = 40;
const ranges = fc.array(
  fc.tuple(fc.nat(LIMIT - 1), fc.nat(5)).map(([first, more]): IndexRange => ({ first, last: first + more })),
  { maxLength: 6 },
);
const members = (set: IndexSet): number[] => Array.from({ length: LIMIT + 8 }, (_, i) => i).filter((i) => set.has(i));

describe('IndexSet', () => {
  it('holds what its ranges hold', () => {
    fc.assert(
      fc.property(ranges, (list) => {
        const set = IndexSet.ofRanges(list);
        const expected = Array.from({ length: LIMIT + 8 }, (_, i) => i).filter((i) =>
          list.some(({ first, last }) => i >= first && i <= last),
        );
        expect(members(set)).toEqual(expected);
        expect(set.size).toBe(expected.length);
        expect(IndexSet.ofRanges([...set.ranges()]).equals(set)).toBe(true);
      }),
    );
  });

  it('has the algebra of sets', () => {
    fc.assert(
      fc.property(ranges, ranges, (left, right) => {
        const [a, b] = [IndexSet.ofRanges(left), IndexSet.ofRanges(right)];
        const [inA, inB] = [new Set(members(a)), new Set(members(b))];
        const all = Array.from({ length: LIMIT + 8 }, (_, i) => i);
        expect(members(a.or(b))).toEqual(all.filter((i) => inA.has(i) || inB.has(i)));
        expect(members(a.and(b))).toEqual(all.filter((i) => inA.has(i) && inB.has(i)));
        expect(members(a.xor(b))).toEqual(all.filter((i) => inA.has(i) !== inB.has(i)));
        expect(members(a.without(b))).toEqual(all.filter((i) => inA.has(i) && !inB.has(i)));
        expect(members(a.complement())).toEqual(all.filter((i) => !inA.has(i)));
        for (const set of [a.or(b), a.xor(b), a.complement()]) {
          expect(set.edges.every((edge, i) => i === 0 || edge > set.edges[i - 1]!)).toBe(true);
          expect(set.edges.length % 2).toBe(0);
        }
      }),
    );
  });

  it('finds neighbours', () => {
    fc.assert(
      fc.property(ranges, fc.nat(LIMIT), (list, at) => {
        const set = IndexSet.ofRanges(list);
        const inside = members(set);
        expect(set.next(at)).toBe(inside.find((i) => i >= at) ?? INDICES);
        expect(set.countBelow(at)).toBe(inside.filter((i) => i < at).length);
        expect(set.has(set.nextOutside(at))).toBe(false);
        for (let i = at; i < set.nextOutside(at); i++) expect(set.has(i)).toBe(true);
        expect(set.previous(at)).toBe(inside.findLast((i) => i < at) ?? -1);
      }),
    );
  });

  it('reaches from 0 to 2^32 - 1', () => {
    expect(IndexSet.ALL.size).toBe(INDICES);
    expect([IndexSet.ALL.has(0), IndexSet.ALL.has(INDICES - 1), IndexSet.EMPTY.has(0)]).toEqual([true, true, false]);
    expect(IndexSet.EMPTY.next(0)).toBe(INDICES);
    expect(IndexSet.EMPTY.complement().equals(IndexSet.ALL)).toBe(true);
  });
});
