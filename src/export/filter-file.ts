/** Which filter of a scenario is handed over as bytes. */
import { InputError } from '../model/input-error.ts';
import type { FilterEvent, Scenario } from '../model/scenario.ts';
import { expectations } from './expectations.ts';
import type { ExportSubject } from './subject.ts';

/**
 * Number of the event of the filter in force where the scenario diverges, or at its end; where the divergence is the
 * ioctl's errno, of that ioctl. Where no filter is ever in force, of the last one.
 */
function filterAtDivergence({ scenario, profile, divergence, explanation }: ExportSubject): number | undefined {
  const place = explanation && 'event' in explanation ? explanation.event : Number.POSITIVE_INFINITY;
  const filters = [...scenario.events.entries()].filter(([at, { kind }]) => kind === 'filter' && at <= place);
  const last = filters.at(-1)?.[0];
  if (divergence?.kind === 'errno') return last;
  const { codes } = expectations(scenario, profile);
  return filters.findLast(([at]) => codes[at] === 0)?.[0] ?? last;
}

/** The filter that event number `chosen` sets, or the one in force where it diverges. Throws InputError. */
export function filterToHandOver(subject: ExportSubject, chosen?: number): FilterEvent {
  const { events } = subject.scenario;
  const number = chosen ?? filterAtDivergence(subject);
  if (number === undefined) throw new InputError(`${subject.source} sets no filter: use --format json`);
  const event = events[number];
  if (event?.kind === 'filter') return event;
  const what = event ? `sets no filter but is ${event.kind}` : `is not there: the last is ${events.length - 1}`;
  throw new InputError(`${subject.source}: event ${number} ${what}; filters are at ${filterPlaces(subject.scenario)}`);
}

function filterPlaces({ events }: Scenario): string {
  const places = events.flatMap(({ kind }, number) => (kind === 'filter' ? [number] : []));
  return places.length === 0 ? 'none' : places.join(', ');
}
