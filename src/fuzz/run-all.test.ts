import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canary } from '../engines/canary.ts';
import type { Engine, EngineVm } from '../engines/contract.ts';
import { interval } from '../engines/interval.ts';
import { reference } from '../engines/reference.ts';
import { countAccesses, Runner } from '../engines/runner.ts';
import { svm } from '../engines/svm.ts';
import { vmx } from '../engines/vmx.ts';
import { catalogueBase } from '../model/catalogue.ts';
import { NEWEST_PROFILE } from '../model/profile.ts';
import type { Scenario } from '../model/scenario.ts';
import { parseScenario } from '../model/scenario-json.ts';
import { VERDICT_NAMES } from '../model/verdict.ts';
import { scenario as anyScenario } from './arbitrary.ts';
import { runAll } from './run-all.ts';

const ENGINES = [reference, interval, vmx, svm];
const config = { profile: NEWEST_PROFILE, base: catalogueBase() };
const scenario = (...events: unknown[]) => parseScenario({ events }, 'test');
/** SYSENTER_CS may be written, bit 0; SYSENTER_ESP, bit 1, may not; everything else by default. */
const FILTER = {
  filter: {
    flags: 'allow',
    ranges: [
      { flags: 'r', base: '0x10', nmsrs: 1, bitmap: { allow: [] } },
      { flags: 'rw', base: '0x174', nmsrs: 2, bitmap: { allow: ['0x174'] } },
    ],
  },
};

/** The reference with some methods of its VM replaced. */
function changed(name: string, methods: Partial<EngineVm>): Engine {
  return {
    ...{ name, capabilities: reference.capabilities },
    createVm: (given) => Object.assign(reference.createVm(given), { reset: undefined }, methods),
  };
}

describe('a known filter', () => {
  const outcome = runAll(
    scenario(
      { cap: '0x4' },
      FILTER,
      {
        access: [
          ['0x174', 'w', '0x1'],
          ['0x175', 'r'],
          ['0x10', 'w'],
          ['0x10', 'r'],
        ],
      },
      { reply: { error: 0, data: '0x5' } },
      { reply: { error: 0, data: '0x5' } },
      { apic: 'x2apic' },
      { access: [['0x802', 'r']] },
    ),
    ENGINES,
    config,
  );
  const engine = (name: string, event: number, access: number) =>
    outcome.events[event]!.accesses![access]!.verdicts[outcome.engines.indexOf(name)]!;

  test('results of events by name', () => {
    expect(outcome.engines).toEqual(['reference', 'interval', 'vmx', 'svm']);
    expect(outcome.events.map(({ kind }) => kind)).toEqual([
      'cap',
      'filter',
      'access',
      'reply',
      'reply',
      'apic',
      'access',
    ]);
    const all = (result: string) => ({ reference: result, interval: result, vmx: result, svm: result });
    expect(outcome.events[0]!.results).toEqual(all('0'));
    expect(outcome.events[1]!.results).toEqual(all('0'));
    expect(outcome.events[3]!.results).toEqual(all('done'));
    expect(outcome.events[4]!.results).toEqual(all('no-exit-pending'));
    expect(outcome.events[5]!.results).toBeUndefined();
  });
  test('verdicts, and the slot and bit that decided', () => {
    for (const name of outcome.engines) {
      expect(engine(name, 2, 0)).toMatchObject({ verdict: 'allow' });
      expect(engine(name, 2, 1)).toMatchObject({ verdict: 'filter', range: 1 });
      expect(engine(name, 2, 2)).toMatchObject({ verdict: 'allow' });
      expect(engine(name, 2, 3)).toMatchObject({ verdict: 'filter', range: 0 });
    }
    expect(engine('reference', 2, 0)).toMatchObject({ range: 1, bit: 0 });
    expect(engine('reference', 2, 1)).toMatchObject({ range: 1, bit: 1 });
    expect(engine('reference', 2, 2)).toMatchObject({ rule: 'no range matches: the default allows' });
    expect(engine('reference', 6, 0)).toMatchObject({ rule: 'x2APIC MSRs 0x800-0x8ff are never filtered' });
  });
  test('accesses by name, and that nothing differs', () => {
    const [write, read] = outcome.events[2]!.accesses!;
    expect(write).toMatchObject({ index: 0x174, name: 'IA32_SYSENTER_CS', write: true, differs: false });
    expect(read).toMatchObject({ index: 0x175, name: 'IA32_SYSENTER_ESP', write: false, differs: false });
  });
  test('routes, of engines that have any', () => {
    expect(engine('vmx', 2, 0).route).toBe('passthrough');
    expect(engine('vmx', 2, 1).route).toBe('intercepted');
    expect(engine('reference', 2, 0)).not.toHaveProperty('route');
  });
  test('bitmaps after the last event', () => {
    expect(outcome.bitmaps.map(({ engine, vendor }) => [engine, vendor])).toEqual([
      ['vmx', 'vmx'],
      ['svm', 'svm'],
    ]);
    const [vmxPage, svmPage] = outcome.bitmaps.map(({ bytes }) => Buffer.from(bytes, 'base64'));
    expect([vmxPage!.length, svmPage!.length]).toEqual([4096, 8192]);
    // SDM vol. 3C, "MSR-Bitmap Address": reads of low MSRs come first, their writes at 2048.
    const bit = (page: Buffer, at: number): number => (page[at >> 3]! >> (at & 7)) & 1;
    expect([bit(vmxPage!, 0x174), bit(vmxPage!, 0x175)]).toEqual([0, 1]);
    expect([bit(vmxPage!, 2048 * 8 + 0x174), bit(vmxPage!, 2048 * 8 + 0x175)]).toEqual([0, 1]);
    // APM vol. 2, "MSR Intercepts": two bits for each MSR, reads first.
    expect([0x174, 0x175].map((index) => [bit(svmPage!, 2 * index), bit(svmPage!, 2 * index + 1)])).toEqual([
      [0, 0],
      [1, 1],
    ]);
  });
});

