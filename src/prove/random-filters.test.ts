import { describe, expect, it } from 'vitest';
import { canary } from '../engines/canary.ts';
import type { PagesForm } from '../engines/compiled-filter.ts';
import type { Engine } from '../engines/contract.ts';
import { fromDecision } from '../engines/decision.ts';
import { interval } from '../engines/interval.ts';
import { reference } from '../engines/reference.ts';
import { svm } from '../engines/svm.ts';
import { vmx } from '../engines/vmx.ts';
import { catalogueBase } from '../model/catalogue.ts';
import { formatFilter } from '../model/filter-json.ts';
import { InputError } from '../model/input-error.ts';
import { KERNEL_PROFILES, NEWEST_PROFILE } from '../model/profile.ts';
import { ApicMode } from '../model/scenario.ts';
import { proveByPartition } from './partition.ts';
import type { RandomPlan, ShardProof } from './plan.ts';
import { FilterSource, proveRandomFilters, randomShards } from './random-filters.ts';

const PLAN: RandomPlan = {
  kind: 'random',
  engines: [],
  profile: 'newest',
  mask: 7,
  apic: ApicMode.X2APIC,
  seed: '18446744073709551615',
  filters: 300,
};
const prove = (shard: number, engines: readonly Engine[], more: Partial<RandomPlan> = {}): ShardProof =>
  proveRandomFilters({ ...PLAN, ...more }, shard, engines, () => {});

describe('FilterSource', () => {
  it('draws 16 ranges that every profile accepts, with ends and wraps where engines differ', () => {
    let [full, wraps, overlaps] = [0, 0, 0];
    for (const profile of KERNEL_PROFILES) {
      const source = new FilterSource('5', profile);
      const vm = reference.createVm({ profile, base: catalogueBase() });
      for (let number = 0; number < 100; number++) {
        const filter = source.filter(number);
        expect(filter.ranges).toHaveLength(16);
        expect(vm.setFilter(filter, 'normal')).toBe(0);
        for (const { base, nmsrs } of filter.ranges) {
          expect(nmsrs).toBeGreaterThan(0);
          if (nmsrs === 12288) full++;
          if (base + nmsrs > 0xffff_ffff) wraps++;
          if (filter.ranges.some((other) => other.base < base && base < other.base + other.nmsrs)) overlaps++;
        }
      }
    }
    expect(full).toBeGreaterThan(100);
    expect(wraps).toBeGreaterThan(100);
    expect(overlaps).toBeGreaterThan(1000);
  });

  it('draws the same filter for a number, whatever came before', () => {
    const [one, other] = [new FilterSource('77', NEWEST_PROFILE), new FilterSource('77', NEWEST_PROFILE)];
    for (let number = 0; number < 40; number++) one.filter(number);
    expect(formatFilter(one.filter(40))).toBe(formatFilter(other.filter(40)));
    expect(formatFilter(one.filter(41))).not.toBe(formatFilter(other.filter(40)));
    expect(() => new FilterSource('18446744073709551616', NEWEST_PROFILE)).toThrow(InputError);
  });
});

describe('proveRandomFilters', () => {
  it('shows that the models agree', () => {
    const engines = [reference, interval, vmx, svm];
    const [first, last] = [prove(0, engines), prove(1, engines)];
    expect(randomShards(PLAN)).toBe(2);
    expect([first.disproof, last.disproof]).toEqual([null, null]);
    expect([first.cases, last.cases]).toEqual([256, 44]);
    expect(last.counts).toMatchObject({ 'compiled:reference': 44, 'compiled:svm': 44 });
    expect(prove(1, engines)).toEqual(last);
    expect(last.digest).not.toBe(first.digest);
  });

  it('finds one bit that is wrong in one filter', () => {
    let filters = 0;
    const faulty: Engine = {
      ...interval,
      createVm: (config) => {
        const vm = interval.createVm(config);
        const setFilter = vm.setFilter.bind(vm);
        vm.setFilter = (filter, delivery) => {
          const result = setFilter(filter, delivery);
          if (++filters === 200) {
            const { pages } = vm.compiled!()!.filter as PagesForm;
            pages[0x177]! ^= 0x100;
          }
          return result;
        };
        return vm;
      },
    };
    expect(prove(0, [reference, faulty])).toMatchObject({ cases: 200, disproof: expect.stringContaining('"access"') });
  });

  it('runs what has no compiled form', () => {
    expect(prove(0, [reference, canary]).disproof).not.toBeNull();
    const first = new FilterSource(PLAN.seed, NEWEST_PROFILE).filter(0);
    const mine = fromDecision({ name: 'mine', allowed: (filter) => filter!.flags === 0 });
    expect(prove(0, [reference, mine], { filters: 1 }).disproof).not.toBeNull();
    // The same, by the prover of one filter.
    const plan = { ...PLAN, kind: 'partition', filter: formatFilter(first) } as const;
    expect(proveByPartition(plan, 0, [reference, mine], () => {}).disproof).not.toBeNull();
    expect(proveByPartition(plan, 0, [reference, interval], () => {}).disproof).toBeNull();
  });
});
