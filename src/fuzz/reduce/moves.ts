/**
 * The moves of a reduction, coarse to fine. Each looks at the current scenario of the search and offers it smaller
 * ones; none loops to a fixed point by itself (minimize.ts repeats the round while it makes progress).
 */
import type { MsrFilter, MsrFilterRange } from '../../model/filter.ts';
import type { AccessEvent, MsrPassthrough, Scenario, ScenarioEvent } from '../../model/scenario.ts';
import {
  mapFilters,
  mapRanges,
  pick,
  relocate,
  reshape,
  setBitsOf,
  touches,
  withBits,
  withEvent,
  withoutEvents,
} from './edit.ts';
import type { Search } from './search.ts';

export type Move = (search: Search) => void;

/** Drops what comes after the observation, and all accesses but the one observed (or the few it needs). */
export const isolate: Move = (search) => {
  const { event, access } = search.observation;
  search.try(withoutEvents(search.scenario, (i) => i > event));
  if (access < 0) {
    search.try(withoutEvents(search.scenario, (i) => search.scenario.events[i]!.kind === 'access'));
    return;
  }
  const target = search.scenario.events[event] as AccessEvent;
  const solo = withEvent(search.scenario, event, { ...target, batch: pick(target.batch, [access]) });
  const others = (i: number): boolean => i !== event && search.scenario.events[i]!.kind === 'access';
  if (search.try(withoutEvents(solo, others)) || search.try(solo)) return;
  // The verdict depends on accesses before it: keep the shortest run that does.
  for (let before = 1; before <= access; before *= 2) {
    const numbers = Array.from({ length: before + 1 }, (_, i) => access - before + i);
    const batch = pick(target.batch, numbers);
    const shorter = withEvent(search.scenario, event, { ...target, batch });
    if (search.try(withoutEvents(shorter, others)) || search.try(shorter)) break;
  }
};

export const dropEvents: Move = (search) => {
  const early = search.observation.event;
  // All but the last filter before the observation, then one at a time from the end.
  const { events } = search.scenario;
  const lastFilter = events.findLastIndex((event, i) => event.kind === 'filter' && i <= early);
  search.try(withoutEvents(search.scenario, (i) => i !== early && i !== lastFilter));
  for (let i = search.scenario.events.length - 1; i >= 0; i--) {
    search.try(withoutEvents(search.scenario, (number) => number === i));
  }
};

export const dropAccesses: Move = (search) => {
  for (let number = search.scenario.events.length - 1; number >= 0; number--) {
    for (let size = lengthOf(search.scenario, number) >>> 1; size >= 1; size >>>= 1) {
      for (let from = lengthOf(search.scenario, number) - size; from >= 0; from -= size) {
        const event = search.scenario.events[number] as AccessEvent;
        const kept = [...event.batch.indices.keys()].filter((i) => i < from || i >= from + size);
        search.try(withEvent(search.scenario, number, { ...event, batch: pick(event.batch, kept) }));
      }
    }
  }
};

function lengthOf(scenario: Scenario, number: number): number {
  const event = scenario.events[number];
  return event?.kind === 'access' ? event.batch.indices.length : 0;
}

export const dropRanges: Move = (search) => {
  const { index, access } = search.observation;
  const keep = (test: (range: MsrFilterRange) => boolean): boolean =>
    search.try(mapFilters(search.scenario, ({ flags, ranges }) => ({ flags, ranges: ranges.filter(test) })));
  keep(() => false);
  if (access >= 0) keep((range) => touches(range, index));
  for (let number = 0; number < search.scenario.events.length; number++) {
    for (let size = rangesOf(search.scenario, number).length >>> 1 || 1; size >= 1; size >>>= 1) {
      for (let from = rangesOf(search.scenario, number).length - size; from >= 0; from -= size) {
        const ranges = rangesOf(search.scenario, number);
        const kept = ranges.filter((_, slot) => slot < from || slot >= from + size);
        search.try(withRanges(search.scenario, number, kept));
      }
    }
  }
};