test('the verdicts are those of whole batches', () => {
  const check = (whole: Scenario): void => {
    const accesses = countAccesses(whole);
    const outcome = runAll(whole, ENGINES, config);
    const split = outcome.events.flatMap(({ accesses = [] }) => accesses);
    expect(split).toHaveLength(accesses);
    for (const [number, engine] of ENGINES.entries()) {
      const trace = new Runner(engine, config).run(whole, accesses);
      const compared = trace.verdicts.subarray(0, trace.comparableAccesses);
      const names = Array.from(compared, (verdict) => VERDICT_NAMES[verdict]);
      expect(split.slice(0, names.length).map(({ verdicts }) => verdicts[number]!.verdict)).toEqual(names);
    }
  };
  fc.assert(fc.property(anyScenario(), check), { numRuns: 60, seed: 7 });
});

test('an engine that decides otherwise is seen', () => {
  const { events } = runAll(
    scenario({
      access: [
        ['0x10', 'r'],
        ['0x10', 'w'],
      ],
    }),
    [reference, canary],
    config,
  );
  expect(events[0]!.accesses!.some(({ differs }) => differs)).toBe(true);
});

test('results of a wrong filter and of a nested entry', () => {
  const overflow = { flags: 'r', base: '0x0', nmsrs: 0x3001, bitmap: null };
  const { events } = runAll(
    scenario(
      { filter: { flags: 'deny', ranges: [overflow] } },
      { nested: { bitmaps: false, mapped: true, passthrough: [] } },
    ),
    ENGINES,
    config,
  );
  expect(events[0]!.results).toMatchObject({ reference: '-EINVAL', vmx: '-EINVAL' });
  expect(events[1]!.results).toMatchObject({ reference: '-', vmx: 'no-bitmap' });
});

describe('engines that fail', () => {
  const some = scenario(
    FILTER,
    {
      access: [
        ['0x10', 'w'],
        ['0x10', 'r'],
        ['0x10', 'w'],
      ],
    },
    { access: [['0x174', 'r']] },
  );
  const verdicts = (engine: Engine) => {
    const { events } = runAll(some, [engine, reference], config);
    return { events, first: events.flatMap(({ accesses = [] }) => accesses).map(({ verdicts: [own] }) => own!) };
  };
  test('one that throws at an access takes no part from there on', () => {
    let count = 0;
    const throws = changed('throws', {
      access(_, out) {
        if (++count === 2) throw new Error('at the second\nwith a second line');
        out[0] = 0;
      },
    });
    const { events, first } = verdicts(throws);
    expect(first.map(({ verdict }) => verdict)).toEqual(['allow', '-', '-', '-']);
    expect(first[1]!.note).toBe('threw Error: at the second');
    expect(events[1]!.notes).toEqual({ throws: 'threw Error: at the second' });
    expect(events[2]!.notes).toBeUndefined();
    expect(events[1]!.accesses![1]!.differs).toBe(false);
  });
  test('one that throws at an event', () => {
    const throws = changed('throws', {
      setFilter() {
        throw new Error('no filters');
      },
    });
    const { events, first } = verdicts(throws);
    expect(events[0]).toMatchObject({
      results: { throws: '-', reference: '0' },
      notes: { throws: 'threw Error: no filters' },
    });
    expect(first.every(({ verdict }) => verdict === '-')).toBe(true);
  });
  test('one that throws at its creation', () => {
    const throws: Engine = {
      ...{ name: 'throws', capabilities: reference.capabilities },
      createVm: () => {
        throw new Error('no VM');
      },
    };
    expect(verdicts(throws).events[0]!.notes).toEqual({ throws: 'threw Error: no VM' });
  });
  test('one that writes no verdict', () => {
    const { first } = verdicts(changed('lazy', { access: () => {} }));
    expect(first[0]).toEqual({ verdict: '-', note: 'left verdicts unwritten' });
  });
  test('one that cannot explain', () => {
    const mute = changed('mute', {
      explain() {
        throw new Error('do not know');
      },
    });
    expect(verdicts(mute).first[0]).toEqual({ verdict: 'allow', note: 'explain threw do not know' });
  });
  test('one whose bitmap has another size', () => {
    const short: Engine = { ...changed('short', { bitmap: () => new Uint8Array(8) }), capabilities: vmx.capabilities };
    expect(runAll(scenario({ access: [['0x10', 'r']] }), [short, svm], config).bitmaps).toHaveLength(1);
  });
});

test('the watchdog is told who runs', () => {
  const seen: number[] = [];
  runAll(scenario(), ENGINES, config, (position) => seen.push(position));
  expect(seen).toEqual([0, 1, 2, 3]);
});
