/** Moves that make events plain: deliveries, forms, masks, modes, replies, lists, and their order. */
import { KVM_MSR_FILTER_MAX_RANGES } from '../../model/filter.ts';
import type { FilterEvent, MsrPassthrough, Scenario, ScenarioEvent } from '../../model/scenario.ts';
import { NOTHING, plainRange, withEvent, withoutEvents } from './edit.ts';
import { rankOf } from './order.ts';
import type { Move, Search } from './search.ts';

/** Each event by itself, as plain as it can be. */
export const plainEvents: Move = (search) => {
  for (let number = 0; number < search.scenario.events.length; number++) {
    const event = search.scenario.events[number]!;
    const others = event.kind === 'filter' ? [...plainer(event), ...wishes(search)] : plainer(event);
    search.trySmallest(others.map((other) => withEvent(search.scenario, number, other)));
    shortenList(search, number);
  }
};

/** Accesses that follow each other are one event. */
export const joinAccesses: Move = (search) => {
  for (let number = 0; number + 1 < search.scenario.events.length; number++) {
    const [first, second] = [search.scenario.events[number]!, search.scenario.events[number + 1]!];
    if (first.kind !== 'access' || second.kind !== 'access' || first.batch.form !== second.batch.form) continue;
    if (first.batch.values || second.batch.values) continue;
    const indices = Uint32Array.from([first, second].flatMap(({ batch }) => [...batch.indices]));
    const types = Uint8Array.from([first, second].flatMap(({ batch }) => [...batch.types]));
    const joined: ScenarioEvent = { kind: 'access', batch: { ...first.batch, indices, types } };
    const rest = withoutEvents(search.scenario, (event) => event === number + 1);
    if (search.try(withEvent(rest, number, joined))) number--;
  }
};

/** A wish for pass-through changes a bitmap as a filter does. */
function wishes({ observation: { kind, index } }: Search): ScenarioEvent[] {
  if (!kind.startsWith('bitmap:')) return [];
  return [0, 1, 2, 3].map((bits) => ({
    kind: 'candidates',
    changes: [{ index, read: (bits & 1) !== 0, write: (bits & 2) !== 0 }],
  }));
}

