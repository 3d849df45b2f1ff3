/** Moves that try all combinations of small values at once: where two fields must change together. */
import { BaseOutcome } from '../../model/base.ts';
import type { MsrFilter, MsrFilterRange } from '../../model/filter.ts';
import type { Scenario } from '../../model/scenario.ts';
import {
  accessesOf,
  exchangeDirections,
  flipTypes,
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
  const numbers = search.scenario.events.flatMap(({ kind }, number) => (kind === 'filter' ? [number] : []));
  const options = numbers.map((number) => filterVariants(search, number));
  const count = options.reduce((product, { length }) => product * length, 2);
  if (count <= MAX_COMBINATIONS) {
    assignAll(search, numbers, options);
    return;
  }
  for (const [i, number] of numbers.entries()) {
    if (options[i]!.length * 2 > MAX_COMBINATIONS) assignOneByOne(search, number);
    else assignAll(search, [number], [options[i]!]);
  }
};

function assignAll(search: Search, numbers: readonly number[], options: readonly (readonly MsrFilter[])[]): void {
  let candidates = [search.scenario, flipTypes(search.scenario)];
  for (const [i, number] of numbers.entries()) {
    candidates = candidates.flatMap((scenario) => options[i]!.map((filter) => withFilter(scenario, number, filter)));
  }
  search.trySmallest(candidates);
}

function withFilter(scenario: Scenario, number: number, filter: MsrFilter): Scenario {
  return mapFilters(scenario, (old, event) => (event === number ? filter : old));
}

/** Every way to set the flags and bits of one filter; more than MAX_COMBINATIONS are cut off. */
function filterVariants(search: Search, number: number): MsrFilter[] {
  const event = search.scenario.events[number]!;
  if (event.kind !== 'filter') return [];
  const values = event.filter.flags > 1 ? [0, 1, 2, 3, 4, 0x8000_0000] : [0, 1];
  let filters: MsrFilter[] = values.map((flags) => ({ flags, ranges: [] }));
  for (const range of event.filter.ranges) {
    const variants = rangeVariants(search, range);
    filters = filters.flatMap(({ flags, ranges }) => variants.map((v) => ({ flags, ranges: [...ranges, v] })));
    if (filters.length > MAX_COMBINATIONS) break;
  }
  return filters;
}

function rangeVariants({ observation: { index, access, kind } }: Search, range: MsrFilterRange): MsrFilterRange[] {
  if (access >= 0 && !touches(range, index)) return [range];
  const valid = kind === 'errno' ? [0, 1, 2, 3] : [1, 2, 3];
  const flags = range.flags >= 1 && range.flags <= 3 ? valid : [0, 4, 5, 6, 7, 0x8000_0000, range.flags];
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
    const { scenario } = search;
    const defaults = [scenario, mapFilters(scenario, ({ flags, ranges }) => ({ flags: flags ^ 1, ranges }))];
    search.trySmallest(defaults.flatMap((from) => variants.map((variant) => withRange(from, number, slot, variant))));
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
  const ranges = rangesOf(scenario, number);
  if (observation.kind.startsWith('bitmap:') && accesses.length === 0) onOwnIndex(search);
  if (filters !== 1 || ranges.length !== 1 || ranges[0]!.nmsrs > 2 || ranges[0]!.flags > 3) return;
  if (observation.access < 0 || accesses.length !== 1) return;
  const bare = withoutKinds(scenario, 'cap');
  // Most exemplars are at the start of a byte of a bitmap; what counts bits from elsewhere may show at MSR 1 only.
  const odd = forms(bare, 1, accesses[0]!.type);
  if (ranges[0]!.nmsrs > 1) {
    search.trySmallest(odd);
    return;
  }
  const exemplars = places.exemplars.map(({ index, type }) => ({ index, type, outcome: places.outcome(index, type) }));
  // Where KVM handles the MSR, a denial shows without exit mask.
  const masked = exemplars.filter(({ outcome }) => outcome !== BaseOutcome.HANDLED);
  const candidates = [
    ...[accesses[0]!, ...exemplars].flatMap((to) => forms(bare, to.index, to.type)),
    ...odd,
    ...[accesses[0]!, ...masked].flatMap((to) => forms(scenario, to.index, to.type)),
  ];
  search.trySmallest(candidates);
};

/** One MSR accessed in both directions, and two ranges on it. */
export const bothDirections: Move = (search) => {
  const scenario = withoutKinds(search.scenario, 'cap', 'ignoreMsrs');
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

/** What a bitmap shows of an MSR by one denied range on it, and not by the default. */
function onOwnIndex(search: Search): void {
  const { index } = search.observation;
  const own = [1, 2, 3].map((flags) => ({ flags: 0, ranges: [plainRange(index, flags)] }));
  for (let number = 0; number < search.scenario.events.length; number++) {
    if (rangesOf(search.scenario, number).length !== 1) continue;
    search.trySmallest(own.map((filter) => withFilter(search.scenario, number, filter)));
  }
}

function forms(scenario: Scenario, index: number, type: 0 | 1): Scenario[] {
  const moved = withAccesses(scenario, [{ index, type }]);
  const number = moved.events.findIndex(({ kind }) => kind === 'filter');
  const event = moved.events[number]!;
  if (event.kind !== 'filter') return [];
  const direction = type === 0 ? 1 : 2;
  const own = [1, 2, 3].map((flags) => plainRange(index, flags));
  const next = [index - 1, index + 1].filter((base) => base >= 0 && base <= 0xffff_ffff);
  const ranges = [...own, ...next.map((base) => plainRange(base, direction))].flatMap((range) => [
    range,
    withBits(range, [0]),
  ]);
  return [0, 1].flatMap((flags) =>
    ranges.map((range) => withEvent(moved, number, { ...event, filter: { flags, ranges: [range] } })),
  );
}
