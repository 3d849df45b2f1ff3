/** Axes of the other events: accesses, exit mask, APIC mode, replies. */
import {
  type AccessEvent,
  APIC_MODE_NAMES,
  type ApicMode,
  type ReplyEvent,
  type Scenario,
  type ScenarioEvent,
} from '../../model/scenario.ts';
import { mapRanges, withEvent } from '../reduce/edit.ts';
import { type Axis, choice, withAllExits } from './axis.ts';
import type { FreedomPlace } from './freedom.ts';

const TYPES = ['read', 'write'];
const FORMS = ['native', 'immediate', 'emulator'] as const;

export function eventAxes(scenario: Scenario, place: FreedomPlace): Axis[] {
  const axes: Axis[] = [];
  const event = scenario.events[place.event];
  if (event?.kind === 'access') axes.push(...accessAxes(scenario, place, event));
  // Nothing comes before the creation of the VM.
  if (place.event < 0) return axes;
  // The ioctls do not look at them; their own events are another matter.
  const matters = (kind: ScenarioEvent['kind']): boolean =>
    place.kind !== 'errno' || scenario.events.some((other) => other.kind === kind);
  if (matters('cap')) axes.push(maskAxis(scenario, place));
  if (matters('apic')) axes.push(apicAxis(scenario, place));
  if (event?.kind === 'reply') axes.push(...replyAxes(scenario, place, event));
  return axes;
}

function accessAxes(scenario: Scenario, { event: number, access }: FreedomPlace, event: AccessEvent): Axis[] {
  const { batch } = event;
  const path = `events[${number}].access`;
  const turned = batch.types.map((type, i) => (i === access ? 1 - type : type));
  const turn = (): Scenario => withEvent(scenario, number, { ...event, batch: { ...batch, types: turned } });
  const exchanged = choice('all access types and range flags, together', 'as they are', [
    ['read and write exchanged', () => exchangeDirections(scenario)],
    ['the same with exit mask 0x7', () => exchangeDirections(withAllExits(scenario, number))],
  ]);
  const type = TYPES[batch.types[access]!]!;
  const inForm = (form: (typeof FORMS)[number]): Scenario =>
    withEvent(scenario, number, { ...event, batch: { ...batch, form } });
  return [
    choice(
      `the type of ${path}[${access}]`,
      type,
      TYPES.map((name) => [name, turn] as const),
      exchanged,
    ),
    choice(
      `events[${number}].form`,
      batch.form ?? 'native',
      FORMS.map((form) => [form, () => inForm(form)] as const),
    ),
  ];
}

function exchangeDirections(scenario: Scenario): Scenario {
  const exchanged = mapRanges(scenario, (range) => ({ ...range, flags: [0, 2, 1, 3][range.flags] ?? range.flags }));
  const events = exchanged.events.map((event): ScenarioEvent => {
    if (event.kind !== 'access') return event;
    return { ...event, batch: { ...event.batch, types: event.batch.types.map((type) => 1 - type) } };
  });
  return { events };
}

/** The exit mask in force: the scenario's last one before the divergence, or one set at the start. */
function maskAxis(scenario: Scenario, { event: last }: FreedomPlace): Axis {
  const number = scenario.events.findLastIndex((event, i) => event.kind === 'cap' && i <= last);
  const own = scenario.events[number];
  const masks = [0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n];
  if (own?.kind !== 'cap') {
    const values = masks.map((mask) => [hexOf(mask), () => atStart(scenario, { kind: 'cap', mask })] as const);
    return { ...choice('the exit mask, set before everything', '0x0', values), ordered: true };
  }
  const values = masks.map((mask) => [hexOf(mask), () => withEvent(scenario, number, { ...own, mask })] as const);
  return { ...choice(`events[${number}].cap`, hexOf(own.mask), values), ordered: own.mask < 8n };
}

function apicAxis(scenario: Scenario, { event: last }: FreedomPlace): Axis {
  const number = scenario.events.findLastIndex((event, i) => event.kind === 'apic' && i <= last);
  const own = scenario.events[number];
  const set = (mode: ApicMode): Scenario =>
    own ? withEvent(scenario, number, { kind: 'apic', mode }) : atStart(scenario, { kind: 'apic', mode });
  const values = APIC_MODE_NAMES.map((name, mode) => [name, () => set(mode as ApicMode)] as const);
  if (own?.kind !== 'apic') return choice('the APIC mode, set before everything', 'none', values);
  return choice(`events[${number}].apic`, APIC_MODE_NAMES[own.mode], values);
}

function replyAxes(scenario: Scenario, { event: number }: FreedomPlace, event: ReplyEvent): Axis[] {
  const path = `events[${number}].reply`;
  const errors = [0, 1, 2, 0x80, 0xff];
  const data = [0n, 1n, 0xffff_ffff_ffff_ffffn];
  return [
    choice(
      `${path}.error`,
      `${event.error}`,
      errors.map((error) => [`${error}`, () => withEvent(scenario, number, { ...event, error })] as const),
    ),
    choice(
      `${path}.data`,
      hexOf(event.data),
      data.map((value) => [hexOf(value), () => withEvent(scenario, number, { ...event, data: value })] as const),
    ),
  ];
}

function atStart(scenario: Scenario, event: ScenarioEvent): Scenario {
  return { events: [event, ...scenario.events] };
}

function hexOf(value: bigint): string {
  return `0x${value.toString(16)}`;
}
