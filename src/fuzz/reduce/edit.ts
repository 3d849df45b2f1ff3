/** Edits of scenarios as values: each returns a new scenario and leaves its argument alone. */
import type { MsrFilter, MsrFilterRange } from '../../model/filter.ts';
import type { AccessBatch, FilterEvent, MsrPassthrough, Scenario, ScenarioEvent } from '../../model/scenario.ts';
import type { AccessType } from '../../model/verdict.ts';

export function withEvent(scenario: Scenario, number: number, event: ScenarioEvent): Scenario {
  return { events: scenario.events.map((old, i) => (i === number ? event : old)) };
}

export function withoutEvents(scenario: Scenario, drop: (number: number) => boolean): Scenario {
  return { events: scenario.events.filter((_, i) => !drop(i)) };
}

/** The scenario with every filter replaced. */
export function mapFilters(scenario: Scenario, change: (filter: MsrFilter, event: number) => MsrFilter): Scenario {
  const events = scenario.events.map((event, i) =>
    event.kind === 'filter' ? { ...event, filter: change(event.filter, i) } : event,
  );
  return { events };
}

export function mapRanges(
  scenario: Scenario,
  change: (range: MsrFilterRange, slot: number) => MsrFilterRange,
): Scenario {
  return mapFilters(scenario, ({ flags, ranges }) => ({ flags, ranges: ranges.map(change) }));
}

/** The accesses of a batch whose numbers are listed. */
export function pick(batch: AccessBatch, numbers: readonly number[]): AccessBatch {
  const indices = Uint32Array.from(numbers, (i) => batch.indices[i]!);
  const types = Uint8Array.from(numbers, (i) => batch.types[i]!);
  const { values, form } = batch;
  return {
    ...(form ? { form } : {}),
    indices,
    types,
    ...(values ? { values: BigUint64Array.from(numbers, (i) => values[i]!) } : {}),
  };
}

/** Bytes that the kernel reads for nmsrs; what the ioctl rejects by size keeps 8. */
function bytesFor(nmsrs: number): number {
  return nmsrs > 12288 ? 8 : Math.ceil(nmsrs / 64) * 8;
}

/** The range moved and resized; each MSR keeps its bit, also those past nmsrs that the old bitmap has. */
export function reshape(range: MsrFilterRange, base: number, nmsrs: number): MsrFilterRange {
  if (range.bitmap === null) return { ...range, base, nmsrs };
  const bitmap = new Uint8Array(bytesFor(nmsrs));
  const shift = base - range.base;
  const old = range.bitmap;
  for (let bit = 0; bit < bitmap.length * 8; bit++) {
    const from = bit + shift;
    if (from < 0 || from >= old.length * 8) continue;
    bitmap[bit >>> 3]! |= ((old[from >>> 3]! >>> (from & 7)) & 1) << (bit & 7);
  }
  return { ...range, base, nmsrs, bitmap };
}

/** The range with all bits clear but those listed; the bitmap keeps its length. */
export function withBits(range: MsrFilterRange, bits: readonly number[]): MsrFilterRange {
  const bitmap = new Uint8Array(range.bitmap?.length ?? bytesFor(range.nmsrs));
  for (const bit of bits) if (bit >= 0 && bit < bitmap.length * 8) bitmap[bit >>> 3]! |= 1 << (bit & 7);
  return { ...range, bitmap };
}

/** A range of one MSR, or of none, with all bits clear. */
export function plainRange(base: number, flags: number, nmsrs = 1): MsrFilterRange {
  return { flags, base, nmsrs, bitmap: new Uint8Array(bytesFor(nmsrs)) };
}

/** The range with a bitmap of the length that the kernel reads. */
export function withExactBitmap(range: MsrFilterRange): MsrFilterRange {
  return reshape({ ...range, bitmap: range.bitmap ?? new Uint8Array(0) }, range.base, range.nmsrs);
}

/** Every exit mask with these bits set as well. */
export function withMasks(scenario: Scenario, bits: bigint): Scenario {
  const events = scenario.events.map((event) => (event.kind === 'cap' ? { ...event, mask: event.mask | bits } : event));
  return { events };
}

export function withoutKinds(scenario: Scenario, ...kinds: ScenarioEvent['kind'][]): Scenario {
  return { events: scenario.events.filter(({ kind }) => !kinds.includes(kind)) };
}

/** The event that changes least: an empty filter. */
export const NOTHING: FilterEvent = { kind: 'filter', filter: { flags: 0, ranges: [] } };

