/** Boundary cases 41-55: which range, bit or default decides an access. */
import type { MsrFilterRange } from '../model/filter.ts';
import { AccessType } from '../model/verdict.ts';
import { at } from './boundary-indices.ts';
import {
  type Access,
  type BoundaryCase,
  BY_DEFAULT,
  bitAt,
  type CaseView,
  covers,
  endOf,
  wraps,
} from './boundary-view.ts';

const { READ, WRITE } = AccessType;

/** Accesses with two ranges, in slot order, that both span the index. */
const overlapping = (
  view: CaseView,
  test: (first: MsrFilterRange, second: MsrFilterRange, access: Access, slots: [number, number]) => boolean,
): boolean =>
  view.underFilter(
    () => true,
    (access, { ranges }) =>
      ranges.some((first, i) => {
        if (!spans(first, access.index)) return false;
        return ranges.some((second, j) => j > i && spans(second, access.index) && test(first, second, access, [i, j]));
      }),
  );
const spans = (range: MsrFilterRange, index: number): boolean =>
  range.nmsrs > 0 && index >= range.base && index < endOf(range);
const bitOf = (range: MsrFilterRange, index: number): number => bitAt(range, index - range.base);

const within = (inner: MsrFilterRange, outer: MsrFilterRange): boolean =>
  !wraps(inner) &&
  !wraps(outer) &&
  inner.nmsrs < outer.nmsrs &&
  inner.base >= outer.base &&
  inner.base + inner.nmsrs <= outer.base + outer.nmsrs;

/** A range at one place with one size; an access that its 64-bit end would cover and the u32 end does not. */
const wrapped = (view: CaseView, test: (range: MsrFilterRange) => boolean): boolean =>
  view.underFilter(
    (index, type, { ranges }) => ranges.some((range) => test(range) && coveredUnwrapped(range, index, type)),
    ({ slot }, { ranges }) => slot < 0 || !test(ranges[slot]!),
  );
const coveredUnwrapped = (range: MsrFilterRange, index: number, type: AccessType): boolean =>
  range.nmsrs > 0 &&
  wraps(range) &&
  (range.flags & (1 << type)) !== 0 &&
  (index >= range.base || index < range.base + range.nmsrs - 0x1_0000_0000);

const decidedBit = (view: CaseView, bit: number, nmsrs = 0): boolean =>
  view.underFilter(
    (index, _, { ranges }) => ranges.some((range) => index - range.base === bit),
    (access, { ranges }) => access.bit === bit && (nmsrs === 0 || ranges[access.slot]!.nmsrs === nmsrs),
  );
const bitCase = (bit: number): BoundaryCase => ({
  id: 53,
  part: `bit ${bit}`,
  title: 'bits at word edges',
  reached: (view) => decidedBit(view, bit),
});