function rangesOf(scenario: Scenario, number: number): readonly MsrFilterRange[] {
  const event = scenario.events[number];
  return event?.kind === 'filter' ? event.filter.ranges : [];
}

function withRanges(scenario: Scenario, number: number, ranges: readonly MsrFilterRange[]): Scenario {
  return mapFilters(scenario, (filter, event) => (event === number ? { flags: filter.flags, ranges } : filter));
}

function withRange(scenario: Scenario, number: number, slot: number, range: MsrFilterRange): Scenario {
  const ranges = rangesOf(scenario, number).map((old, i) => (i === slot ? range : old));
  return withRanges(scenario, number, ranges);
}

/** Plain deliveries, forms, replies, masks, modes and lists. */
export const plainEvents: Move = (search) => {
  for (let number = 0; number < search.scenario.events.length; number++) {
    const event = search.scenario.events[number]!;
    search.trySmallest(plainer(event).map((other) => withEvent(search.scenario, number, other)));
    shortenList(search, number);
  }
};

function plainer(event: ScenarioEvent): ScenarioEvent[] {
  switch (event.kind) {
    case 'filter':
      return [{ kind: 'filter', filter: event.filter }];
    case 'access': {
      const { indices, types } = event.batch;
      return [
        { kind: 'access', batch: { indices, types } },
        ...(['immediate', 'emulator'] as const).map(
          (form): ScenarioEvent => ({ kind: 'access', batch: { form, indices, types } }),
        ),
      ];
    }
    case 'cap': {
      const masks = [0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 1n << 31n, 1n << 32n];
      const plain = masks.map((mask): ScenarioEvent => ({ kind: 'cap', mask }));
      return [...plain, { ...event, mask: 0n }, { kind: 'cap', mask: 0n, flags: 1 }, { kind: 'cap', mask: 1n << 63n }];
    }
    case 'apic':
      return ([0, 1, 2] as const).map((mode) => ({ kind: 'apic', mode }));
    case 'reply':
      return [0, 1, 2, 0x80].map((error) => ({ kind: 'reply', error, data: 0n }));
    case 'nested': {
      const { bitmaps, mapped, passthrough } = event;
      return [
        { kind: 'nested', bitmaps: true, mapped: true, passthrough },
        { kind: 'nested', bitmaps, mapped, passthrough },
        { kind: 'nested', bitmaps: false, mapped: true, passthrough: [] },
        { kind: 'nested', bitmaps: true, mapped: false, passthrough: [] },
        { kind: 'nested', bitmaps: true, mapped: true, passthrough, clean: true },
      ];
    }
    default:
      return [];
  }
}

function listOf(event: ScenarioEvent | undefined): readonly MsrPassthrough[] {
  if (event?.kind === 'candidates') return event.changes;
  return event?.kind === 'nested' ? event.passthrough : [];
}

function withList(event: ScenarioEvent, list: readonly MsrPassthrough[]): ScenarioEvent {
  if (event.kind === 'candidates') return { ...event, changes: list };
  return event.kind === 'nested' ? { ...event, passthrough: list } : event;
}

function shortenList(search: Search, number: number): void {
  const event = search.scenario.events[number]!;
  if (listOf(event).length === 0) return;
  const { index } = search.observation;
  search.try(withEvent(search.scenario, number, withList(event, [])));
  search.try(
    withEvent(
      search.scenario,
      number,
      withList(
        event,
        listOf(event).filter((entry) => entry.index === index),
      ),
    ),
  );
  for (let i = listOf(search.scenario.events[number]).length - 1; i >= 0; i--) {
    const current = search.scenario.events[number]!;
    const shorter = listOf(current).filter((_, entry) => entry !== i);
    search.try(withEvent(search.scenario, number, withList(current, shorter)));
  }
  for (let i = 0; i < listOf(search.scenario.events[number]).length; i++) {
    const current = search.scenario.events[number]!;
    const entry = listOf(current)[i]!;
    const variants = [false, true].flatMap((read) => [false, true].map((write) => ({ ...entry, read, write })));
    search.trySmallest(
      variants.map((variant) =>
        withEvent(
          search.scenario,
          number,
          withList(
            current,
            listOf(current).map((old, at) => (at === i ? variant : old)),
          ),
        ),
      ),
    );
  }
}

