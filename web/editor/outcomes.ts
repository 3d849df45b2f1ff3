/** What the engines answered, in the places of the scenario that they answered to. */
import type { MsrFilter } from '../../src/model/filter.ts';
import type { Scenario } from '../../src/model/scenario.ts';
import type { AccessOutcome, RunReply } from '../../src/web/api.ts';
import type { Marker } from '../number-line/picture.ts';

/** The verdict that all engines gave that take part; "≠" if they differ; undefined if none does. */
export function commonVerdict({ verdicts }: AccessOutcome): string | undefined {
  const [first, ...others] = new Set(verdicts.map(({ verdict }) => verdict).filter((verdict) => verdict !== '-'));
  return others.length > 0 ? '≠' : first;
}

/** The errno that all engines gave a filter; undefined if they took it, differ, or have not answered. */
export function rejection(reply: RunReply | undefined, number: number | undefined): string | undefined {
  const results = number === undefined ? undefined : reply?.events[number]?.results;
  const [first, ...others] = new Set(Object.values(results ?? {}).filter((result) => result !== '-'));
  return others.length === 0 && first !== '0' ? first : undefined;
}

/** Numbers of the events that set a filter. */
export function filterEvents({ events }: Scenario): number[] {
  return events.flatMap(({ kind }, number) => (kind === 'filter' ? [number] : []));
}

/** The filter to look at first: the one before what differs, or else the last. */
export function decisiveFilter(scenario: Scenario, differsAt: number | undefined): number | undefined {
  const numbers = filterEvents(scenario);
  return numbers.findLast((number) => differsAt === undefined || number <= differsAt) ?? numbers[0];
}

export function filterAt({ events }: Scenario, number: number | undefined): MsrFilter | undefined {
  const event = number === undefined ? undefined : events[number];
  return event?.kind === 'filter' ? event.filter : undefined;
}

/** The accesses between a filter and the next one. An answer to another scenario (an older one) is not looked at. */
export function markersOf(scenario: Scenario, filter: number | undefined, reply: RunReply | undefined): Marker[] {
  const { events } = scenario;
  const from = filter === undefined ? 0 : filter + 1;
  const next = events.findIndex(({ kind }, number) => number >= from && kind === 'filter');
  const markers: Marker[] = [];
  for (let number = from; number < (next < 0 ? events.length : next); number++) {
    const event = events[number]!;
    if (event.kind !== 'access') continue;
    const { indices, types } = event.batch;
    const outcomes = reply?.events[number]?.accesses;
    for (let at = 0; at < indices.length; at++) {
      const outcome = outcomes?.[at];
      const known =
        outcome && outcome.index === indices[at] && outcome.write === (types[at] === 1) ? outcome : undefined;
      markers.push({
        index: indices[at]!,
        write: types[at] === 1,
        verdict: known && commonVerdict(known),
        differs: known?.differs ?? false,
      });
    }
  }
  return markers;
}

/** Where engines differ first: number of the event, and of the access in it if it is one. */
export function firstDifference(
  reply: RunReply,
): { readonly event: number; readonly access: number | undefined } | undefined {
  for (const [event, { accesses, results }] of reply.events.entries()) {
    const access = accesses?.findIndex(({ differs }) => differs) ?? -1;
    if (access >= 0) return { event, access };
    if (results && resultsDiffer(results)) return { event, access: undefined };
  }
  return undefined;
}

/** Whether engines that take part gave different results. */
export function resultsDiffer(results: Readonly<Record<string, string>>): boolean {
  return new Set(Object.values(results).filter((result) => result !== '-')).size > 1;
}
