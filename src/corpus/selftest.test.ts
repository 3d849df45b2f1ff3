import { describe, expect, it } from 'vitest';
import type { Engine } from '../engines/contract.ts';
import { interval } from '../engines/interval.ts';
import { reference } from '../engines/reference.ts';
import { svm } from '../engines/svm.ts';
import { vmx } from '../engines/vmx.ts';
import { catalogueBase } from '../model/catalogue.ts';
import { KVM_MSR_EXIT_REASON_VALID_MASK, KVM_MSR_FILTER_MAX_RANGES } from '../model/filter.ts';
import { findProfile } from '../model/profile.ts';
import { Verdict } from '../model/verdict.ts';
import { REAL_FILTERS } from './real-filters.ts';
import { runSelftest, SELFTEST_CASES } from './selftest.ts';

const ENGINES: readonly Engine[] = [reference, interval, vmx, svm];
const profile = findProfile('6.18')!;

describe('the kernel selftest', () => {
  it.each(ENGINES)('$name passes', (engine) => {
    expect(runSelftest(engine)).toEqual([]);
  });

  it('handles 4 reads and 3 writes in user space in msr_filter_deny', () => {
    const { steps } = SELFTEST_CASES.find((test) => test.name === 'msr_filter_deny')!;
    const exits = [0, 0];
    for (const { event, expected } of steps) {
      if (event.kind === 'access' && expected >= Verdict.EXIT_FILTER) exits[event.batch.types[0]!]!++;
    }
    expect(exits).toEqual([4, 3]);
  });

  it('tries every bit of the flags', () => {
    const { steps } = SELFTEST_CASES.find((test) => test.name === 'user_exit_msr_flags')!;
    expect(steps).toHaveLength(64 + 32 + 32);
    expect(steps.filter((step) => step.expected === 0)).toHaveLength(3 + 1 + 2);
  });

  it('names the step that an engine fails', () => {
    const allowing: Engine = {
      name: 'allows-all',
      capabilities: { events: ['filter', 'access'], routes: false },
      createVm: () => ({ setFilter: () => 0, access: (_batch, verdicts) => verdicts.fill(Verdict.ALLOW) }),
    };
    const failures = runSelftest(allowing);
    expect(failures).toContain('6.18 native msr_filter_allow, step 3: verdict of rdmsr 0xda0: expected 1, found 0');
    expect(failures.some((failure) => failure.includes('emulator'))).toBe(false);
    expect(failures.some((failure) => failure.includes('KVM_X86_SET_MSR_FILTER: expected -22, found 0'))).toBe(true);
  });

  it('expects #GP of an engine that has no exit mask', () => {
    const withoutCap: Engine = {
      ...reference,
      name: 'reference-without-cap',
      capabilities: { events: ['filter', 'access'], routes: false },
    };
    expect(runSelftest(withoutCap)).toEqual([]);
  });
});

describe('real filters', () => {
  it('have ids of their own, titles and sources', () => {
    expect(REAL_FILTERS.length).toBeGreaterThanOrEqual(14);
    expect(new Set(REAL_FILTERS.map((entry) => entry.id)).size).toBe(REAL_FILTERS.length);
    for (const { id, title, source } of REAL_FILTERS) {
      expect(id).toMatch(/^[a-z0-9-]+$/);
      expect(title.trim(), id).not.toBe('');
      expect(source.trim(), id).not.toBe('');
    }
  });

  it('are well formed', () => {
    const u32 = (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= 0xffffffff;
    for (const { id, mask, filter } of REAL_FILTERS) {
      expect(filter.ranges.length, id).toBeLessThanOrEqual(KVM_MSR_FILTER_MAX_RANGES);
      expect(mask & ~KVM_MSR_EXIT_REASON_VALID_MASK, id).toBe(0);
      expect(u32(filter.flags), id).toBe(true);
      for (const { flags, nmsrs, base } of filter.ranges) expect([flags, nmsrs, base].every(u32), id).toBe(true);
    }
  });

  it.each(ENGINES)('$name accepts and rejects them as expected', (engine) => {
    for (const { id, mask, filter, expected } of REAL_FILTERS) {
      const vm = engine.createVm({ profile, base: catalogueBase() });
      expect(vm.enableCap?.({ kind: 'cap', mask: BigInt(mask) }), id).toBe(0);
      expect(vm.setFilter(filter, 'normal'), id).toBe(expected);
    }
  });
});
