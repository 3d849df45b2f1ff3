/**
 * Scenarios around a divergence: the same events with one thing changed, and accesses at the end that show the state
 * reached. Two engines that agree on all of them follow the same rules as far as the divergence can show.
 */
import type { MsrFilter, MsrFilterRange } from '../../model/filter.ts';
import type { AccessBatch, AccessForm, Scenario, ScenarioEvent } from '../../model/scenario.ts';
import { mapFilters, reshape, withBits, withEvent } from '../reduce/edit.ts';
import { probeBatch } from './probes.ts';

/** Where the divergence is: event, and MSR index if it has one. */
export interface Place {
  readonly event: number;
  readonly index: number;
}

/** Ranges, over all filters, that are changed one at a time. */
const MAX_CHANGED_RANGES = 4;

const REJECTED: MsrFilter = {
  flags: 1,
  ranges: [
    { flags: 3, nmsrs: 64, base: 0, bitmap: new Uint8Array(8) },
    { flags: 4, nmsrs: 1, base: 0, bitmap: new Uint8Array(8) },
  ],
};
/** Denies 0x0-0x3f and, by default, everything else. */
const DENYING: MsrFilter = { flags: 1, ranges: [{ flags: 3, nmsrs: 64, base: 0, bitmap: new Uint8Array(8) }] };

/** The scenario itself first (nothing added), then those around it. */
export function* neighbourhood(scenario: Scenario, { event, index }: Place): Generator<Scenario> {
  yield scenario;
  const here: Scenario = { events: scenario.events.slice(0, event + 1) };
  const form = formOf(here.events[event]);
  yield probed(here, index, form);
  if (form !== 'native') yield probed(here, index, 'native');
  for (const changed of settings(here)) yield probed(changed, index, form);
  for (const changed of filters(here)) yield probed(reasoned(changed), index, form);
  for (const changed of ranges(here)) yield probed(reasoned(changed), index, form);
  for (const changed of replies(here)) yield probed(changed, index, form);
}

function formOf(event: ScenarioEvent | undefined): AccessForm {
  return event?.kind === 'access' ? (event.batch.form ?? 'native') : 'native';
}

function probed(scenario: Scenario, index: number, form: AccessForm): Scenario {
  return { events: [...scenario.events, { kind: 'access', batch: probeBatch(scenario, index, form) }] };
}

/** With every exit reason enabled: without, a denied access and an unknown MSR are the same #GP. */
function reasoned(scenario: Scenario): Scenario {
  return after(scenario, { kind: 'cap', mask: 7n });
}

function before(scenario: Scenario, event: ScenarioEvent): Scenario {
  return { events: [event, ...scenario.events] };
}

function after(scenario: Scenario, ...events: ScenarioEvent[]): Scenario {
  return { events: [...scenario.events, ...events] };
}

/** Exit masks, APIC modes and ignore_msrs: at the start, and in place of the scenario's own. */
function* settings(scenario: Scenario): Generator<Scenario> {
  for (let mask = 0n; mask < 8n; mask++) {
    yield before(scenario, { kind: 'cap', mask });
    yield after(scenario, { kind: 'cap', mask });
  }
  for (const mask of [8n, 1n << 32n]) yield after(scenario, { kind: 'cap', mask });
  yield after(scenario, { kind: 'cap', mask: 7n, flags: 1 }, { kind: 'cap', mask: 7n, cap: 189 });
  yield after(scenario, { kind: 'cap', mask: 4n }, { kind: 'cap', mask: 2n });
  for (const mode of [0, 1, 2] as const) {
    yield before(scenario, { kind: 'apic', mode });
    yield after(scenario, { kind: 'cap', mask: 7n }, { kind: 'apic', mode });
  }
  yield before(scenario, { kind: 'ignoreMsrs', on: true });
  yield after(scenario, { kind: 'cap', mask: 7n }, { kind: 'ignoreMsrs', on: true });
}

