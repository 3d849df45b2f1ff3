/** Boundary cases 1-29: the shape of what the two ioctls are given. */
import { EFAULT, EINVAL, ENOTTY, type MsrFilter } from '../model/filter.ts';
import type { CapEvent } from '../model/scenario.ts';
import {
  allows,
  type BoundaryCase,
  bitAt,
  type CaseView,
  endOf,
  firstBad,
  rangeError,
  slotFor,
} from './boundary-view.ts';

const hex = (value: number): string => `0x${value.toString(16)}`;
const used = (filter: MsrFilter): number => filter.ranges.filter(({ nmsrs }) => nmsrs > 0).length;

/** A filter whose first error is in a range of that nmsrs, with that cause. */
const rejected = (view: CaseView, nmsrs: number, cause: 'size' | 'copy', bytes = -1): boolean =>
  view.someFilter((filter, code) => {
    const range = filter.ranges[firstBad(filter)];
    if (code === 0 || filter.flags > 1 || !range || range.nmsrs !== nmsrs || rangeError(range) !== cause) return false;
    return code === (cause === 'size' ? EINVAL : EFAULT) && (bytes < 0 || range.bitmap?.length === bytes);
  });
const accepted = (view: CaseView, nmsrs: number, bytes = -1): boolean =>
  view.someRange((range) => range.nmsrs === nmsrs && (bytes < 0 || range.bitmap!.length === bytes));

/** Every pair of slots with those errors, in that order, the first of them the first error. */
const priority = (view: CaseView, first: 'copy' | 'other', errno: number): boolean =>
  view.someFilter((filter, code) => {
    const slot = firstBad(filter);
    if (code !== errno || filter.flags > 1 || slot < 0) return false;
    const isCopy = (error: string | undefined): boolean => error === 'copy';
    if (isCopy(rangeError(filter.ranges[slot]!)) !== (first === 'copy')) return false;
    return filter.ranges
      .slice(slot + 1)
      .map(rangeError)
      .some((error) => error !== undefined && isCopy(error) !== (first === 'copy'));
  });

/** Accesses just past a range whose bitmap goes on: would that bit have decided otherwise? */
const pastEnd = (view: CaseView, bit: number): boolean =>
  view.underFilter(
    (index, _, filter) => filter.ranges.some((range) => range.nmsrs % 8 !== 0 && endOf(range) === index),
    ({ index, type, allowed }, filter) =>
      filter.ranges.some(
        (range) =>
          range.nmsrs % 8 !== 0 &&
          endOf(range) === index &&
          (range.flags & (1 << type)) !== 0 &&
          bitAt(range, range.nmsrs) === bit &&
          allowed !== (bit === 1),
      ),
  );

function sameFilter(a: MsrFilter, b: MsrFilter): boolean {
  return (
    a === b ||
    (a.flags === b.flags &&
      a.ranges.length === b.ranges.length &&
      a.ranges.every(({ flags, nmsrs, base, bitmap }, slot) => {
        const other = b.ranges[slot]!;
        if (flags !== other.flags || nmsrs !== other.nmsrs || base !== other.base) return false;
        return bitmap === other.bitmap || (bitmap && other.bitmap && Buffer.compare(bitmap, other.bitmap) === 0);
      }))
  );
}

/** Filters set one after the other, with the result 0. */
const successes = (view: CaseView) =>
  view.steps.filter(
    (step) => step.event.kind === 'filter' && step.code === 0,
  ) as readonly (CaseView['steps'][number] & {
    event: { filter: MsrFilter };
  })[];

const delivered = (view: CaseView, delivery: string, errno: number, active = false): boolean =>
  view.someStep(
    ({ event, code }) =>
      event.kind === 'filter' && event.delivery === delivery && code === errno && (!active || used(event.filter) > 0),
  );

const cap = (view: CaseView, errno: number, test: (event: CapEvent) => boolean): boolean =>
  view.someStep(({ event, code }) => event.kind === 'cap' && code === errno && test(event));

/** A filter that fails while another is in force, then an access that the two decide differently. */
const persists = (view: CaseView): boolean =>
  view.steps.some(
    ({ event, code, after, number }) =>
      event.kind === 'filter' &&
      code !== 0 &&
      after !== null &&
      firstBad(event.filter) > 0 &&
      view.someAccess(
        (index, type) => slotFor(after, index, type) !== slotFor(cut(event.filter), index, type),
        (access, step) =>
          step.number > number &&
          step.before.filter === after &&
          access.allowed !== allows(cut(event.filter), access.index, access.type),
      ),
  );