export const DECISION_CASES: readonly BoundaryCase[] = [
  {
    id: 41,
    title: 'end is 2^32: the range covers nothing',
    reached: (v) => wrapped(v, (range) => range.base + range.nmsrs === 0x1_0000_0000 && range.nmsrs > 1),
  },
  {
    id: 42,
    part: 'inside',
    title: 'end 0xffffffff covers up to 0xfffffffe',
    reached: (v) => at(v, 0xffff_fffe, ({ slot }, { ranges }) => slot >= 0 && endOf(ranges[slot]!) === 0xffff_ffff),
  },
  {
    id: 42,
    part: 'outside',
    title: 'end 0xffffffff covers up to 0xfffffffe',
    reached: (v) =>
      at(v, 0xffff_ffff, ({ slot }, { ranges }) => slot < 0 && ranges.some((r) => endOf(r) === 0xffff_ffff)),
  },
  {
    id: 43,
    part: 'at the top',
    title: 'a range that wraps covers neither side',
    reached: (v) => wrapped(v, ({ base, nmsrs }) => base + nmsrs > 0x1_0000_0000),
  },
  {
    id: 43,
    part: 'at 0',
    title: 'a range that wraps covers neither side',
    reached: (v) =>
      v.underFilter(
        (index) => index < 0x3000,
        ({ index, type, slot }, { ranges }) =>
          ranges.some((range, i) => i !== slot && index < range.base && coveredUnwrapped(range, index, type)),
      ),
  },
  ...[1, 12288].map(
    (nmsrs): BoundaryCase => ({
      id: 44,
      part: `nmsrs ${nmsrs}`,
      title: 'base 0xffffffff',
      reached: (v) => v.someRange((range) => range.base === 0xffff_ffff && range.nmsrs === nmsrs),
    }),
  ),
  {
    id: 45,
    title: 'DENY and nothing but a range that wraps: all denied',
    reached: (v) =>
      v.underFilter(
        (_index, _type, { flags, ranges }) => flags === 1 && ranges.every((range) => range.nmsrs === 0 || wraps(range)),
        ({ allowed }) => !allowed,
      ),
  },
  {
    id: 46,
    title: 'a range that wraps, then one that matches',
    reached: (v) =>
      v.underFilter(
        () => true,
        ({ index, type, slot }, { ranges }) =>
          slot > 0 && ranges.some((range, i) => i < slot && coveredUnwrapped(range, index, type)),
      ),
  },
  {
    id: 47,
    title: 'equal flags, contradicting bits: the first wins',
    reached: (v) =>
      overlapping(
        v,
        (a, b, { index, slot }, [i]) => slot === i && a.flags === b.flags && bitOf(a, index) !== bitOf(b, index),
      ),
  },
  ...[READ, WRITE].map(
    (type): BoundaryCase => ({
      id: 48,
      part: type === READ ? 'read' : 'write',
      title: 'R range, then W range over the same MSRs',
      reached: (v) =>
        overlapping(
          v,
          (a, b, access, slots) =>
            a.flags === 1 && b.flags === 2 && access.type === type && access.slot === slots[type === READ ? 0 : 1],
        ),
    }),
  ),
  {
    id: 49,
    title: 'RW denies first, R allows second: denied',
    reached: (v) =>
      overlapping(
        v,
        (a, b, { index, slot, type, allowed }, [i]) =>
          a.flags === 3 && b.flags === 1 && type === READ && slot === i && !allowed && bitOf(b, index) === 1,
      ),
  },
  {
    id: 50,
    part: 'to a later range',
    title: 'a write falls through an R range',
    reached: (v) =>
      overlapping(v, (a, _, { type, slot }, [i, j]) => a.flags === 1 && type === WRITE && slot === j && i < j),
  },
  {
    id: 50,
    part: 'to the default',
    title: 'a write falls through an R range',
    reached: (v) =>
      v.underFilter(
        (_, type) => type === WRITE,
        ({ index, slot }, { ranges }) => slot === BY_DEFAULT && ranges.some((r) => r.flags === 1 && spans(r, index)),
      ),
  },
  {
    id: 51,
    part: 'smaller first',
    title: 'a range inside a larger one',
    reached: (v) => overlapping(v, (a, b, { slot }, [i]) => slot === i && within(a, b)),
  },
  {
    id: 51,
    part: 'larger first',
    title: 'a range inside a larger one',
    reached: (v) => overlapping(v, (a, b, { slot }, [i]) => slot === i && within(b, a)),
  },
  ...[0, 1].map(
    (side): BoundaryCase => ({
      id: 52,
      part: side === 0 ? 'last of the lower' : 'first of the upper',
      title: 'adjacent ranges',
      reached: (v) =>
        v.underFilter(
          (index, type, { ranges }) => ranges.some((r) => covers(r, index, type)),
          ({ index, slot }, { ranges }) => {
            const range = ranges[slot];
            if (!range) return false;
            return side === 0
              ? index === endOf(range) - 1 && ranges.some((r) => r.nmsrs > 0 && r.base === endOf(range))
              : index === range.base && ranges.some((r) => r.nmsrs > 0 && endOf(r) === range.base);
          },
        ),
    }),
  ),
  ...[63, 64, 127, 128].map(bitCase),
  { id: 54, part: 'first', title: 'first and last bit of 12,288', reached: (v) => decidedBit(v, 0, 12288) },
  { id: 54, part: 'last', title: 'first and last bit of 12,288', reached: (v) => decidedBit(v, 12287, 12288) },
  {
    id: 55,
    title: 'one past the end, the bit there set: the default decides',
    reached: (v) =>
      v.underFilter(
        (index, _, { ranges }) => ranges.some((range) => endOf(range) === index),
        ({ index, type, slot, allowed }, { ranges }) =>
          slot === BY_DEFAULT &&
          ranges.some(
            (r) =>
              endOf(r) === index &&
              r.nmsrs % 64 !== 0 &&
              (r.flags & (1 << type)) !== 0 &&
              bitAt(r, r.nmsrs) !== Number(allowed),
          ),
      ),
  },
];
