import { describe, expect, it } from 'vitest';
import type { Engine, EngineVm } from '../engines/contract.ts';
import type { KernelVm } from '../engines/kernel/kernel-vm.ts';
import { svm } from '../engines/svm.ts';
import { BaseTable } from '../model/base.ts';
import { catalogueBase } from '../model/catalogue.ts';
import type { MeasuredKernel } from '../model/kernel.ts';
import { findProfile } from '../model/profile.ts';
import type { AccessBatch } from '../model/scenario.ts';
import { AccessType, Route } from '../model/verdict.ts';
import { checkRoutes, type RouteReport } from './route-check.ts';

const KERNEL: MeasuredKernel = {
  description: 'Linux 6.1, kvm_amd',
  profile: '6.1',
  rows: [...catalogueBase().rows()].filter(({ index }) => index >= 0xc000_0080),
  unsteady: [],
};
const CONFIG = { profile: findProfile(KERNEL.profile)!, base: new BaseTable(KERNEL.rows) };

/** A kernel whose bitmap is the svm engine's, but for what `exits` says of an access and the route that it took. */
class FakeKernel implements KernelVm {
  private vm: EngineVm = svm.createVm(CONFIG);
  private count = 0n;
  private changes = 0;
  private readonly faulty: (index: number, type: number, route: number, changes: number) => number;

  constructor(faulty: FakeKernel['faulty'] = (_index, _type, route) => route) {
    this.faulty = faulty;
  }

  remake(): void {
    this.vm = svm.createVm(CONFIG);
    this.count = 0n;
    this.changes = 0;
  }
  setFilter: EngineVm['setFilter'] = (filter, delivery) => {
    this.changes++;
    return this.vm.setFilter(filter, delivery);
  };
  setApicMode(mode: 0 | 1 | 2): void {
    this.vm.setApicMode!(mode);
  }
  access(batch: AccessBatch, verdicts: Uint8Array, routes: Uint8Array): void {
    this.vm.access(batch, verdicts, routes);
    // The one that ends the batch, and now and then one that has nothing to do with it.
    this.count += 2n;
    for (const [i, index] of batch.indices.entries()) {
      const route = this.faulty(index, batch.types[i]!, routes[i]!, this.changes);
      if (route !== Route.PASSTHROUGH) this.count++;
    }
  }
  stats(): ReadonlyMap<string, bigint> {
    return new Map([['exits', this.count]]);
  }
  race(): never {
    throw new Error('not here');
  }
}

function check(kernel: FakeKernel, model: Engine = svm): RouteReport {
  return checkRoutes(kernel, model, KERNEL, { seed: 3, states: 5 });
}

describe('checkRoutes', () => {
  it('finds nothing where the kernel does as the model predicts, and has looked at every MSR', () => {
    const { mismatches, probes, passed, states, sessions } = check(new FakeKernel());
    expect(mismatches).toEqual([]);
    expect({ sessions, states }).toEqual({ sessions: 4, states: 24 });
    expect(probes).toBeGreaterThan(3 * 0x2000 * 2);
    expect(passed).toBeGreaterThan(50);
  });

  it('finds a bit that stays clear after a filter denies the access', () => {
    const stale = new FakeKernel((index, type, route) =>
      index === 0xc000_0082 && type === AccessType.WRITE ? Route.PASSTHROUGH : route,
    );
    const { mismatches } = check(stale);
    expect(mismatches.length).toBeGreaterThan(0);
    for (const { index, type, predicted, exits } of mismatches) {
      expect({ index, type, predicted }).toEqual({
        index: 0xc000_0082,
        type: AccessType.WRITE,
        predicted: 'intercepted',
      });
      expect(exits).toBeLessThan(10);
    }
  });

  it('finds a bit of an MSR that is no candidate, cleared by a filter change', () => {
    const neighbour = new FakeKernel((index, type, route, changes) =>
      index === 0x1a0 && type === AccessType.READ && changes > 0 ? Route.PASSTHROUGH : route,
    );
    const places = new Set(check(neighbour).mismatches.map(({ index, type }) => `${index.toString(16)} ${type}`));
    expect([...places]).toEqual(['1a0 0']);
  });

  it('finds an access that stays intercepted once the filter allows it again', () => {
    const stuck = new FakeKernel((index, _type, route, changes) =>
      index === 0xc000_0100 && changes > 0 ? Route.INTERCEPTED : route,
    );
    const { mismatches } = check(stuck);
    expect(new Set(mismatches.map(({ predicted }) => predicted))).toEqual(new Set(['passthrough']));
  });
});