/** What the ioctl would leave if it edited the live filter until the error. */
const cut = (filter: MsrFilter): MsrFilter => ({ ...filter, ranges: filter.ranges.slice(0, firstBad(filter)) });

const decidedByRange = (view: CaseView, delivery: string): boolean =>
  view.steps.some(
    ({ event, code, after, number }) =>
      event.kind === 'filter' &&
      event.delivery === delivery &&
      code === 0 &&
      after !== null &&
      view.underFilter(
        (_index, _type, filter) => filter === after,
        ({ slot }, _, step) => step.number > number && slot >= 0,
      ),
  );

const rangeFlagsCase = (flags: number): BoundaryCase => ({
  id: 6,
  part: `flags ${flags}`,
  title: 'range flags 0, 4, 7: -EINVAL',
  reached: (view) =>
    view.someFilter((filter, code) => code === EINVAL && filter.ranges[firstBad(filter)]?.flags === flags),
});
const filterFlagsCase = (flags: number): BoundaryCase => ({
  id: 3,
  part: hex(flags),
  title: 'filter flags 2, 3, 0x80000000: -EINVAL',
  reached: (view) => view.someFilter((filter, code) => filter.flags === flags && code === EINVAL),
});
const oversizeCase = (nmsrs: number): BoundaryCase => ({
  id: 18,
  part: hex(nmsrs),
  title: 'nmsrs 0xffffffff, 0xffffffc1, 0xffffffe1: -EINVAL',
  reached: (view) => rejected(view, nmsrs, 'size'),
});
const maskBitCase = (bit: bigint): BoundaryCase => ({
  id: 29,
  part: `mask bit ${bit}`,
  title: 'exit mask and capability',
  reached: (view) => cap(view, EINVAL, ({ mask }) => (mask & (1n << bit)) !== 0n),
});