/** Moves the index, and what belongs to it, to the lowest landmark where the divergence shows. */
export const relocateIndex: Move = (search) => {
  const { index } = search.observation;
  if (search.observation.access < 0 && !search.observation.kind.startsWith('bitmap:')) return;
  const targets = search.landmarks.filter((landmark) => landmark < index);
  for (const target of targets) {
    const delta = target - index;
    if (search.try(relocate(search.scenario, index, delta, false))) return;
    if (hasOthers(search.scenario, index) && search.try(relocate(search.scenario, index, delta, true))) return;
  }
  if (search.landmarks.includes(index)) return;
  for (let step = 0x8000_0000; step >= 1; step /= 2) {
    const at = search.observation.index;
    if (step <= at) search.try(relocate(search.scenario, at, -step, false));
  }
};

function hasOthers(scenario: Scenario, index: number): boolean {
  return scenario.events.some(
    (event) =>
      (event.kind === 'filter' && event.filter.ranges.some((range) => !touches(range, index))) ||
      (event.kind === 'access' && event.batch.indices.some((other) => Math.abs(other - index) > 1)),
  );
}

/** Ranges that do not touch the index: as plain as they can be, all at once and then one by one. */
export const plainFillers: Move = (search) => {
  const { index, access } = search.observation;
  if (access < 0) return;
  const fillers: MsrFilterRange[] = [];
  for (const base of [0, 1, 2, 3])
    for (const flags of [1, 2, 3]) fillers.push(withBits({ flags, base, nmsrs: 1, bitmap: null }, []));
  const isFiller = (range: MsrFilterRange): boolean => !touches(range, index) || range.nmsrs === 0;
  search.trySmallest(
    fillers.map((filler) => mapRanges(search.scenario, (range) => (isFiller(range) ? filler : range))),
  );
  for (let number = 0; number < search.scenario.events.length; number++) {
    for (let slot = 0; slot < rangesOf(search.scenario, number).length; slot++) {
      const candidates = fillers.map((filler) => withRange(search.scenario, number, slot, filler));
      if (rangesOf(search.scenario, number).length <= 3 || isFiller(rangesOf(search.scenario, number)[slot]!)) {
        search.trySmallest(candidates);
      }
    }
  }
};

const EXTENTS = [0, 1, 2, 8, 9, 32, 33, 63, 64, 65, 12287, 12288, 12289, 0x20000];

/** Base and nmsrs of every range: first the shapes that usually do, then by halving what can be cut off. */
export const shapeRanges: Move = (search) => {
  for (let number = 0; number < search.scenario.events.length; number++) {
    for (let slot = 0; slot < rangesOf(search.scenario, number).length; slot++) {
      const range = rangesOf(search.scenario, number)[slot]!;
      search.trySmallest(shapes(search, range).map((shape) => withRange(search.scenario, number, slot, shape)));
      cut(search, number, slot, (old, by) => reshape(old, old.base, old.nmsrs - by));
      cut(search, number, slot, (old, by) => reshape(old, (old.base + by) >>> 0, old.nmsrs - by));
      lowerBase(search, number, slot);
    }
  }
  toTheTop(search);
};

