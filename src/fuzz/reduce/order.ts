/**
 * The total order of scenarios: what "smaller" means. Fewer events, accesses, ranges and MSRs come first, then
 * plainer forms, fewer set bits, and smaller numbers. Only strictly smaller scenarios replace the current one, so a
 * reduction ends, and two reductions of one bug that reach the smallest scenario reach the same bytes.
 */
import type { FilterEvent, Scenario, ScenarioEvent } from '../../model/scenario.ts';
import { ACCESS_FORMS, FILTER_DELIVERIES } from '../../model/scenario.ts';

export interface Cost {
  readonly numbers: readonly number[];
  /** Bitmaps in hex: the last tie-breaker. */
  readonly bits: string;
}

const KIND_RANK: Record<ScenarioEvent['kind'], number> = {
  filter: 0,
  cap: 1,
  apic: 2,
  candidates: 3,
  nested: 4,
  reply: 5,
  ignoreMsrs: 6,
  access: 7,
};

export function costOf(scenario: Scenario): Cost {
  let accesses = 0;
  let ranges = 0;
  let msrs = 0;
  let oddities = 0;
  let setBits = 0;
  const rest: number[] = [];
  const bits: string[] = [];
  for (const event of scenario.events) {
    rest.push(KIND_RANK[event.kind]);
    switch (event.kind) {
      case 'filter':
        ranges += event.filter.ranges.length;
        for (const { nmsrs, bitmap } of event.filter.ranges) {
          msrs += nmsrs;
          oddities += bitmap?.length === Math.ceil(nmsrs / 64) * 8 ? 0 : 1;
          for (let byte of bitmap ?? []) for (; byte !== 0; byte &= byte - 1) setBits++;
          bits.push(bitmap === null ? 'null' : Buffer.from(bitmap).toString('hex'));
        }
        oddities += event.delivery ? 1 : 0;
        filterNumbers(event, rest);
        break;
      case 'access': {
        const { indices, types, form, values } = event.batch;
        accesses += indices.length;
        oddities += form ? 1 : 0;
        oddities += values?.some((value) => value !== 0n) ? 1 : 0;
        rest.push(ACCESS_FORMS.indexOf(form ?? 'native'));
        for (let i = 0; i < indices.length; i++) rest.push(indices[i]!, types[i]!);
        break;
      }
      case 'cap':
        oddities += (event.flags ?? 0) !== 0 || (event.cap ?? 188) !== 188 ? 1 : 0;
        rest.push(Number(event.mask), event.flags ?? 0, event.cap ?? 188);
        break;
      case 'apic':
        rest.push(event.mode);
        break;
      case 'candidates':
        accesses += event.changes.length;
        for (const { index, read, write } of event.changes) rest.push(index, Number(read) + 2 * Number(write));
        break;
      case 'nested':
        oddities += (event.bitmaps ? 0 : 1) + (event.mapped ? 0 : 1) + (event.clean ? 1 : 0);
        accesses += event.passthrough.length;
        for (const { index, read, write } of event.passthrough) rest.push(index, Number(read) + 2 * Number(write));
        break;
      case 'reply':
        rest.push(event.error, Number(event.data));
        break;
      case 'ignoreMsrs':
        rest.push(event.on ? 1 : 0);
        break;
    }
  }
  const { length } = scenario.events;
  return { numbers: [length, accesses, ranges, msrs, oddities, setBits, ...rest], bits: bits.join(' ') };
}

function filterNumbers({ filter, delivery }: FilterEvent, numbers: number[]): void {
  numbers.push(FILTER_DELIVERIES.indexOf(delivery ?? 'normal'), filter.flags);
  for (const { base, nmsrs, flags, bitmap } of filter.ranges)
    numbers.push(base, nmsrs, flags, bitmap ? bitmap.length : -1);
}

/** Negative: a is smaller. */
export function compareCost(a: Cost, b: Cost): number {
  const length = Math.min(a.numbers.length, b.numbers.length);
  for (let i = 0; i < length; i++) {
    const difference = a.numbers[i]! - b.numbers[i]!;
    if (difference !== 0) return difference;
  }
  if (a.numbers.length !== b.numbers.length) return a.numbers.length - b.numbers.length;
  return a.bits < b.bits ? -1 : a.bits > b.bits ? 1 : 0;
}

/** Events + accesses + ranges + MSRs: the size that reports and the planted-bug table give. */
export function sizeOf(scenario: Scenario): number {
  const [events, accesses, ranges, msrs] = costOf(scenario).numbers;
  return events! + accesses! + ranges! + msrs!;
}
