/**
 * What is smaller than a filter or a scenario: structural edits, largest first, each strictly smaller in the order of
 * reduce/order.ts, so that shrinking ends. (A campaign's minimizer is another thing: it ends in one normal form.)
 */
import type { MsrFilter, MsrFilterRange } from '../model/filter.ts';
import type { Scenario, ScenarioEvent } from '../model/scenario.ts';
import { pick, reshape } from './reduce/edit.ts';
import { compareCost, costOf } from './reduce/order.ts';

export function* smallerScenarios(scenario: Scenario): Generator<Scenario, undefined> {
  const cost = costOf(scenario);
  for (const events of smallerEventLists(scenario.events)) {
    if (compareCost(costOf({ events }), cost) < 0) yield { events };
  }
}

export function* smallerFilters(filter: MsrFilter): Generator<MsrFilter, undefined> {
  for (const { events } of smallerScenarios({ events: [{ kind: 'filter', filter }] })) {
    const [event] = events;
    if (event?.kind === 'filter') yield event.filter;
  }
}

export function* smallerRanges(range: MsrFilterRange): Generator<MsrFilterRange, undefined> {
  for (const { ranges } of smallerFilters({ flags: 0, ranges: [range] })) if (ranges[0]) yield ranges[0];
}

function* smallerEventLists(events: readonly ScenarioEvent[]): Generator<readonly ScenarioEvent[]> {
  yield* fewer(events);
  for (const [number, event] of events.entries()) {
    for (const other of smallerEvents(event)) yield events.map((old, i) => (i === number ? other : old));
  }
}

/** Nothing, either half, then all but one. */
function* fewer<T>(list: readonly T[]): Generator<T[]> {
  if (list.length === 0) return;
  yield [];
  if (list.length > 3) {
    const half = list.length >>> 1;
    yield list.slice(0, half);
    yield list.slice(half);
  }
  for (let drop = 0; drop < list.length; drop++) yield list.filter((_, i) => i !== drop);
}

function* smallerEvents(event: ScenarioEvent): Generator<ScenarioEvent> {
  switch (event.kind) {
    case 'filter': {
      const { delivery, ...plain } = event;
      if (delivery !== undefined) yield plain;
      for (const filter of filterEdits(event.filter)) yield { ...event, filter };
      return;
    }
    case 'access': {
      const { form, values, ...plain } = event.batch;
      if (form !== undefined || values !== undefined) yield { ...event, batch: plain };
      const numbers = Array.from(event.batch.indices, (_, i) => i);
      // An empty batch is no smaller than no event.
      for (const kept of fewer(numbers)) if (kept.length > 0) yield { ...event, batch: pick(event.batch, kept) };
      return;
    }
    case 'cap':
      if (event.flags !== undefined || event.cap !== undefined) yield { kind: 'cap', mask: event.mask };
      for (const mask of [0n, event.mask & 7n, event.mask >> 1n]) yield { ...event, mask };
      return;
    case 'candidates':
      for (const changes of fewer(event.changes)) if (changes.length > 0) yield { ...event, changes };
      return;
    case 'reply':
      yield { ...event, error: 0, data: 0n };
      yield { ...event, error: Math.min(event.error, 1), data: 0n };
      return;
    case 'nested': {
      const { clean, ...plain } = event;
      yield { ...plain, bitmaps: true, mapped: true };
      for (const passthrough of fewer(event.passthrough)) yield { ...event, passthrough };
      return;
    }
    default:
  }
}

function* filterEdits(filter: MsrFilter): Generator<MsrFilter> {
  for (const ranges of fewer(filter.ranges)) yield { ...filter, ranges };
  for (const flags of [0, 1]) if (filter.flags > flags) yield { ...filter, flags };
  for (const [slot, range] of filter.ranges.entries()) {
    for (const other of rangeEdits(range)) {
      yield { ...filter, ranges: filter.ranges.map((old, i) => (i === slot ? other : old)) };
    }
  }
}

/** Smaller numbers, so many that any goal is some 32 steps away: 0, then less and less below. */
function* below(value: number): Generator<number> {
  if (value === 0) return;
  yield 0;
  for (let step = 2 ** Math.floor(Math.log2(value)); step >= 1; step /= 2) if (step < value) yield value - step;
}

function* rangeEdits(range: MsrFilterRange): Generator<MsrFilterRange> {
  const { nmsrs, base, flags, bitmap } = range;
  for (const count of below(nmsrs)) yield reshape(range, base, count);
  for (const word of [1, 2, 3]) if (flags > word) yield { ...range, flags: word };
  for (const start of below(base)) yield { ...range, base: start };
  if (bitmap === null) return;
  yield reshape(range, base, nmsrs);
  yield { ...range, bitmap: new Uint8Array(bitmap.length) };
  // All bits of one part, from halves to 64ths or single bytes; then single bits of small bitmaps.
  for (let size = bitmap.length >>> 1; size >= 1 && size * 64 >= bitmap.length; size >>>= 1) {
    for (let at = 0; at < bitmap.length; at += size) {
      const part = bitmap.subarray(at, at + size);
      if (part.some((byte) => byte !== 0)) yield { ...range, bitmap: bitmap.slice().fill(0, at, at + size) };
    }
  }
  if (bitmap.length > 64) return;
  for (const [at, byte] of bitmap.entries())
    if (byte !== 0) yield { ...range, bitmap: bitmap.with(at, byte & (byte - 1)) };
}