function plainer(event: ScenarioEvent): ScenarioEvent[] {
  switch (event.kind) {
    case 'filter':
      return plainerFilters(event);
    case 'access': {
      const { indices, types } = event.batch;
      return [
        { kind: 'access', batch: { indices, types } },
        ...(['immediate', 'emulator'] as const).map(
          (form): ScenarioEvent => ({ kind: 'access', batch: { form, indices, types } }),
        ),
      ];
    }
    case 'cap':
      return plainerCaps(event.mask & 15n);
    case 'apic':
      // A mode that makes x2APIC MSRs work makes the same difference visible as an exit mask does.
      return [
        NOTHING,
        { kind: 'cap', mask: 7n },
        ...([0, 1, 2] as const).map((mode): ScenarioEvent => ({ kind: 'apic', mode })),
      ];
    case 'ignoreMsrs':
      // What shows because unknown MSRs succeed shows as well because they exit.
      return [NOTHING, { kind: 'cap', mask: 2n }, { kind: 'cap', mask: 7n }];
    case 'reply':
      return [0, 1, 2, 0x80].map((error) => ({ kind: 'reply', error, data: 0n }));
    case 'candidates':
      return [NOTHING];
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

/** No range, accepted or not; or one range that is rejected, for each reason. */
function plainerFilters({ filter, delivery }: FilterEvent): ScenarioEvent[] {
  const empty = [0, 1, 2].map((flags) => ({ flags, ranges: [] }));
  const bad = [plainRange(0, 0), plainRange(0, 4), { ...plainRange(0, 1), bitmap: null }];
  const filters = [...empty, ...bad.map((range) => ({ flags: 0, ranges: [range] }))];
  const events = filters.map((other): ScenarioEvent => ({ kind: 'filter', filter: other }));
  if (delivery) events.push({ kind: 'filter', filter: { flags: 0, ranges: [] }, delivery });
  return [{ kind: 'filter', filter }, ...events];
}

function plainerCaps(mask: bigint): ScenarioEvent[] {
  const masks = [...Array(16).keys()].map(BigInt);
  const high = [1n << 31n, 1n << 32n, 1n << 63n].flatMap((bit) => [bit, bit | mask]);
  const plain = [...masks, ...high].map((value): ScenarioEvent => ({ kind: 'cap', mask: value }));
  const low = masks.slice(0, 8);
  const flagged = low.map((value): ScenarioEvent => ({ kind: 'cap', mask: value, flags: 1 }));
  return [...plain, ...flagged, ...low.map((value): ScenarioEvent => ({ kind: 'cap', mask: value, cap: 189 }))];
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
  const set = (list: readonly MsrPassthrough[]): boolean =>
    search.try(withEvent(search.scenario, number, withList(search.scenario.events[number]!, list)));
  const list = (): readonly MsrPassthrough[] => listOf(search.scenario.events[number]);
  if (list().length === 0) return;
  const { index } = search.observation;
  set([]);
  set(list().filter((entry) => entry.index === index));
  for (let i = list().length - 1; i >= 0; i--) set(list().filter((_, entry) => entry !== i));
  for (let i = 0; i < list().length; i++) {
    const entry = list()[i]!;
    const variants = [false, true].flatMap((write) => [false, true].map((read) => ({ ...entry, read, write })));
    for (const variant of variants) {
      if (set(list().map((old, at) => (at === i ? variant : old)))) break;
    }
  }
}

/** Events in the order of their kinds, as far as the divergence allows: neighbours change places. */
export const orderEvents: Move = (search) => {
  for (let i = search.scenario.events.length - 1; i > 0; i--) {
    for (let at = i; at < search.scenario.events.length; at++) {
      const { events } = search.scenario;
      const [before, after] = [events[at - 1]!, events[at]!];
      if (rankOf(after) >= rankOf(before)) break;
      const swapped = [...events.slice(0, at - 1), after, before, ...events.slice(at + 1)];
      if (!search.try({ events: swapped })) break;
    }
  }
};

/** The ranges of two filters, or the bits of two masks, in one event. */
function merged(scenario: Scenario, i: number, j: number): Scenario[] {
  const [first, second] = [scenario.events[i]!, scenario.events[j]!];
  if (first.kind === 'cap' && second.kind === 'cap') {
    const both = withEvent(scenario, j, { ...second, mask: first.mask | second.mask });
    return [withoutEvents(both, (number) => number === i)];
  }
  if (first.kind !== 'filter' || second.kind !== 'filter') return [];
  const ranges = [...first.filter.ranges, ...second.filter.ranges];
  if (ranges.length > KVM_MSR_FILTER_MAX_RANGES) return [];
  const both = withEvent(scenario, j, { ...second, filter: { flags: second.filter.flags, ranges } });
  return [withoutEvents(both, (number) => number === i)];
}

/** Contents of two events of one kind exchanged, also with one of them dropped; and merged. */
export const exchangeContents: Move = (search) => {
  for (let i = 0; i < search.scenario.events.length; i++) {
    for (let j = i + 1; j < search.scenario.events.length; j++) {
      const { events } = search.scenario;
      const [first, second] = [events[i]!, events[j]!];
      if (first.kind !== second.kind || first.kind === 'access') continue;
      const swapped = { events: events.map((event, n) => (n === i ? second : n === j ? first : event)) };
      const lists = withEvent(
        withEvent(search.scenario, i, withList(first, listOf(second))),
        j,
        withList(second, listOf(first)),
      );
      search.trySmallest([
        swapped,
        lists,
        withoutEvents(swapped, (number) => number === i),
        withoutEvents(swapped, (number) => number === j),
        ...merged(search.scenario, i, j),
      ]);
    }
  }
};
