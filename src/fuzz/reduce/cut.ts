/** Moves that cut a scenario down: events, accesses, ranges. */
import type { MsrFilterRange } from '../../model/filter.ts';
import type { AccessEvent, Scenario } from '../../model/scenario.ts';
import { mapFilters, pick, rangesOf, touches, withEvent, withoutEvents, withRanges } from './edit.ts';
import type { Move } from './search.ts';

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
