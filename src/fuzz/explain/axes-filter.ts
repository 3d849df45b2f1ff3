/** Axes of filters: default action, flags, bits and extents of ranges. */
import type { MsrFilter, MsrFilterRange } from '../../model/filter.ts';
import type { Scenario } from '../../model/scenario.ts';
import { mapFilters, mapRanges, reshape, withEvent } from '../reduce/edit.ts';
import { type Axis, choice, indexOf, MAX_RANGES, numbers } from './axis.ts';
import type { FreedomPlace } from './freedom.ts';

const AS_IT_IS = 'as they are';
const DEFAULTS = ['allow', 'deny'];
const RANGE_FLAGS = ['none', 'r', 'w', 'rw'];

export function filterAxes(scenario: Scenario, place: FreedomPlace): Axis[] {
  const axes: Axis[] = [];
  const index = indexOf(scenario, place);
  let seen = 0;
  for (const [number, event] of scenario.events.entries()) {
    if (event.kind !== 'filter') continue;
    const { filter } = event;
    const replace = (changed: MsrFilter): Scenario => withEvent(scenario, number, { ...event, filter: changed });
    const path = `events[${number}].filter`;
    axes.push(defaultAction(scenario, path, filter, replace));
    for (const [slot, range] of filter.ranges.entries()) {
      if (++seen > MAX_RANGES) continue;
      const withRange = (changed: MsrFilterRange): Scenario =>
        replace({ ...filter, ranges: filter.ranges.map((old, i) => (i === slot ? changed : old)) });
      axes.push(...rangeAxes(`${path}.ranges[${slot}]`, range, index, place.kind === 'errno', withRange));
    }
  }
  return axes;
}

function defaultAction(
  scenario: Scenario,
  path: string,
  filter: MsrFilter,
  replace: (filter: MsrFilter) => Scenario,
): Axis {
  // Inverted as a whole, a filter denies what it allowed: both forms often show one mistake.
  const inverted = (): Scenario =>
    mapFilters(
      mapRanges(scenario, (range) => ({ ...range, bitmap: range.bitmap?.map((byte) => ~byte) ?? null })),
      ({ flags, ranges }) => ({ flags: flags ^ 1, ranges }),
    );
  const together = choice('the default actions and all bitmaps, together', AS_IT_IS, [['inverted', inverted]]);
  return choice(
    `${path}.flags`,
    DEFAULTS[filter.flags] ?? `0x${filter.flags.toString(16)}`,
    DEFAULTS.map((name, flags) => [name, () => replace({ ...filter, flags })] as const),
    filter.ranges.length > 0 && filter.flags <= 1 ? together : undefined,
  );
}

function rangeAxes(
  path: string,
  range: MsrFilterRange,
  index: number | undefined,
  errno: boolean,
  withRange: (range: MsrFilterRange) => Scenario,
): Axis[] {
  const present = RANGE_FLAGS[range.flags] ?? `0x${range.flags.toString(16)}`;
  const flags = RANGE_FLAGS.map((name, value) => [name, () => withRange({ ...range, flags: value })] as const);
  if (errno) flags.push(['0x4', () => withRange({ ...range, flags: 4 })]);
  const axes = [choice(`${path}.flags`, present, errno ? flags : flags.slice(1))];
  const { nmsrs, bitmap } = range;
  const extents = [nmsrs + 1, nmsrs * 2, 64, 12288].filter((larger) => larger > nmsrs && larger <= 0xffff_ffff);
  if (nmsrs > 0 && extents.length > 0) {
    // The bits of the MSRs that were there stay, those of the new ones are 0. What the ioctl answers may depend on
    // how long the bitmap is, so there it stays as it is.
    const grow = (to: number): Scenario => withRange(errno ? { ...range, nmsrs: to } : reshape(range, range.base, to));
    axes.push(numbers(`${path}.nmsrs`, nmsrs, extents, grow, String));
  }
  if (bitmap === null || bitmap.length === 0) return axes;
  const own = index === undefined ? -1 : index - range.base;
  const hasOwn = own >= 0 && own < bitmap.length * 8;
  if (hasOwn) {
    const bit = (bitmap[own >>> 3]! >>> (own & 7)) & 1;
    const set = (value: number): Scenario => withRange({ ...range, bitmap: withBit(bitmap, own, value) });
    const where = own < nmsrs ? `the bit of MSR 0x${index!.toString(16)}` : `bit ${own} (past nmsrs)`;
    axes.push(
      choice(`${where} in ${path}.bitmap`, `${bit}`, [
        ['0', () => set(0)],
        ['1', () => set(1)],
      ]),
    );
  }
  const fill = (byte: number) => (): Scenario => {
    const filled = new Uint8Array(bitmap.length).fill(byte);
    const kept = hasOwn ? withBit(filled, own, (bitmap[own >>> 3]! >>> (own & 7)) & 1) : filled;
    return withRange({ ...range, bitmap: kept });
  };
  const others = hasOwn ? `the other bits of ${path}.bitmap` : `${path}.bitmap`;
  const fills = [
    ['all 0', fill(0)],
    ['all 1', fill(0xff)],
    ['alternating', fill(0xaa)],
  ] as const;
  axes.push(choice(others, AS_IT_IS, fills));
  return axes;
}

function withBit(bitmap: Uint8Array, bit: number, value: number): Uint8Array {
  const changed = bitmap.slice();
  changed[bit >>> 3] = (changed[bit >>> 3]! & ~(1 << (bit & 7))) | (value << (bit & 7));
  return changed;
}
