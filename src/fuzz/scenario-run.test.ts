import { describe, expect, it } from 'vitest';
import { VmxVm, vmx } from '../engines/vmx.ts';
import { builtInEngine, runScenario } from './scenario-run.ts';

const SCENARIO = {
  events: [
    { cap: '0x4' },
    { filter: { flags: 'deny', ranges: [{ flags: 'r', base: '0x174', nmsrs: 1, bitmap: { allow: ['0x174'] } }] } },
    { filter: { flags: 'deny', ranges: [] } },
    { apic: 'xapic' },
    { access: [['0x174', 'r'] as const, ['0x175', 'w', '0x1'] as const] },
    { reply: { error: 1, data: '0x0' } },
  ],
};
const RESULTS = ['0', '0', '-EINVAL', null, ['allow', 'filter'], 'gp'];

describe('runScenario', () => {
  it.each(['reference', 'interval', 'vmx', 'svm'])('gives results by name: %s', (name) => {
    expect(runScenario(builtInEngine(name), SCENARIO, '6.18')).toEqual({ results: RESULTS, breaches: [] });
  });

  it('takes modules in either form', () => {
    const allowed = (_: unknown, index: number): boolean => index === 0x174;
    expect(runScenario({ name: 'mine', allowed }, SCENARIO, '6.18').results).toEqual(RESULTS);
    expect(runScenario({ default: { name: 'mine', allowed } }, SCENARIO, '6.18').results).toEqual(RESULTS);
  });

  it('gives no results of what the engine does not run', () => {
    const narrow = { ...vmx, capabilities: { ...vmx.capabilities, events: ['cap', 'filter'] as const } };
    expect(runScenario(narrow, SCENARIO, '6.18').results).toEqual(['0', '0', '-EINVAL', null, null, null]);
  });

  it('says what an engine breaks by itself', () => {
    class StaleVm extends VmxVm {
      protected override filterChanged(): void {}
    }
    const stale = {
      ...vmx,
      name: 'stale',
      createVm: (config: ConstructorParameters<typeof VmxVm>[0]) => new StaleVm(config),
    };
    expect(runScenario(stale, SCENARIO, '6.18').breaches).toEqual([
      expect.stringMatching(/^bitmap:denied-passthrough: event 1: (RD|WR)MSR 0x/),
    ]);
    // Decides by the number of ranges, which splitting one changes.
    const allowed = (filter: { readonly ranges: readonly unknown[] } | null): boolean => filter?.ranges.length === 1;
    const ranges = [{ flags: 'rw', base: '0x10', nmsrs: 2, bitmap: { allow: [] } }];
    const events = [{ filter: { flags: 'allow', ranges } }, { access: [['0x10', 'r'] as const] }];
    expect(runScenario({ name: 'counts', allowed }, { events }, '6.18').breaches).toContain(
      'metamorphic:split-range: event 1, access 0',
    );
  });

  it('throws what the engine throws, and for what is none', () => {
    const allowed = (): boolean => {
      throw new TypeError('no such bit');
    };
    expect(() => runScenario({ name: 'mine', allowed }, SCENARIO, '6.18')).toThrow('event 4: threw TypeError: no such');
    expect(() => runScenario({ name: 'mine' } as never, SCENARIO, '6.18')).toThrow('engine: lacks both "createVm" and');
    expect(() => runScenario(vmx, SCENARIO, '9.9')).toThrow('profile "9.9" is unknown: known are 1a155254ff93');
    expect(() => runScenario(vmx, { events: [{ cap: '?' }] }, '6.18')).toThrow('scenario: events[0].cap: expected');
    expect(() => builtInEngine('mine')).toThrow('unknown engine "mine"');
  });
});