/** Events of one kind replaced by the event that changes least. */
export function withNothing(scenario: Scenario, kind: ScenarioEvent['kind']): Scenario {
  return { events: scenario.events.map((event) => (event.kind === kind ? NOTHING : event)) };
}

export function hasKind(scenario: Scenario, kind: ScenarioEvent['kind']): boolean {
  return scenario.events.some((event) => event.kind === kind);
}

/** Reads and writes exchanged, in accesses, lists and, where one is named alone, range flags. */
export function exchangeDirections(scenario: Scenario): Scenario {
  const exchanged = mapRanges(flipTypes(scenario), (range) => {
    const both = range.flags & 3;
    return { ...range, flags: both === 1 ? range.flags + 1 : both === 2 ? range.flags - 1 : range.flags };
  });
  return exchanged;
}

/** Reads and writes exchanged in accesses and lists. */
export function flipTypes(scenario: Scenario): Scenario {
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

/** All accesses of all batches, in order. */
export function accessesOf(scenario: Scenario): { event: number; index: number; type: AccessType }[] {
  return scenario.events.flatMap((event, number) =>
    event.kind === 'access'
      ? Array.from(event.batch.indices, (index, i) => ({
          event: number,
          index,
          type: event.batch.types[i] as AccessType,
        }))
      : [],
  );
}

/** The scenario with its accesses, all in order, replaced. */
export function withAccesses(scenario: Scenario, to: readonly { index: number; type: AccessType }[]): Scenario {
  let at = 0;
  const events = scenario.events.map((event): ScenarioEvent => {
    if (event.kind !== 'access') return event;
    const part = to.slice(at, at + event.batch.indices.length);
    at += part.length;
    const indices = Uint32Array.from(part, ({ index }) => index);
    const types = Uint8Array.from(part, ({ type }) => type);
    return { ...event, batch: { ...event.batch, indices, types } };
  });
  return { events };
}

export function setBitsOf(bitmap: Uint8Array): number[] {
  const bits: number[] = [];
  for (let bit = 0; bit < bitmap.length * 8; bit++) if (((bitmap[bit >>> 3]! >>> (bit & 7)) & 1) === 1) bits.push(bit);
  return bits;
}

/** Whether base <= index < base + nmsrs, in u32 arithmetic (also through the wrap), or the index is next to it. */
export function touches(range: MsrFilterRange, index: number): boolean {
  return range.nmsrs > 0 && (index - range.base + 1) >>> 0 <= range.nmsrs + 1;
}

/** Everything at the index moved by delta (u32): accesses, candidates, and the ranges that touch it. */
export function relocate(scenario: Scenario, index: number, delta: number, everything: boolean): Scenario {
  const move = (value: number): number => (value + delta) >>> 0;
  const moves = (range: MsrFilterRange): boolean => everything || touches(range, index);
  const moved = <T extends { readonly index: number }>(entries: readonly T[]): T[] =>
    entries.map((entry) => (everything || entry.index === index ? { ...entry, index: move(entry.index) } : entry));
  const events = scenario.events.map((event): ScenarioEvent => {
    switch (event.kind) {
      case 'filter': {
        const ranges = event.filter.ranges.map((range) =>
          moves(range) ? { ...range, base: move(range.base) } : range,
        );
        return { ...event, filter: { flags: event.filter.flags, ranges } };
      }
      case 'access': {
        const indices = event.batch.indices.map((i) => (everything || Math.abs(i - index) <= 1 ? move(i) : i));
        return { ...event, batch: { ...event.batch, indices } };
      }
      case 'candidates':
        return { ...event, changes: moved(event.changes) };
      case 'nested':
        return { ...event, passthrough: moved(event.passthrough) };
      default:
        return event;
    }
  });
  return { events };
}

export function rangesOf(scenario: Scenario, number: number): readonly MsrFilterRange[] {
  const event = scenario.events[number];
  return event?.kind === 'filter' ? event.filter.ranges : [];
}

export function withRanges(scenario: Scenario, number: number, ranges: readonly MsrFilterRange[]): Scenario {
  return mapFilters(scenario, (filter, event) => (event === number ? { flags: filter.flags, ranges } : filter));
}

export function withRange(scenario: Scenario, number: number, slot: number, range: MsrFilterRange): Scenario {
  const ranges = rangesOf(scenario, number).map((old, i) => (i === slot ? range : old));
  return withRanges(scenario, number, ranges);
}