/** Filters as a whole: flags, delivery, order and number of slots, and what follows one. */
function* filters(scenario: Scenario): Generator<Scenario> {
  for (const flags of [0, 1, 2, 3]) yield mapFilters(scenario, (filter) => ({ ...filter, flags }));
  for (const flags of [0, 1]) yield mapFilters(scenario, () => ({ flags, ranges: [] }));
  yield mapFilters(scenario, ({ flags, ranges }) => ({ flags, ranges: ranges.toReversed() }));
  const hole = { flags: 0xff, nmsrs: 0, base: 0, bitmap: null };
  yield mapFilters(scenario, ({ flags, ranges }) => ({ flags, ranges: [hole, ...ranges].slice(0, 16) }));
  const filler = { flags: 1, nmsrs: 1, base: 0x123, bitmap: new Uint8Array(8) };
  yield mapFilters(scenario, ({ flags, ranges }) => ({
    flags,
    ranges: [...new Array<MsrFilterRange>(Math.max(0, 16 - ranges.length)).fill(filler), ...ranges],
  }));
  for (const [number, event] of scenario.events.entries()) {
    if (event.kind !== 'filter') continue;
    for (const delivery of ['overwritten', 'compat', 'short'] as const)
      yield withEvent(scenario, number, { ...event, delivery });
  }
  for (const filter of [REJECTED, DENYING, { flags: 0, ranges: [] }]) yield after(scenario, { kind: 'filter', filter });
  yield after(scenario, { kind: 'filter', filter: DENYING }, { kind: 'filter', filter: REJECTED });
}

/** One range changed at a time, and its opposite put before and behind it. */
function* ranges(scenario: Scenario): Generator<Scenario> {
  let changed = 0;
  for (const [number, event] of scenario.events.entries()) {
    if (event.kind !== 'filter') continue;
    for (const [slot, range] of event.filter.ranges.entries()) {
      if (++changed > MAX_CHANGED_RANGES) return;
      for (const by of rangeChanges(range)) {
        const { flags, ranges } = event.filter;
        const list = [...ranges.slice(0, slot), ...by, ...ranges.slice(slot + 1)].slice(0, 16);
        yield withEvent(scenario, number, { ...event, filter: { flags, ranges: list } });
      }
    }
  }
}

function rangeChanges(range: MsrFilterRange): MsrFilterRange[][] {
  const { base, nmsrs } = range;
  const bitmap = range.bitmap ?? new Uint8Array(8);
  const changes: MsrFilterRange[][] = [[], [{ ...range, nmsrs: 0 }], [{ ...range, bitmap: null }]];
  for (const flags of [0, 1, 2, 3, 4, 5]) changes.push([{ ...range, flags }]);
  for (const flags of [0, 4]) changes.push([{ ...range, flags, bitmap: null }]);
  for (const to of [1, 0x10, 0x7f8, 0x8f8, 0x7fff_ffff, 0xffff_ffff]) changes.push([{ ...range, base: to }]);

  for (const to of [0x7ff, 0x8fe, 0x7fff_fffe, 0xffff_fffe])
    changes.push([withBits({ ...range, base: to, nmsrs: 4 }, [1, 2])]);
  const opposite = { ...range, bitmap: bitmap.map((byte) => ~byte) };
  const inner = reshape(opposite, (base + 1) >>> 0, 1);
  changes.push([opposite], [range, opposite], [opposite, range], [range, inner], [inner, range]);
  const patterned = { ...range, bitmap: bitmap.map((_, i) => 0x35 + i * 0x1f) };
  changes.push([patterned], [{ ...patterned, flags: 3 }, range]);
  for (const to of [nmsrs + 1, nmsrs - 1, 12, 100, 600, 12288, 12289].filter((n) => n > 0)) {
    const resized = withBits({ ...range, nmsrs: to }, [0, 2, 3, 8, 15, 63, 64, 0x101]);
    changes.push([resized], [{ ...resized, bitmap: resized.bitmap!.subarray(0, Math.ceil(to / 8)) }]);
  }
  for (const to of [12289, 12290, 12296, 12353])
    changes.push([{ ...range, nmsrs: to, bitmap: new Uint8Array(Math.ceil(to / 64) * 8) }]);
  changes.push([{ ...range, bitmap: bitmap.subarray(1) }]);
  return changes;
}

/** An access that is denied, and replies to it. */
function* replies(scenario: Scenario): Generator<Scenario> {
  const batch: AccessBatch = { indices: Uint32Array.of(0x10), types: Uint8Array.of(0) };
  const exit: ScenarioEvent[] = [
    { kind: 'cap', mask: 7n },
    { kind: 'filter', filter: DENYING },
    { kind: 'access', batch },
  ];
  for (const error of [0, 1, 2, 0x80, 255]) {
    const reply: ScenarioEvent = { kind: 'reply', error, data: 0n };
    yield after(scenario, ...exit, reply, reply);
    yield after(scenario, ...exit, { kind: 'filter', filter: { flags: 0, ranges: [] } }, reply);
    yield after(scenario, reply);
  }
}