export const IOCTL_CASES: readonly BoundaryCase[] = [
  {
    id: 1,
    title: 'all zero: 0',
    reached: (v) => v.someFilter(({ flags, ranges }, code) => code === 0 && flags === 0 && ranges.length === 0),
  },
  {
    id: 2,
    title: 'empty and DENY: -EINVAL',
    reached: (v) => v.someFilter(({ flags, ranges }, code) => code === EINVAL && flags === 1 && ranges.length === 0),
  },
  ...[2, 3, 0x8000_0000].map(filterFlagsCase),
  {
    id: 4,
    title: 'slot with bad flags, nmsrs 0 and a wild pointer: 0',
    reached: (v) =>
      v.someFilter(
        ({ ranges }, code) =>
          code === 0 && ranges.some((r) => r.nmsrs === 0 && r.bitmap === null && (r.flags === 0 || r.flags > 3)),
      ),
  },
  {
    id: 5,
    title: 'DENY and only slots of nmsrs 0: -EINVAL',
    reached: (v) => v.someFilter((f, code) => code === EINVAL && f.flags === 1 && f.ranges.length > 0 && used(f) === 0),
  },
  ...[0, 4, 7].map(rangeFlagsCase),
  {
    id: 7,
    title: 'flags 0 and a null pointer: -EINVAL (-EFAULT where size and copy come first)',
    reached: (v) =>
      v.someFilter((filter, code) => {
        const range = filter.ranges[firstBad(filter)];
        return code === EINVAL && filter.flags < 2 && range?.flags === 0 && range.bitmap === null;
      }),
  },
  { id: 8, title: 'nmsrs 12288: 0', reached: (v) => accepted(v, 12288) },
  { id: 9, title: 'nmsrs 12289: -EINVAL', reached: (v) => rejected(v, 12289, 'size') },
  { id: 10, part: 'accepted', title: 'nmsrs 12225 reads 1536 bytes', reached: (v) => accepted(v, 12225, 1536) },
  {
    id: 10,
    part: '1529 bytes',
    title: 'nmsrs 12225 reads 1536 bytes',
    reached: (v) => rejected(v, 12225, 'copy', 1529),
  },
  { id: 11, title: 'nmsrs 1 with 7 readable bytes: -EFAULT', reached: (v) => rejected(v, 1, 'copy', 7) },
  { id: 12, title: 'nmsrs 1 with 8 readable bytes: 0', reached: (v) => accepted(v, 1, 8) },
  { id: 13, part: '64', title: 'nmsrs 64 reads 8 bytes, 65 reads 16', reached: (v) => accepted(v, 64, 8) },
  { id: 13, part: '65', title: 'nmsrs 64 reads 8 bytes, 65 reads 16', reached: (v) => accepted(v, 65, 16) },
  {
    id: 13,
    part: '65, 9 bytes',
    title: 'nmsrs 64 reads 8 bytes, 65 reads 16',
    reached: (v) => rejected(v, 65, 'copy', 9),
  },
  { id: 14, title: 'nmsrs 63', reached: (v) => accepted(v, 63) },
  { id: 15, part: 'bit set', title: 'bits from nmsrs on do not matter', reached: (v) => pastEnd(v, 1) },
  { id: 15, part: 'bit clear', title: 'bits from nmsrs on do not matter', reached: (v) => pastEnd(v, 0) },
  { id: 16, title: 'nmsrs 0x2000', reached: (v) => accepted(v, 0x2000) },
  { id: 17, title: 'nmsrs 0x20000: -EINVAL', reached: (v) => rejected(v, 0x20000, 'size') },
  ...[0xffff_ffff, 0xffff_ffc1, 0xffff_ffe1].map(oversizeCase),
  { id: 19, part: 'copy first', title: 'errno of the first bad range', reached: (v) => priority(v, 'copy', EFAULT) },
  { id: 19, part: 'copy last', title: 'errno of the first bad range', reached: (v) => priority(v, 'other', EINVAL) },
  {
    id: 19,
    part: 'filter flags',
    title: 'errno of the first bad range',
    reached: (v) =>
      v.someFilter((f, code) => {
        const range = f.ranges[firstBad(f)];
        return code === EINVAL && f.flags > 1 && range !== undefined && rangeError(range) === 'copy';
      }),
  },
  { id: 20, title: '391 readable bytes: -EFAULT', reached: (v) => delivered(v, 'short', EFAULT) },
  { id: 21, title: 'garbage in the padding: 0', reached: (v) => delivered(v, 'padding', 0, true) },
  {
    id: 22,
    part: 'all used',
    title: '16 ranges, one in slot 15, holes',
    reached: (v) => v.someFilter((f, code) => code === 0 && used(f) === 16),
  },
  {
    id: 22,
    part: 'only slot 15',
    title: '16 ranges, one in slot 15, holes',
    reached: (v) =>
      v.underFilter(
        (_index, _type, { ranges }) => ranges.length === 16,
        ({ slot }, filter) => slot === 15 && used(filter) === 1,
      ),
  },
  {
    id: 22,
    part: 'holes',
    title: '16 ranges, one in slot 15, holes',
    reached: (v) =>
      v.underFilter(
        (_index, _type, { ranges }) => ranges.some(({ nmsrs }) => nmsrs === 0),
        ({ slot }, { ranges }) =>
          ranges.slice(0, Math.max(slot, 0)).some(({ nmsrs }, hole) => nmsrs === 0 && hole > 0 && hole < slot),
      ),
  },
  {
    id: 23,
    part: 'twice',
    title: 'the same filter twice; filter, empty, filter',
    reached: (v) =>
      successes(v).some(({ event }, i, all) => i > 0 && sameFilter(all[i - 1]!.event.filter, event.filter)),
  },
  {
    id: 23,
    part: 'off between',
    title: 'the same filter twice; filter, empty, filter',
    reached: (v) =>
      successes(v).some(
        ({ after }, i, all) => i > 1 && after !== null && all[i - 1]!.after === null && all[i - 2]!.after !== null,
      ),
  },
  { id: 24, title: 'a failing ioctl after a good one: the old decisions stay', reached: persists },
  { id: 25, title: 'bitmap memory changed after the ioctl', reached: (v) => decidedByRange(v, 'overwritten') },
  {
    id: 26,
    title: 'one bitmap for several ranges',
    reached: (v) =>
      v.someRange(({ bitmap }, { ranges }, slot) =>
        ranges.some((other, i) => i > slot && other.nmsrs > 0 && other.bitmap === bitmap),
      ),
  },
  { id: 27, title: 'bitmap in read-only memory', reached: (v) => delivered(v, 'readonly', 0, true) },
  { id: 28, title: '32-bit ioctl number from a 64-bit task: -ENOTTY', reached: (v) => delivered(v, 'compat', ENOTTY) },
  maskBitCase(3n),
  maskBitCase(32n),
  { id: 29, part: 'mask 7', title: 'exit mask and capability', reached: (v) => cap(v, 0, ({ mask }) => mask === 7n) },
  { id: 29, part: 'mask 0', title: 'exit mask and capability', reached: (v) => cap(v, 0, ({ mask }) => mask === 0n) },
  { id: 29, part: 'flags 1', title: 'exit mask and capability', reached: (v) => cap(v, EINVAL, (e) => e.flags === 1) },
  { id: 29, part: 'cap 189', title: 'exit mask and capability', reached: (v) => cap(v, EINVAL, (e) => e.cap === 189) },
];
