/** Edits of scenarios as values: each returns a new scenario and leaves its argument alone. */
import type { MsrFilter, MsrFilterRange } from '../../model/filter.ts';
import type { AccessBatch, Scenario, ScenarioEvent } from '../../model/scenario.ts';

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

/** The range with all bits clear but those listed. */
export function withBits(range: MsrFilterRange, bits: readonly number[]): MsrFilterRange {
  const bitmap = new Uint8Array(bytesFor(range.nmsrs));
  for (const bit of bits) if (bit >= 0 && bit < bitmap.length * 8) bitmap[bit >>> 3]! |= 1 << (bit & 7);
  return { ...range, bitmap };
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
