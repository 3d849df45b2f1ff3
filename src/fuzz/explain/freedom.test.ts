import { describe, expect, it } from 'vitest';
import type { Scenario } from '../../model/scenario.ts';
import { parseScenario, type ScenarioJson, scenarioToJson } from '../../model/scenario-json.ts';
import { type FreedomPlace, type FreedomStatement, freedom, MAX_FREEDOM_CALLS } from './freedom.ts';

const scenario = parseScenario(
  {
    events: [
      { filter: { flags: 'allow', ranges: [{ flags: 'r', base: '0x10', nmsrs: 1, bitmap: { allow: [] } }] } },
      { access: [['0x10', 'r']] },
    ],
  },
  'test',
);
const place: FreedomPlace = { kind: 'verdict', event: 1, access: 0, index: 0x10 };

function textOf(statements: readonly FreedomStatement[], field: string): string | undefined {
  return statements.find((statement) => statement.field === field)?.text;
}

/** The range of the last filter and the last access. */
function parts({ events }: Scenario) {
  const filter = events.findLast((event) => event.kind === 'filter')!.filter;
  const { batch } = events.findLast((event) => event.kind === 'access')!;
  return { filter, range: filter.ranges[0]!, index: batch.indices[0]!, type: batch.types[0]! };
}

describe('freedom', () => {
  it('lists what was tried and with which values it still diverges', () => {
    // A made-up bug: every read denied by a range is wrong, but for 0x800-0x8ff and index 0xffffffff.
    const diverges = (candidate: Scenario): boolean => {
      const { filter, range, index, type } = parts(candidate);
      const covered = index >= range.base && index < range.base + range.nmsrs && index !== 0xffff_ffff;
      const bit = (range.bitmap![(index - range.base) >>> 3]! >>> ((index - range.base) & 7)) & 1;
      const read = type === 0 && (range.flags & 1) === 1;
      return filter.flags === 0 && covered && bit === 0 && read && !(index >= 0x800 && index <= 0x8ff);
    };
    const statements = freedom(scenario, place, diverges, [0x0, 0x10, 0x7ff, 0x800, 0x8ff, 0x900, 0xffff_ffff]);
    const range = 'events[0].filter.ranges[0]';
    expect(statements.map(({ field, text }) => [field, text])).toEqual([
      [
        `${range}.base and the accessed index, together`,
        'any of 0x0-0x7ff, 0x900 tried (4 of 7 samples); not 0x800-0x8ff, 0xffffffff',
      ],
      [
        `${range}.base and the accessed index, together, with exit mask 0x7`,
        'any of 0x0-0x7ff, 0x900 tried (4 of 7 samples); not 0x800-0x8ff, 0xffffffff',
      ],
      ['events[0].filter.flags', 'only allow; not deny (1 other tried)'],
      ['the default actions and all bitmaps, together', 'only as they are; not inverted (1 other tried)'],
      [`${range}.flags`, 'any of r, rw tried (2 of 3 samples); not w'],
      [`${range}.nmsrs`, 'any of 1-12288 tried (4 of 4 samples)'],
      [`the bit of MSR 0x10 in ${range}.bitmap`, 'only 0; not 1 (1 other tried)'],
      [`the other bits of ${range}.bitmap`, 'any of as they are, all 0, all 1, alternating tried (4 of 4 samples)'],
      ['the type of events[1].access[0]', 'only read; not write (1 other tried)'],
      [
        'all access types and range flags, together',
        'only as they are; not read and write exchanged, the same with exit mask 0x7 (2 others tried)',
      ],
      ['events[1].form', 'any of native, immediate, emulator tried (3 of 3 samples)'],
      ['the exit mask, set before everything', 'any of 0x0-0x7 tried (8 of 8 samples)'],
      ['the APIC mode, set before everything', 'any of none, xapic, x2apic tried (3 of 3 samples)'],
    ]);
    expect(statements[0]!.held).toEqual(['0x0', '0x10', '0x7ff', '0x900']);
    expect(statements[0]!.failed).toEqual(['0x800', '0x8ff', '0xffffffff']);
  });

  it('changes the exit mask, the APIC mode and the reply where the scenario has them', () => {
    const json: ScenarioJson = {
      events: [
        { cap: '0x2' },
        { apic: 'xapic' },
        { access: [['0xdeadbeef', 'r']] },
        { reply: { error: 2, data: '0x0' } },
      ],
    };
    const withReply = parseScenario(json, 'test');
    const diverges = ({ events: [cap, , , reply] }: Scenario): boolean =>
      cap?.kind === 'cap' && (cap.mask & 2n) === 2n && reply?.kind === 'reply' && reply.error > 1;
    const at: FreedomPlace = { kind: 'completion', event: 3, access: -1, index: 0 };
    const statements = freedom(withReply, at, diverges, [0x10, 0x174]);
    expect(statements.map(({ field, text }) => [field, text])).toEqual([
      ['the accessed index', 'any of 0x10-0xdeadbeef tried (3 of 3 samples)'],
      ['events[0].cap', 'any of 0x2-0x3, 0x6-0x7 tried (4 of 8 samples); not 0x0-0x1, 0x4-0x5'],
      ['events[1].apic', 'any of none, xapic, x2apic tried (3 of 3 samples)'],
      ['events[3].reply.error', 'any of 2, 128, 255 tried (3 of 5 samples); not 0, 1'],
      ['events[3].reply.data', 'any of 0x0, 0x1, 0xffffffffffffffff tried (3 of 3 samples)'],
    ]);
    expect(scenarioToJson(withReply)).toEqual(json);
  });

  it('moves the bases where no access is in question', () => {
    const at: FreedomPlace = { kind: 'errno', event: 0, access: -1, index: 0 };
    const statements = freedom({ events: scenario.events.slice(0, 1) }, at, () => true);
    expect(textOf(statements, 'events[0].filter.ranges[0].base')).toBe('any of 0x0-0xffffffff tried (6 of 6 samples)');
    expect(statements.some(({ field }) => field.includes('mask'))).toBe(false);
  });

  it('stays within its budget and states only what it tried', () => {
    const range = { flags: 'rw', base: '0x10', nmsrs: 2, bitmap: { allow: [] } };
    const filter = { filter: { flags: 'deny', ranges: [range, range, range, range] } };
    const large = parseScenario({ events: [filter, filter, filter, filter, { access: [['0x10', 'r']] }] }, 'test');
    let calls = 0;
    const many = Array.from({ length: 100 }, (_, i) => i);
    const statements = freedom(large, { ...place, event: 4 }, () => ++calls % 2 === 0, many);
    expect(calls).toBeLessThanOrEqual(MAX_FREEDOM_CALLS);
    const tried = statements.reduce((sum, { held, failed }) => sum + held.length + failed.length, 0);
    expect(tried - statements.length).toBeLessThanOrEqual(calls);
  });
});
