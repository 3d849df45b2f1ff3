/** Moves that try all combinations of small values at once: where two fields must change together. */
import type { MsrFilter, MsrFilterRange } from '../../model/filter.ts';
import type { Scenario } from '../../model/scenario.ts';
import {
  accessesOf,
  exchangeDirections,
  flipTypes,
  hasKind,
  mapFilters,
  mapRanges,
  plainRange,
  rangesOf,
  setBitsOf,
  touches,
  withAccesses,
  withBits,
  withEvent,
  withoutKinds,
  withRange,
  withRanges,
} from './edit.ts';
import type { Move, Search } from './search.ts';

/** Most combinations that are ranked; beyond, each field is tried by itself. */
const MAX_COMBINATIONS = 1200;

/**
 * Default, directions, flags and the bit of the index, all combinations at once, smallest first: one field at a
 * time would stop where two must change together (deny-by-default and allow-by-default forms of one bug).
 */
export const assign: Move = (search) => {
  for (let number = 0; number < search.scenario.events.length; number++) {
    const event = search.scenario.events[number]!;
    if (event.kind !== 'filter') continue;
    const { flags, ranges } = event.filter;
    const filterFlags = flags > 1 ? [0, 1, 2, 3, 4, 0x8000_0000] : [0, 1];
    const variants = ranges.map((range) => rangeVariants(search, range));
    const count = variants.reduce((product, { length }) => product * length, 2 * filterFlags.length);
    if (count > MAX_COMBINATIONS) {
      assignOneByOne(search, number);
      continue;
    }
    let filters: MsrFilter[] = filterFlags.map((value) => ({ flags: value, ranges: [] }));
    for (const list of variants) {
      filters = filters.flatMap((filter) =>
        list.map((range) => ({ flags: filter.flags, ranges: [...filter.ranges, range] })),
      );
    }
    const directions = [search.scenario, flipTypes(search.scenario)];
    search.trySmallest(
      directions.flatMap((scenario) => filters.map((filter) => withEvent(scenario, number, { ...event, filter }))),
    );
  }
};

function rangeVariants({ observation: { index, access } }: Search, range: MsrFilterRange): MsrFilterRange[] {
  if (access >= 0 && !touches(range, index)) return [range];
  const flags = range.flags >= 1 && range.flags <= 3 ? [1, 2, 3] : [0, 4, 5, 6, 7, 0x8000_0000, range.flags];
  const own = (index - range.base) >>> 0;
  const { bitmap } = range;
  const simple = bitmap !== null && own < bitmap.length * 8 && setBitsOf(bitmap).length <= 1;
  const bitmaps = simple ? [withBits(range, []).bitmap, withBits(range, [own]).bitmap] : [bitmap];
  return flags.flatMap((f) => bitmaps.map((bits) => ({ ...range, flags: f, bitmap: bits })));
}

function assignOneByOne(search: Search, number: number): void {
  const complement = (range: MsrFilterRange): MsrFilterRange => ({
    ...range,
    bitmap: range.bitmap?.map((byte) => ~byte) ?? null,
  });
  const inverted = mapFilters(search.scenario, ({ flags, ranges }) => ({
    flags: flags ^ 1,
    ranges: ranges.map(complement),
  }));
  search.try(inverted);
  search.try(mapFilters(search.scenario, ({ ranges }) => ({ flags: 0, ranges })));
  for (const flags of [1, 2, 3]) search.try(mapRanges(search.scenario, (range) => ({ ...range, flags })));
  for (let slot = 0; slot < rangesOf(search.scenario, number).length; slot++) {
    const variants = rangeVariants(search, rangesOf(search.scenario, number)[slot]!);
    search.trySmallest(variants.map((variant) => withRange(search.scenario, number, slot, variant)));
  }
}

/** All directions exchanged at once, flags of ranges included. */
export const exchangeTypes: Move = (search) => {
  search.try(exchangeDirections(search.scenario));
};

/**
 * One access and one range: every way to put them together near one MSR (the access's own, or one of each outcome),
 * smallest first. Single fields may be stuck in a form that another bit, direction or neighbour makes smaller.
 */
export const smallForms: Move = (search) => {
  const { observation, scenario, places } = search;
  const accesses = accessesOf(scenario);
  const number = scenario.events.findIndex(({ kind }) => kind === 'filter');
  const filters = scenario.events.filter(({ kind }) => kind === 'filter').length;
  if (observation.access < 0 || accesses.length !== 1 || filters !== 1) return;
  const ranges = rangesOf(scenario, number);
  if (ranges.length !== 1 || ranges[0]!.nmsrs !== 1 || ranges[0]!.flags > 3) return;
  const bare = hasKind(scenario, 'cap') ? [scenario, withoutKinds(scenario, 'cap')] : [scenario];
  const candidates = bare.flatMap((from) =>
    [accesses[0]!, ...places.exemplars].flatMap((to) => forms(from, to.index, to.type)),
  );
  search.trySmallest(candidates);
};

/** One MSR accessed in both directions, and two ranges on it. */
export const bothDirections: Move = (search) => {
  const { scenario } = search;
  const number = scenario.events.findIndex(({ kind }) => kind === 'filter');
  const ranges = rangesOf(scenario, number);
  if (accessesOf(scenario).length !== 2 || ranges.length !== 2 || ranges.some(({ flags }) => flags > 3)) return;
  const variants = [1, 2, 3].flatMap((flags) => [[], [0]].map((bits) => withBits(plainRange(0, flags), bits)));
  const accesses = ([0, 1] as const).map((type) =>
    withAccesses(scenario, [
      { index: 0, type: (1 - type) as 0 | 1 },
      { index: 0, type },
    ]),
  );
  search.trySmallest(
    accesses.flatMap((turned) =>
      variants.flatMap((first) => variants.map((second) => withRanges(turned, number, [first, second]))),
    ),
  );
};

function forms(scenario: Scenario, index: number, type: 0 | 1): Scenario[] {
  const moved = withAccesses(scenario, [{ index, type }]);
  const number = moved.events.findIndex(({ kind }) => kind === 'filter');
  const event = moved.events[number]!;
  if (event.kind !== 'filter') return [];
  const bases = [...new Set([0, index - 1, index, index + 1])].filter((base) => base >= 0 && base <= 0xffff_ffff);
  const ranges = bases.flatMap((base) =>
    [1, 2, 3].flatMap((flags) => [[], [0]].map((bits) => withBits(plainRange(base, flags), bits))),
  );
  return [0, 1].flatMap((flags) =>
    ranges.map((range) => withEvent(moved, number, { ...event, filter: { flags, ranges: [range] } })),
  );
}
