import { describe, expect, it } from 'vitest';
import type { Engine, EngineVm, VmConfig } from '../engines/contract.ts';
import { interval } from '../engines/interval.ts';
import { reference } from '../engines/reference.ts';
import { svm } from '../engines/svm.ts';
import { vmx } from '../engines/vmx.ts';
import { BaseOutcome, BaseTable } from '../model/base.ts';
import { catalogueBase } from '../model/catalogue.ts';
import type { MeasuredKernel } from '../model/kernel.ts';
import { findProfile } from '../model/profile.ts';
import type { AccessBatch, Scenario } from '../model/scenario.ts';
import { CaseGenerator } from './case.ts';
import { Lane, laneGroup } from './lane.ts';
import { Ledger, SHIPPED_LEDGER } from './ledger.ts';
import { Random } from './random.ts';
import { NOTHING_REDUCED } from './reductions.ts';
import { caseChoices } from './shard.ts';

/** A base of its own, unlike the catalogue's: what a lane compares with must be this one. */
const KERNEL: MeasuredKernel = {
  description: 'Linux 6.1, kvm_amd',
  profile: '6.1',
  rows: [
    ...[...catalogueBase().rows()].filter(({ index }) => index !== 0x1a0),
    { index: 0x1a0, read: BaseOutcome.HANDLED, write: BaseOutcome.INVALID },
  ],
  unsteady: [],
};
const CONFIG: VmConfig = { profile: findProfile(KERNEL.profile)!, base: new BaseTable(KERNEL.rows) };

/** A kernel that is the reference, by its own profile and base, with one fault. */
function kernel(fault: (batch: AccessBatch, verdicts: Uint8Array) => void): Engine {
  return {
    name: 'kernel',
    capabilities: { events: ['filter', 'cap', 'access', 'reply', 'apic'], forms: ['native'], routes: false },
    kernel: { vendor: 'svm', measure: () => KERNEL },
    createVm: (): EngineVm => {
      const vm = reference.createVm(CONFIG);
      return {
        reset: () => vm.reset!(),
        setFilter: (filter, delivery) => vm.setFilter(filter, delivery),
        enableCap: (event) => vm.enableCap!(event),
        setApicMode: (mode) => vm.setApicMode!(mode),
        reply: (error, data) => vm.reply!(error, data),
        access: (batch, verdicts, routes) => {
          vm.access(batch, verdicts, routes);
          fault(batch, verdicts);
        },
      };
    },
  };
}

function run(engine: Engine, cases: number): ReturnType<Lane['finish']> {
  const ledger = new Ledger(SHIPPED_LEDGER, KERNEL.profile, '2026-01-01');
  const lane = new Lane([reference, interval, vmx, svm], engine, { kernel: KERNEL, ledger, accesses: 16 }, () => {});
  const generator = new CaseGenerator(CONFIG.profile, 256);
  for (let number = 0; number < cases; number++) {
    lane.begin(generator.generate(caseChoices(5n, number)), number, new Random(number));
  }
  return lane.finish(
    () => {},
    () => [],
    { reductions: NOTHING_REDUCED, shard: 0 },
  );
}

describe('Lane', () => {
  it('compares a kernel with the engines of its vendor only', () => {
    const engine = kernel(() => {});
    expect(laneGroup([reference, interval, vmx, svm], engine)).toEqual([reference, interval, svm, engine]);
  });

  it('finds nothing wrong with a kernel that follows its profile and base, and counts what it got', () => {
    const { divergences, counts } = run(
      kernel(() => {}),
      200,
    );
    expect(divergences).toEqual([]);
    expect(counts.cases).toBe(200);
    expect(counts.filters).toBeGreaterThan(200);
    expect(counts.accesses).toBe(counts.verdicts.reduce((sum, n) => sum + n, 0));
    expect(counts.verdicts.every((n) => n > 0)).toBe(true);
  });

  it('finds and minimizes a fault', () => {
    const engine = kernel(({ indices, types }, verdicts) => {
      for (const [i, index] of indices.entries())
        if (index < 0x400 && types[i] === 0 && verdicts[i] === 2) verdicts[i] = 0;
    });
    const { divergences } = run(engine, 400);
    expect(divergences).toHaveLength(1);
    const [{ subject, profile, scenario, vector }] = divergences as [(typeof divergences)[0]];
    expect({ subject, profile }).toEqual({ subject: 'kernel', profile: '6.1' });
    expect(vector.kernel).toBe(0);
    const { events } = JSON.parse(scenario) as Scenario;
    expect(events.map((event) => Object.keys(event).join())).toEqual(['filter', 'cap', 'access']);
  });
});
