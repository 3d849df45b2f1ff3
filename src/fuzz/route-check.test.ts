import { describe, expect, it } from 'vitest';
import type { EngineVm, VmConfig } from '../engines/contract.ts';
import type { KernelVm, KernelVmOptions } from '../engines/kernel/kernel-vm.ts';
import { svm } from '../engines/svm.ts';
import { BaseTable } from '../model/base.ts';
import { catalogueBase } from '../model/catalogue.ts';
import type { MeasuredKernel } from '../model/kernel.ts';
import { findProfile } from '../model/profile.ts';
import { AccessType } from '../model/verdict.ts';
import { checkRoutes } from './route-check.ts';

const KERNEL: MeasuredKernel = {
  description: 'Linux 6.1, kvm_amd',
  profile: '6.1',
  rows: [...catalogueBase().rows()],
  unsteady: [],
};
const CONFIG: VmConfig = { profile: findProfile(KERNEL.profile)!, base: new BaseTable(KERNEL.rows) };

const [SYSENTER_ESP, SYSENTER_EIP] = [0x175, 0x176];
const [STAR, LSTAR, SYSCALL_MASK] = [0xc000_0081, 0xc000_0082, 0xc000_0084];

/** The exits that an access takes; `mapped` is what the kernel's map says, of this access or of another one. */
type Exits = (index: number, type: AccessType, mapped: (index: number, type: AccessType) => number) => number;

/** A kernel that routes by its own map and counts exits. */
class FakeKernelVm implements KernelVm {
  private readonly behaviour: () => Exits;
  private vm: EngineVm = svm.createVm(CONFIG);
  private current: Exits;
  private exits: bigint | undefined;

  /** `behaviour` is called for every VM: a fault may have a state. */
  constructor(behaviour: () => Exits) {
    this.behaviour = behaviour;
    this.current = behaviour();
  }

  remake({ intelCpuid, lateVcpu }: KernelVmOptions): void {
    this.vm = svm.createVm(CONFIG);
    // What KVM wishes is the vCPU's business: with an Intel CPUID it has SYSENTER in 64 bits to emulate.
    const unwished = intelCpuid ? [SYSENTER_ESP, SYSENTER_EIP] : [];
    this.vm.setCandidates!(unwished.map((index) => ({ index, read: false, write: false })));
    this.current = this.behaviour();
    this.exits = lateVcpu ? undefined : 0n;
  }

  stats(): Map<string, bigint> {
    return new Map(this.exits === undefined ? [] : [['exits', this.exits]]);
  }

  race(): never {
    throw new Error('not a race');
  }

  setFilter(...args: Parameters<EngineVm['setFilter']>): number {
    return this.vm.setFilter(...args);
  }

  setApicMode(...args: Parameters<NonNullable<EngineVm['setApicMode']>>): void {
    this.vm.setApicMode!(...args);
  }

  access(...[{ indices, types }]: Parameters<EngineVm['access']>): void {
    let exits = 0;
    for (const [i, index] of indices.entries()) exits += this.current(index, types[i] as AccessType, this.mapped);
    // One more ends the batch.
    this.exits = (this.exits ?? 0n) + BigInt(exits) + 1n;
  }

  private readonly mapped = (index: number, type: AccessType): number => {
    const window = [0, 0xc000_0000, 0xc001_0000].findIndex((first) => index >>> 13 === first >>> 13);
    if (window < 0) return 1;
    const bit = (window * 0x2000 + (index & 0x1fff)) * 2 + type;
    return (this.vm.bitmap!('l1')[bit >>> 3]! >>> (bit & 7)) & 1;
  };
}

const check = (behaviour: () => Exits, states = 5, kernel = KERNEL) =>
  checkRoutes(new FakeKernelVm(behaviour), svm, kernel, { seed: 1, states });
const SOUND: Exits = (index, type, mapped) => mapped(index, type);

describe('checkRoutes', () => {
  it('finds nothing wrong with a kernel that routes as the model does, whatever that kernel wishes', () => {
    const { mismatches, sessions, states, probes, passed } = check(() => SOUND);
    expect(mismatches).toEqual([]);
    expect({ sessions, states }).toEqual({ sessions: 4, states: 24 });
    // One session looks at both pages' windows as a whole, at its end.
    expect(probes).toBeGreaterThan(2 * 3 * 0x2000);
    expect(passed).toBeGreaterThan(100);
  });

  /** A bit of LSTAR stays clear, once it is; what else exits takes so many exits. */
  const stale = (exits: number) => (): Exits => {
    let passed = false;
    return (index, type, mapped) => {
      if (index !== LSTAR || type !== AccessType.WRITE) return mapped(index, type) * exits;
      passed ||= mapped(index, type) === 0;
      return passed ? 0 : exits;
    };
  };

  it.each([1, 2])('finds a bit that a filter change has left behind, if others take %i exits', (exits) => {
    const { mismatches } = check(stale(exits));
    expect(mismatches.length).toBeGreaterThan(0);
    for (const mismatch of mismatches) {
      expect(mismatch).toMatchObject({ index: LSTAR, type: AccessType.WRITE, predicted: 'intercepted', exits: 0 });
      // In the first state nothing has changed yet.
      expect(mismatch.state).toBeGreaterThan(0);
    }
  });

  it('finds directions that are exchanged', () => {
    const { mismatches } = check(
      () => (index, type, mapped) => mapped(index, index === STAR ? ((1 - type) as AccessType) : type),
    );
    expect(new Set(mismatches.map(({ index }) => index))).toEqual(new Set([STAR]));
    expect(new Set(mismatches.map(({ predicted }) => predicted))).toEqual(new Set(['passthrough', 'intercepted']));
  });

  it('finds an MSR that is let through with its neighbour', () => {
    const neighbour = SYSCALL_MASK + 1;
    const { mismatches } = check(
      () => (index, type, mapped) => mapped(index === neighbour ? SYSCALL_MASK : index, type),
    );
    for (const mismatch of mismatches) {
      expect(mismatch).toMatchObject({ index: neighbour, predicted: 'intercepted', exits: 0 });
    }
    // No filter is needed to find it.
    expect(mismatches[0]).toMatchObject({ session: 'no APIC', state: 0, step: 'start' });
  });

  /** An MSR that nobody thinks of, and one that the kernel answers now so, now otherwise. */
  const [FORGOTTEN, MOODY] = [0xc001_1fff, 0xc001_1ffe];
  const lets =
    (...passing: number[]) =>
    (): Exits =>
    (index, type, mapped) =>
      passing.includes(index) ? 0 : mapped(index, type);

  it('finds what nobody thinks of in the state that is looked at as a whole', () => {
    expect(check(lets(FORGOTTEN), 2).mismatches).toMatchObject([
      { session: 'no APIC', state: 2, index: FORGOTTEN, type: AccessType.READ },
      { session: 'no APIC', state: 2, index: FORGOTTEN, type: AccessType.WRITE },
    ]);
  });

  it('leaves out what is unsteady', () => {
    const unsteady = [{ index: MOODY, type: AccessType.WRITE }];
    const { mismatches } = check(lets(MOODY), 2, { ...KERNEL, unsteady });
    expect(mismatches).toMatchObject([{ index: MOODY, type: AccessType.READ }]);
  });

  it('says that a kernel has no counter of exits', () => {
    const vm = new FakeKernelVm(() => SOUND);
    vm.stats = () => new Map();
    expect(() => checkRoutes(vm, svm, KERNEL, { seed: 1, states: 1 })).toThrow('Linux 5.14 or newer');
  });
});
