/** An axis: one field of a scenario, or fields that change together, with the values to try. */
import { hex } from '../../model/json-fields.ts';
import type { Scenario, ScenarioEvent } from '../../model/scenario.ts';
import { mapFilters, relocate, touches, withEvent } from '../reduce/edit.ts';
import type { FreedomPlace } from './freedom.ts';

export interface Sample {
  readonly name: string;
  /** Undefined: the scenario as it is. */
  readonly scenario?: Scenario;
}

export interface Axis {
  readonly field: string;
  readonly samples: readonly Sample[];
  /** The samples ascend, so that neighbours are written as a span. */
  readonly ordered: boolean;
  /** What to try next if a value fails: it may only fail because another field has to follow. */
  readonly otherwise?: Axis;
}

/** Ranges, over all filters, that are looked at. */
export const MAX_RANGES = 4;

/** Either side of what kernels and processors treat apart, and a few MSRs in between. */
const INDICES: readonly number[] = [
  0x0, 0x1, 0x10, 0x174, 0x7ff, 0x800, 0x8ff, 0x900, 0x1fff, 0x2000, 0x3fff_ffff, 0x4000_0000, 0x7fff_ffff, 0x8000_0000,
  0xc000_0000, 0xc001_0000, 0xdead_beef, 0xffff_fffe, 0xffff_ffff,
];
/** Where nothing is at the index, so that its neighbourhood does not matter either. */
const FEW_INDICES: readonly number[] = [0x0, 0x10, 0x800, 0x2000, 0x8000_0000, 0xffff_ffff];

/** Values by name, the present one among them. Without a name that is present, it is added in front. */
export function choice(
  field: string,
  present: string,
  values: Iterable<readonly [string, () => Scenario]>,
  otherwise?: Axis,
): Axis {
  const samples: Sample[] = [];
  for (const [name, make] of values) samples.push(name === present ? { name } : { name, scenario: make() });
  if (!samples.some(({ name }) => name === present)) samples.unshift({ name: present });
  return otherwise ? { field, samples, ordered: false, otherwise } : { field, samples, ordered: false };
}

/** Numbers, written in hex, the present one among them; `asItIs` where that one has to be tried too. */
export function numbers(
  field: string,
  present: number,
  values: readonly number[],
  make: (value: number) => Scenario,
  write: (value: number) => string = hex,
  asItIs?: Scenario,
): Axis {
  const ascending = [...new Set([...values, present])].sort((a, b) => a - b);
  const samples = ascending.map(
    (value): Sample =>
      value !== present
        ? { name: write(value), scenario: make(value) }
        : { name: write(value), ...(asItIs ? { scenario: asItIs } : {}) },
  );
  return { field, samples, ordered: true };
}

/** The index that the divergence is about: the observed one, or that of the access that a reply belongs to. */
export function indexOf(scenario: Scenario, { kind, event, access, index }: FreedomPlace): number | undefined {
  if (access >= 0 || kind.startsWith('bitmap:')) return index;
  for (let number = event; number >= 0; number--) {
    const earlier = scenario.events[number];
    if (earlier?.kind === 'access') return earlier.batch.indices.at(-1);
  }
  return undefined;
}

/** The index with all that is at it; where there is no index, the base of each range. */
export function indexAxes(scenario: Scenario, place: FreedomPlace, indices: readonly number[] = INDICES): Axis[] {
  const index = indexOf(scenario, place);
  if (index !== undefined) {
    const field = movedFields(scenario, index);
    // Nothing of the scenario is at the index: nothing to move.
    if (field === undefined) return [];
    const move = (from: Scenario) => (to: number) => relocate(from, index, to - index, false);
    const axis = numbers(field, index, indices, move(scenario));
    if (place.kind !== 'verdict') return [axis];
    const visible = withAllExits(scenario, place.event);
    const under = `${field}, with exit mask 0x7`;
    return [{ ...axis, otherwise: numbers(under, index, indices, move(visible), hex, visible) }];
  }
  const axes: Axis[] = [];
  for (const [number, event] of scenario.events.entries()) {
    if (event.kind !== 'filter') continue;
    for (const [slot, { base }] of event.filter.ranges.entries()) {
      if (axes.length >= MAX_RANGES) break;
      const move = (to: number): Scenario =>
        mapFilters(scenario, ({ flags, ranges }, at) => ({
          flags,
          ranges: ranges.map((range, i) => (at === number && i === slot ? { ...range, base: to } : range)),
        }));
      axes.push(numbers(`events[${number}].filter.ranges[${slot}].base`, base, FEW_INDICES, move));
    }
  }
  return axes;
}

/**
 * The scenario with every exit reason enabled. Without, a denial and an access that KVM itself fails are the same
 * #GP, so that most MSRs would seem to matter.
 */
export function withAllExits(scenario: Scenario, event: number): Scenario {
  const cap: ScenarioEvent = { kind: 'cap', mask: 7n };
  const number = scenario.events.findLastIndex(({ kind }, i) => kind === 'cap' && i <= event);
  return number < 0 ? { events: [cap, ...scenario.events] } : withEvent(scenario, number, cap);
}

/** What `relocate` moves, as paths; undefined if it moves nothing. */
function movedFields(scenario: Scenario, index: number): string | undefined {
  const fields: string[] = [];
  let accesses = 0;
  for (const [number, event] of scenario.events.entries()) {
    if (event.kind === 'filter') {
      for (const [slot, range] of event.filter.ranges.entries())
        if (touches(range, index)) fields.push(`events[${number}].filter.ranges[${slot}].base`);
    } else if (event.kind === 'candidates' || event.kind === 'nested') {
      const list = event.kind === 'nested' ? event.passthrough : event.changes;
      if (list.some((entry) => entry.index === index)) fields.push(`events[${number}].${event.kind}`);
    } else if (event.kind === 'access') {
      for (const at of event.batch.indices) if (Math.abs(at - index) <= 1) accesses++;
    }
  }
  if (accesses > 0) fields.push(accesses === 1 ? 'the accessed index' : 'the accessed indices');
  const last = fields.pop();
  return last === undefined || fields.length === 0 ? last : `${fields.join(', ')} and ${last}, together`;
}