function shapes(search: Search, range: MsrFilterRange): MsrFilterRange[] {
  const { index, access, kind } = search.observation;
  if (access < 0 && !kind.startsWith('bitmap:')) {
    const near = EXTENTS.filter((nmsrs) => nmsrs < range.nmsrs);
    return near.flatMap((nmsrs) => [reshape(range, 0, nmsrs), reshape(range, range.base, nmsrs)]);
  }
  const bases = [index, index - 1, index - 2, index + 1].filter((base) => base >= 0 && base <= 0xffff_ffff);
  return [1, 2].flatMap((nmsrs) => bases.map((base) => reshape(range, base, nmsrs)));
}

/** Cuts off as much as possible, halving the step: finds the edge if the divergence is monotone in the extent. */
function cut(
  search: Search,
  number: number,
  slot: number,
  by: (range: MsrFilterRange, msrs: number) => MsrFilterRange,
): void {
  const rangeNow = (): MsrFilterRange => rangesOf(search.scenario, number)[slot]!;
  if (rangeNow().nmsrs <= 1) return;
  for (let step = 2 ** Math.floor(Math.log2(rangeNow().nmsrs)); step >= 1; step /= 2) {
    const range = rangeNow();
    if (step < range.nmsrs) search.try(withRange(search.scenario, number, slot, by(range, step)));
  }
}

function lowerBase(search: Search, number: number, slot: number): void {
  const range = rangesOf(search.scenario, number)[slot]!;
  search.trySmallest(
    [0, 1, 0xffff_ffff - range.nmsrs + 1].map((base) => withRange(search.scenario, number, slot, { ...range, base })),
  );
}

/** What depends on the u32 wrap is smallest at the top of the index space. */
function toTheTop(search: Search): void {
  for (const [index, nmsrs] of [
    [0xffff_ffff, 1],
    [0, 2],
  ] as const) {
    const moved = mapRanges(relocateAccesses(search.scenario, index), (range) =>
      range.base + range.nmsrs > 0xffff_ffff ? reshape({ ...range, base: 0xffff_ffff }, 0xffff_ffff, nmsrs) : range,
    );
    search.try(moved);
  }
}

function relocateAccesses(scenario: Scenario, index: number): Scenario {
  const events = scenario.events.map((event) =>
    event.kind === 'access'
      ? { ...event, batch: { ...event.batch, indices: event.batch.indices.map(() => index) } }
      : event,
  );
  return { events };
}

/** Bitmaps: exact length, no bit set, only the bit of the index, or as few as possible. */
export const clearBits: Move = (search) => {
  const { index } = search.observation;
  search.try(mapRanges(search.scenario, (range) => withBits(range, [])));
  for (let number = 0; number < search.scenario.events.length; number++) {
    for (let slot = 0; slot < rangesOf(search.scenario, number).length; slot++) {
      const range = rangesOf(search.scenario, number)[slot]!;
      const own = index - range.base;
      const variants = [withBits(range, []), withBits(range, [own]), withBits(range, [0]), { ...range, bitmap: null }];
      if (range.bitmap === null) {
        search.trySmallest(variants.map((variant) => withRange(search.scenario, number, slot, variant)));
        continue;
      }
      variants.push(withBits(range, setBitsOf(range.bitmap)));
      const needed = Math.ceil(range.nmsrs / 64) * 8;
      if (range.bitmap.length < needed)
        variants.push({ ...range, bitmap: new Uint8Array(Math.min(needed, 0x600) - 1) });
      search.trySmallest(variants.map((variant) => withRange(search.scenario, number, slot, variant)));
      deltaBits(search, number, slot);
    }
  }
};

