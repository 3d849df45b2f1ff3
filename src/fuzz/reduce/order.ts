/**
 * The total order of scenarios: what "smaller" means. The size comes first (events + accesses + ranges + MSRs), then
 * what it is made of, plainer forms, fewer set bits, and last the numbers: kinds of events, MSRs accessed, filters,
 * and masks. Only strictly smaller scenarios replace the current one, so a reduction ends, and two reductions of one
 * bug that reach the smallest scenario reach the same bytes.
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

export function rankOf(event: ScenarioEvent): number {
  return KIND_RANK[event.kind];
}

/** What the numbers of a cost are collected in. */
class Tally {
  accesses = 0;
  ranges = 0;
  msrs = 0;
  oddities = 0;
  setBits = 0;
  readonly indices: number[] = [];
  readonly filters: number[] = [];
  readonly rest: number[] = [];
  readonly bits: string[] = [];

  add(event: ScenarioEvent): void {
    switch (event.kind) {
      case 'filter':
        this.addFilter(event);
        break;
      case 'access': {
        const { indices, types, form, values } = event.batch;
        this.accesses += indices.length;
        this.oddities += (form ? 1 : 0) + (values?.some((value) => value !== 0n) ? 1 : 0);
        for (let i = 0; i < indices.length; i++) this.indices.push(indices[i]!, types[i]!);
        this.rest.push(ACCESS_FORMS.indexOf(form ?? 'native'));
        if (values) for (const value of values) this.addU64(value);
        break;
      }
      case 'cap': {
        const { mask, flags = 0, cap = 188 } = event;
        this.oddities += flags !== 0 || cap !== 188 ? 1 : 0;
        this.addU64(mask);
        this.rest.push(flags, cap);
        break;
      }
      case 'apic':
        this.rest.push(event.mode);
        break;
      case 'candidates':
        this.addList(event.changes);
        break;
      case 'nested':
        this.oddities += (event.bitmaps ? 0 : 1) + (event.mapped ? 0 : 1) + (event.clean ? 1 : 0);
        this.addList(event.passthrough);
        this.rest.push(event.bitmaps ? 0 : 1, event.mapped ? 0 : 1, event.clean ? 1 : 0);
        break;
      case 'reply':
        this.rest.push(event.error);
        this.addU64(event.data);
        break;
      case 'ignoreMsrs':
        this.rest.push(event.on ? 1 : 0);
        break;
    }
  }

  private addFilter({ filter, delivery }: FilterEvent): void {
    this.ranges += filter.ranges.length;
    this.oddities += delivery ? 1 : 0;
    this.filters.push(FILTER_DELIVERIES.indexOf(delivery ?? 'normal'), filter.flags, filter.ranges.length);
    for (const { base, nmsrs, flags, bitmap } of filter.ranges) {
      this.msrs += nmsrs;
      // What the ioctl rejects by size it does not read: 8 bytes stand for any number.
      const plain = nmsrs > 12288 ? 8 : Math.ceil(nmsrs / 64) * 8;
      this.oddities += bitmap?.length === plain ? 0 : 1;
      for (let byte of bitmap ?? []) for (; byte !== 0; byte &= byte - 1) this.setBits++;
      this.filters.push(base, nmsrs, flags, bitmap ? bitmap.length : -1);
      this.bits.push(bitmap === null ? 'null' : Buffer.from(bitmap).toString('hex'));
    }
  }

  private addList(list: readonly { index: number; read: boolean; write: boolean }[]): void {
    this.accesses += list.length;
    this.indices.push(list.length);
    for (const { index, read, write } of list) this.indices.push(index, Number(read) + 2 * Number(write));
  }

  private addU64(value: bigint): void {
    this.rest.push(Number(value >> 32n), Number(value & 0xffff_ffffn));
  }
}

export function costOf({ events }: Scenario): Cost {
  const tally = new Tally();
  for (const event of events) tally.add(event);
  const { accesses, ranges, msrs, oddities, setBits, indices, filters, rest, bits } = tally;
  const size = events.length + accesses + ranges + msrs;
  const shape = [size, events.length, accesses, ranges, msrs, oddities, setBits, ...events.map(rankOf)];
  return { numbers: [...shape, ...indices, ...filters, ...rest], bits: bits.join(' ') };
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
  return costOf(scenario).numbers[0]!;
}
