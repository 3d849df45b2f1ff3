import { describe, expect, it } from 'vitest';
import { canary } from '../engines/canary.ts';
import type { Engine, EngineVm } from '../engines/contract.ts';
import { fromDecision } from '../engines/decision.ts';
import { interval } from '../engines/interval.ts';
import { ReferenceVm, reference } from '../engines/reference.ts';
import { svm } from '../engines/svm.ts';
import { vmx } from '../engines/vmx.ts';
import type { MsrFilter } from '../model/filter.ts';
import { runConformanceKit } from './conformance-kit.ts';

/** The rules again, as a module that only decides would have them. */
function allowed(filter: MsrFilter | null, index: number, write: boolean): boolean {
  if (filter === null || (index >= 0x800 && index <= 0x8ff)) return true;
  for (const { flags, base, nmsrs, bitmap } of filter.ranges) {
    const end = (base + nmsrs) >>> 0;
    if (index < base || index >= end || (flags & (write ? 2 : 1)) === 0) continue;
    return ((bitmap![(index - base) >>> 3]! >>> ((index - base) & 7)) & 1) === 1;
  }
  return (filter.flags & 1) === 0;
}

const broken = (engine: Engine): string[] =>
  runConformanceKit(engine)
    .laws.filter(({ ok }) => !ok)
    .map(({ law }) => law);

/** The reference with something wrong in each VM. */
const spoiled = (spoil: (vm: ReferenceVm & EngineVm) => void, change: Partial<Engine> = {}): Engine => ({
  ...reference,
  createVm: (config) => {
    const vm = new ReferenceVm(config);
    spoil(vm);
    return vm;
  },
  ...change,
});

describe('the conformance kit', () => {
  it.each([reference, interval, vmx, svm, fromDecision({ name: 'mine', allowed })])('is passed by $name', (engine) => {
    const report = runConformanceKit(engine);
    expect(report.laws.filter(({ ok }) => !ok)).toEqual([]);
    expect(report.ok).toBe(true);
    expect(report.laws).toHaveLength(11);
  });

  it('is passed by an engine that only has what every engine must have', () => {
    const least: Engine = {
      name: 'least',
      capabilities: { events: ['filter', 'access'], routes: false },
      createVm: (config) => {
        const vm = new ReferenceVm(config);
        return {
          setFilter: (filter, delivery) => vm.setFilter(filter, delivery),
          access: (batch, verdicts) => vm.access(batch, verdicts),
        };
      },
    };
    expect(broken(least)).toEqual([]);
  });

  it('is failed by the canary', () => {
    expect(broken(canary)).toContain('passes the kernel selftest');
  });

  it('notices state left after a reset', () => {
    const left = spoiled((vm) => {
      vm.reset = () => {};
    });
    expect(broken(left)).toEqual(['is a new VM after a reset']);
  });

  it('notices VMs that share state', () => {
    let shared: ReferenceVm | undefined;
    const engine: Engine = {
      ...reference,
      createVm: (config) => {
        shared ??= new ReferenceVm(config);
        return shared;
      },
    };
    expect(broken(engine)).toContain('keeps VMs apart');
  });

  it('notices an engine that is not deterministic', () => {
    let turn = 0;
    const engine = spoiled((vm) => {
      const access = vm.access.bind(vm);
      vm.access = (batch, verdicts) => {
        access(batch, verdicts);
        if (turn++ % 50 === 3) verdicts[0] = 1;
      };
    });
    expect(broken(engine)).toContain('gives the same answers to the same scenario');
  });

  it('notices an engine that writes to its inputs', () => {
    const engine = spoiled((vm) => {
      const access = vm.access.bind(vm);
      vm.access = (batch, verdicts) => {
        access(batch, verdicts);
        // The selftest's batches, of one access, are shared by all tests of this file.
        if (batch.types.length > 1) batch.types.fill(0);
      };
    });
    expect(broken(engine)).toContain('writes to nothing but verdicts and routes');
  });

  it('notices an engine that keeps the bitmap', () => {
    const engine = spoiled((vm) => {
      let last: MsrFilter | null = null;
      const setFilter = vm.setFilter.bind(vm);
      vm.setFilter = (filter, delivery) => {
        const result = setFilter(filter, delivery);
        if (result === 0) last = filter.ranges.every(({ nmsrs }) => nmsrs === 0) ? null : filter;
        return result;
      };
      const reset = vm.reset.bind(vm);
      vm.reset = () => {
        reset();
        last = null;
      };
      vm.allows = (index, type) => allowed(last, index, type === 1);
    });
    expect(broken(engine)).toEqual(['keeps no reference to a bitmap or a batch']);
  });

  it('notices a filter that is lost when the ioctl fails', () => {
    const engine = spoiled((vm) => {
      const setFilter = vm.setFilter.bind(vm);
      vm.setFilter = (filter, delivery) => {
        const result = setFilter(filter, delivery);
        if (result !== 0) setFilter({ flags: 0, ranges: [] }, 'normal');
        return result;
      };
    });
    expect(broken(engine)).toContain('keeps the filter when the ioctl fails');
  });

  it('notices missing methods, verdicts that are none, and an engine that throws', () => {
    const claims = {
      ...reference,
      capabilities: { ...reference.capabilities, events: ['filter', 'access', 'nested'] },
    };
    expect(broken(claims as Engine)).toContain('has the methods of the capabilities it states');
    const silent = spoiled((vm) => {
      vm.access = () => {};
    });
    expect(broken(silent)).toContain('writes verdicts, and routes if it states them');
    const throwing = spoiled(() => {
      throw new Error('no VM');
    });
    const report = runConformanceKit(throwing);
    expect(report.laws.every(({ ok }) => !ok)).toBe(true);
    expect(report.laws[0]!.detail).toBe('threw no VM');
  });
});
