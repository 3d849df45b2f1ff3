import { describe, expect, it } from 'vitest';
import type { EngineCapabilities } from '../engines/contract.ts';
import type { MeasuredKernel } from '../model/kernel.ts';
import type { AccessEvent, Scenario } from '../model/scenario.ts';
import { Random } from './random.ts';
import { Sampler } from './sample.ts';

const CAPABILITIES: EngineCapabilities = {
  events: ['filter', 'cap', 'access', 'reply'],
  forms: ['native'],
  routes: false,
};
const KERNEL: MeasuredKernel = {
  description: 'Linux 6.1',
  profile: '6.1',
  rows: [],
  unsteady: [{ index: 7, type: 1 }],
};

const accesses = (length: number, form?: 'emulator'): AccessEvent => ({
  kind: 'access',
  batch: {
    ...(form ? { form } : {}),
    indices: Uint32Array.from({ length }, (_, i) => i),
    types: new Uint8Array(length).fill(1),
    values: new BigUint64Array(length).fill(5n),
  },
});

function sample(scenario: Scenario, wanted = 4, capabilities = CAPABILITIES): Scenario {
  return new Sampler(capabilities, KERNEL, wanted).take(scenario, new Random(1));
}

describe('Sampler', () => {
  it('keeps so many accesses of each event, in order, the last one among them', () => {
    const { events } = sample({ events: [accesses(100), accesses(3)] });
    const [many, few] = events.map((event) => Array.from((event as AccessEvent).batch.indices));
    expect(many).toHaveLength(4);
    expect(many).toEqual(many!.toSorted((a, b) => a - b));
    expect(many!.at(-1)).toBe(99);
    expect(few).toEqual([0, 1, 2]);
  });

  it('leaves out written values and accesses that the kernel answers now so, now otherwise', () => {
    const [event] = sample({ events: [accesses(8)] }, 8).events as AccessEvent[];
    expect(Array.from(event!.batch.indices)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(event!.batch.values).toBeUndefined();
  });

  it('leaves out what the kernel cannot run, and what only models have', () => {
    const scenario: Scenario = {
      events: [
        { kind: 'cap', mask: 4n },
        { kind: 'apic', mode: 2 },
        { kind: 'candidates', changes: [] },
        accesses(4, 'emulator'),
        { kind: 'reply', error: 1, data: 0n },
      ],
    };
    const kinds = (
      events: readonly EngineCapabilities['events'][number][],
      forms: EngineCapabilities['forms'],
    ): string[] => sample(scenario, 4, { events, forms: forms!, routes: false }).events.map(({ kind }) => kind);
    expect(kinds(['filter', 'cap', 'access', 'reply'], ['native'])).toEqual(['cap', 'reply']);
    expect(kinds(['filter', 'cap', 'apic', 'candidates', 'access', 'reply'], ['native', 'emulator'])).toEqual([
      'cap',
      'apic',
      'access',
      'reply',
    ]);
  });

  it('shares no bitmap with the generator, and takes the same sample for the same draws', () => {
    const bitmap = new Uint8Array(8).fill(1);
    const scenario: Scenario = {
      events: [
        { kind: 'filter', filter: { flags: 1, ranges: [{ flags: 3, nmsrs: 8, base: 0, bitmap }] } },
        accesses(64),
      ],
    };
    const first = sample(scenario);
    expect(sample(scenario)).toEqual(first);
    bitmap.fill(0);
    const [event] = first.events;
    expect(event?.kind === 'filter' && event.filter.ranges[0]!.bitmap![0]).toBe(1);
  });
});
