/** Boundary cases 30-40: indices at the edges of what kernel and hardware treat differently. */
import type { MsrFilter, MsrFilterRange } from '../model/filter.ts';
import type { AccessType } from '../model/verdict.ts';
import { type Access, type BoundaryCase, bitAt, type CaseView, covers, EXEMPT, endOf, wraps } from './boundary-view.ts';

const WINDOW = 'edges of the x2APIC window';
const hex = (value: number): string => `0x${value.toString(16)}`;

/** Accesses to one MSR under a filter. */
export const at = (view: CaseView, msr: number, test: (access: Access, filter: MsrFilter) => boolean): boolean =>
  view.underFilter((index) => index === msr, test);

/** The MSR decided both ways: one part for each. */
function bothWays(id: number, title: string, msrs: readonly number[]): BoundaryCase[] {
  return msrs.flatMap((msr) =>
    [true, false].map((way) => ({
      id,
      part: `${hex(msr)} ${way ? 'allowed' : 'denied'}`,
      title,
      reached: (view: CaseView) => at(view, msr, ({ allowed }) => allowed === way),
    })),
  );
}

/** In the x2APIC window, where the filter, but for the exemption, denies: by its default or by a range's bit. */
function exempted(msr: number): BoundaryCase[] {
  const first = (filter: MsrFilter, type: AccessType): MsrFilterRange | undefined =>
    filter.ranges.find((range) => covers(range, msr, type));
  return [
    {
      id: 31,
      part: `${hex(msr)} by default`,
      title: WINDOW,
      reached: (v) => at(v, msr, ({ type, slot }, f) => slot === EXEMPT && f.flags === 1 && !first(f, type)),
    },
    {
      id: 31,
      part: `${hex(msr)} by a range`,
      title: WINDOW,
      reached: (v) =>
        at(v, msr, ({ type }, filter) => {
          const range = first(filter, type);
          return range !== undefined && bitAt(range, msr - range.base) === 0;
        }),
    },
  ];
}

/** First MSR of a 12,288-wide range, and its last one. */
function windowEnd(id: number, base: number): BoundaryCase[] {
  const title = `end of a 12,288-wide range at ${hex(base)}`;
  const wide = (range: MsrFilterRange | undefined): boolean => range?.base === base && range.nmsrs === 0x3000;
  const last = base + 0x2fff;
  return [
    { id, part: hex(last), title, reached: (v) => at(v, last, ({ slot }, { ranges }) => wide(ranges[slot])) },
    {
      id,
      part: hex(last + 1),
      title,
      reached: (v) => at(v, last + 1, ({ slot }, { ranges }) => ranges.some(wide) && !wide(ranges[slot])),
    },
  ];
}

const wholeWindow = (range: MsrFilterRange): boolean => range.base < 0x800 && endOf(range) > 0x900 && !wraps(range);

export const INDEX_CASES: readonly BoundaryCase[] = [
  ...bothWays(30, 'index 0', [0]),
  ...bothWays(31, WINDOW, [0x7ff, 0x900]),
  ...exempted(0x800),
  ...exempted(0x8ff),
  {
    id: 31,
    part: 'range over the window',
    title: WINDOW,
    reached: (v) =>
      v.underFilter(
        (index) => index >= 0x800 && index <= 0x8ff,
        ({ index, type }, { ranges }) => {
          const range = ranges.find((r) => covers(r, index, type));
          return range !== undefined && wholeWindow(range) && bitAt(range, index - range.base) === 0;
        },
      ),
  },
  ...bothWays(32, 'last MSR of the low bitmap and the first outside', [0x1fff, 0x2000]),
  ...windowEnd(33, 0),
  ...bothWays(34, 'Hyper-V MSRs', [0x3fff_ffff, 0x4000_0000, 0x4000_00ff]),
  ...bothWays(35, 'KVM paravirtual MSRs', [0x4b56_4d00, 0x4b56_4dff]),
  ...bothWays(36, 'start of the high bitmap', [0xbfff_ffff, 0xc000_0000]),
  ...bothWays(37, 'end of the high bitmap', [0xc000_1fff, 0xc000_2000]),
  ...windowEnd(37, 0xc000_0000),
  ...bothWays(38, 'third window of the MSRPM', [0xc000_ffff, 0xc001_0000, 0xc001_1fff, 0xc001_2000]),
  ...bothWays(39, '0xdeadbeef', [0xdead_beef]),
  ...bothWays(40, 'the last indices', [0xffff_fffe, 0xffff_ffff]),
];