/** Delta debugging over the set bits: halves, quarters, ... of what is left. */
function deltaBits(search: Search, number: number, slot: number): void {
  const bitsNow = (): number[] => setBitsOf(rangesOf(search.scenario, number)[slot]!.bitmap ?? new Uint8Array(0));
  for (let size = bitsNow().length >>> 1; size >= 1; size >>>= 1) {
    for (let from = 0; from < bitsNow().length; from += size) {
      const range = rangesOf(search.scenario, number)[slot]!;
      const bits = bitsNow();
      const fewer = [...bits.slice(0, from), ...bits.slice(from + size)];
      const byteCount = range.bitmap!.length;
      const bitmap = new Uint8Array(byteCount);
      for (const bit of fewer) bitmap[bit >>> 3]! |= 1 << (bit & 7);
      if (search.try(withRange(search.scenario, number, slot, { ...range, bitmap }))) from -= size;
    }
  }
}

/** Most combinations of the last move that are ranked; beyond, each field is tried by itself. */
const MAX_COMBINATIONS = 300;

/**
 * Default, directions, flags and the bit of the index, all combinations at once, smallest first: one field at a
 * time would stop where two must change together (deny-by-default and allow-by-default forms of one bug).
 */
export const assign: Move = (search) => {
  const { index } = search.observation;
  for (let number = 0; number < search.scenario.events.length; number++) {
    const event = search.scenario.events[number]!;
    if (event.kind !== 'filter') continue;
    const { ranges } = event.filter;
    const filterFlags = event.filter.flags > 1 ? [0, 1, 2, 3, 4, 0x8000_0000] : [0, 1];
    let filters: MsrFilter[] = filterFlags.map((flags) => ({ flags, ranges: [] }));
    if (4 ** ranges.length * filterFlags.length * 6 > MAX_COMBINATIONS * 4) {
      assignOneByOne(search, number);
      continue;
    }
    for (const range of ranges) {
      const variants = rangeVariants(range, index);
      filters = filters.flatMap((filter) =>
        variants.map((v) => ({ flags: filter.flags, ranges: [...filter.ranges, v] })),
      );
    }
    const directions = [search.scenario, flipTypes(search.scenario)];
    const all = directions.flatMap((scenario) =>
      filters.map((filter) => withEvent(scenario, number, { ...event, filter })),
    );
    search.trySmallest(all);
  }
};

function rangeVariants(range: MsrFilterRange, index: number): MsrFilterRange[] {
  const flags = range.flags >= 1 && range.flags <= 3 ? [1, 2, 3] : [0, 4, 8, 0x8000_0000, range.flags];
  const own = index - range.base;
  const simple =
    range.bitmap !== null && own >= 0 && own < range.bitmap.length * 8 && setBitsOf(range.bitmap).length <= 1;
  const bitmaps = simple ? [withBits(range, []).bitmap, withBits(range, [own]).bitmap] : [range.bitmap];
  return flags.flatMap((f) => bitmaps.map((bitmap) => ({ ...range, flags: f, bitmap })));
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
    const range = rangesOf(search.scenario, number)[slot]!;
    search.trySmallest(
      rangeVariants(range, search.observation.index).map((variant) =>
        withRange(search.scenario, number, slot, variant),
      ),
    );
  }
}

/** Reads and writes exchanged, in accesses, range flags and lists. */
function flipTypes(scenario: Scenario): Scenario {
  const flip = (list: readonly MsrPassthrough[]): MsrPassthrough[] =>
    list.map(({ index, read, write }) => ({ index, read: write, write: read }));
  const events = scenario.events.map((event): ScenarioEvent => {
    switch (event.kind) {
      case 'access':
        return { ...event, batch: { ...event.batch, types: event.batch.types.map((type) => 1 - type) } };
      case 'candidates':
        return { ...event, changes: flip(event.changes) };
      case 'nested':
        return { ...event, passthrough: flip(event.passthrough) };
      default:
        return event;
    }
  });
  return { events };
}

/** All directions exchanged at once, flags of ranges included. */
export const exchangeDirections: Move = (search) => {
  const exchanged = mapRanges(flipTypes(search.scenario), (range) => {
    const both = range.flags & 3;
    return { ...range, flags: both === 1 ? 2 : both === 2 ? 1 : range.flags };
  });
  search.try(exchanged);
};
