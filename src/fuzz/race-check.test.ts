import { describe, expect, it } from 'vitest';
import type { VmConfig } from '../engines/contract.ts';
import type { KernelVm, RaceResult } from '../engines/kernel/kernel-vm.ts';
import { reference } from '../engines/reference.ts';
import { BaseTable } from '../model/base.ts';
import { catalogueBase } from '../model/catalogue.ts';
import type { MsrFilter } from '../model/filter.ts';
import type { MeasuredKernel } from '../model/kernel.ts';
import { findProfile } from '../model/profile.ts';
import { AccessType, Verdict } from '../model/verdict.ts';
import { checkRaces, type RaceReport } from './race-check.ts';

const KERNEL: MeasuredKernel = {
  description: 'Linux 6.1, kvm_amd',
  profile: '6.1',
  rows: [...catalogueBase().rows()],
  unsteady: [
    { index: 0x48, type: AccessType.READ },
    { index: 0xc000_0081, type: AccessType.WRITE, form: 'emulator' },
  ],
};
const CONFIG: VmConfig = { profile: findProfile(KERNEL.profile)!, base: new BaseTable(KERNEL.rows) };
const LSTAR = 0xc000_0082;
const ROUNDS = 50;

/** What is seen of one access; `a` and `b` are the verdicts of the two filters. */
type Sight = (index: number, type: AccessType, a: number, b: number) => number;
const BOTH: Sight = (_index, _type, a, b) => (1 << a) | (1 << b);

class FakeKernelVm implements KernelVm {
  /** Accesses raced, and those on which the filters differ, over all races. */
  readonly raced = new Set<number>();
  contested = 0;
  private readonly sight: Sight;
  private vm = reference.createVm(CONFIG);

  constructor(sight: Sight) {
    this.sight = sight;
  }

  remake(): void {
    this.vm = reference.createVm(CONFIG);
  }

  enableCap(...args: Parameters<NonNullable<KernelVm['enableCap']>>): number {
    return this.vm.enableCap!(...args);
  }

  race(indices: Uint32Array, types: Uint8Array, filters: readonly [MsrFilter, MsrFilter], rounds: number): RaceResult {
    const [a, b] = filters.map((filter) => {
      const verdicts = new Uint8Array(indices.length);
      expect(this.vm.setFilter(filter, 'normal')).toBe(0);
      this.vm.access({ indices, types }, verdicts, new Uint8Array(indices.length));
      return verdicts;
    }) as [Uint8Array, Uint8Array];
    const seen = new Uint8Array(indices.length);
    for (const [i, index] of indices.entries()) {
      this.raced.add(index * 2 + types[i]!);
      if (a[i] !== b[i]) this.contested++;
      seen[i] = this.sight(index, types[i] as AccessType, a[i]!, b[i]!);
    }
    return { changes: rounds, runs: 7, seen };
  }

  stats(): never {
    throw new Error('not asked for');
  }

  setFilter(): never {
    throw new Error('not asked for');
  }

  access(): never {
    throw new Error('not asked for');
  }
}

function check(vm: FakeKernelVm, unfiltered: readonly (readonly [number, AccessType])[] = []): RaceReport {
  return checkRaces(vm, 'svm', KERNEL, { seed: 2, races: 20, rounds: ROUNDS, unfiltered });
}

describe('checkRaces', () => {
  it('counts what the filters differ on, and what has met both', () => {
    const vm = new FakeKernelVm(BOTH);
    const { contested, bothSeen, violations, races, changes, runs } = check(vm);
    expect(violations).toEqual([]);
    expect({ races, changes, runs }).toEqual({ races: 20, changes: 20 * ROUNDS, runs: 20 * 7 });
    expect(contested).toBe(vm.contested);
    expect(contested).toBeGreaterThan(100);
    expect(bothSeen).toBe(contested);
  });

  it('does not mind if an access has met one filter only', () => {
    let missed = 0;
    const vm = new FakeKernelVm((index, type, a, b) => {
      if (index !== LSTAR) return BOTH(index, type, a, b);
      if (a !== b) missed++;
      return 1 << b;
    });
    const { contested, bothSeen, violations } = check(vm);
    expect(violations).toEqual([]);
    expect(missed).toBeGreaterThan(0);
    expect(bothSeen).toBe(contested - missed);
  });

  it('reports a third result', () => {
    const gp: Sight = (index, type, a, b) =>
      BOTH(index, type, a, b) | (index === LSTAR && type === AccessType.WRITE ? 1 << Verdict.GP : 0);
    const { violations } = check(new FakeKernelVm(gp));
    // With exit mask 7 a denied access exits: #GP is what neither filter gives.
    expect(violations.map(({ race }) => race)).toEqual(Array.from({ length: 20 }, (_, race) => race));
    for (const { index, type, seen, allowed } of violations) {
      expect({ index, type }).toEqual({ index: LSTAR, type: AccessType.WRITE });
      expect(seen).toBe(allowed | (1 << Verdict.GP));
    }
  });

  it('races neither what the kernel does not filter nor what it answers now so, now otherwise', () => {
    const vm = new FakeKernelVm(BOTH);
    check(vm, [[LSTAR, AccessType.WRITE]]);
    expect(vm.raced).toContain(LSTAR * 2 + AccessType.READ);
    expect(vm.raced).not.toContain(LSTAR * 2 + AccessType.WRITE);
    expect(vm.raced).toContain(0x48 * 2 + AccessType.WRITE);
    expect(vm.raced).not.toContain(0x48 * 2 + AccessType.READ);
  });

  it('does not race what the processor answers otherwise than KVM, which is met while the bitmap is still the old one', () => {
    const vm = new FakeKernelVm(BOTH);
    check(vm);
    expect(vm.raced).toContain(0xc000_0081 * 2 + AccessType.READ);
    expect(vm.raced).not.toContain(0xc000_0081 * 2 + AccessType.WRITE);
  });
});
