import { assert, integer, property, uniqueArray } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { REAL_FILTERS } from '../../corpus/real-filters.ts';
import { msrFilter } from '../../fuzz/arbitrary.ts';
import type { MsrFilter } from '../../model/filter.ts';
import { parseFilter } from '../../model/filter-json.ts';
import { KERNEL_PROFILES, NEWEST_PROFILE } from '../../model/profile.ts';
import { ApicMode } from '../../model/scenario.ts';
import { AccessType } from '../../model/verdict.ts';
import { type Explained, type ExplainRequest, explain } from './explain.ts';
import { maskText, reasonBlocks, verdictRows } from './text.ts';

const filterOf = (json: unknown): MsrFilter => parseFilter(json, 'test');
const real = (id: string): MsrFilter => REAL_FILTERS.find((entry) => entry.id === id)!.filter;

function one(filter: MsrFilter, index: number, options: Partial<ExplainRequest> = {}): Explained {
  const request = { type: AccessType.READ, mask: 7, apic: ApicMode.X2APIC, profiles: [NEWEST_PROFILE], ...options };
  return explain({ filter, indices: [index], ...request })[0]!;
}

describe('explain', () => {
  const DENY_TSC = filterOf({
    flags: 'allow',
    ranges: [
      { flags: 'w', base: 0x10, nmsrs: 1, bitmap: { allow: [] } },
      { flags: 'r', base: '0xf', nmsrs: 2, bitmap: { deny: ['0x10'] } },
    ],
  });

  it('names the range and the bit that decided, and KVM without the filter', () => {
    const access = one(DENY_TSC, 0x10);
    expect(access).toMatchObject({ name: 'IA32_TSC', write: false, base: 'handled', unfiltered: ['RDTSC', 'RDTSCP'] });
    expect(access.profiles[0]).toMatchObject({
      profile: '6.18',
      ioctl: '0',
      decision: { by: 'range', allows: false, range: 1, bit: 1 },
      engines: { reference: { verdict: 'filter' }, interval: { verdict: 'filter' } },
      vmx: { candidate: 'always', route: 'intercepted' },
      svm: { candidate: 'never', route: 'intercepted' },
    });
  });

  it('names the default, the exemption, and that no filter is in force', () => {
    const decision = (filter: MsrFilter, index: number): unknown => one(filter, index).profiles[0]!.decision;
    expect(decision(DENY_TSC, 0x11)).toEqual({ by: 'default', allows: true });
    expect(decision(real('hyperlight'), 0x1a0)).toEqual({ by: 'default', allows: false });
    expect(decision(real('hyperlight'), 0x808)).toEqual({ by: 'exemption', allows: true });
    expect(decision(real('api-off'), 0x10)).toEqual({ by: 'none', allows: true });
    expect(decision(real('baud'), 0x10)).toEqual({ by: 'none', allows: true });
    expect(one(real('baud'), 0x10).profiles[0]!.ioctl).toBe('-EFAULT');
  });

  it('says which vendors of which kernel complete WRMSR TSC_DEADLINE by the fastpath', () => {
    const { profiles } = one(real('baud-padded'), 0x6e0, { type: AccessType.WRITE, profiles: KERNEL_PROFILES });
    const routes = profiles.map(({ profile, vmx, svm }) => [profile, vmx.route, svm.route]);
    expect(routes.at(-2)).toEqual(['6.1', 'fastpath', 'intercepted']);
    expect(routes.at(-1)).toEqual(['6.18', 'fastpath', 'fastpath']);
    expect(one(real('baud-padded'), 0x6e0).profiles[0]!.vmx.route).toBe('intercepted');
  });

  it('says what is passed through only if the state of the vCPU asks for it', () => {
    const open = one(real('api-off'), 0x48).profiles[0]!;
    expect(open.vmx).toMatchObject({ candidate: 'dynamic', route: 'intercepted', routeIfAsked: 'passthrough' });
    const denied = one(real('hyperlight'), 0x48).profiles[0]!;
    expect(denied.svm).toMatchObject({ candidate: 'dynamic', route: 'intercepted', routeIfAsked: 'intercepted' });
    // Write only.
    expect(one(real('api-off'), 0x49).profiles[0]!.vmx.candidate).toBe('never');
    expect(one(real('api-off'), 0x49, { type: AccessType.WRITE }).profiles[0]!.vmx.candidate).toBe('dynamic');
  });

  it('tells of a half-built filter', () => {
    const half = filterOf({
      flags: 'allow',
      ranges: [
        { flags: 'rw', base: 0x10, nmsrs: 1, bitmap: { allow: [] } },
        { flags: 'rw', base: 0x20, nmsrs: 1, bitmap: null },
      ],
    });
    const access = one(half, 0x10, { profiles: KERNEL_PROFILES });
    const by = Object.fromEntries(access.profiles.map(({ profile, decision }) => [profile, decision.by]));
    expect(by).toMatchObject({ '5.10.0': 'range', '5.10': 'none', '6.18': 'none' });
    expect(reasonBlocks(access, half)[0]!.rows[0]![1]).toContain('failed half way');
  });

  it('never disagrees with the verdicts that it explains', () => {
    const indices = uniqueArray(integer({ min: 0, max: 0x3fff }), { minLength: 1, maxLength: 8 });
    assert(
      property(msrFilter(), indices, (filter, list) => {
        const request = { filter, indices: list, type: AccessType.WRITE, mask: 7, apic: ApicMode.X2APIC };
        for (const { profiles, base } of explain({ ...request, profiles: [NEWEST_PROFILE] })) {
          const { decision, engines } = profiles[0]!;
          const open = { handled: 'allow', unknown: 'unknown', invalid: 'inval' }[base];
          expect(engines.reference!.verdict).toBe(decision.allows ? open : 'filter');
          expect(engines.interval!.verdict).toBe(engines.reference!.verdict);
        }
      }),
      { numRuns: 40 },
    );
  });
});

describe('the text', () => {
  it('puts profiles of equal answers in one row', () => {
    const access = one(real('baud-padded'), 0x6e0, { type: AccessType.WRITE, profiles: KERNEL_PROFILES });
    expect(verdictRows(access).map(([profiles]) => profiles)).toEqual(['profile', '1a155254ff93 to 6.1', '6.18']);
    expect(reasonBlocks(access, real('baud-padded')).map(({ title }) => title)).toEqual([
      '1a155254ff93 to 6.1',
      '6.18',
    ]);
  });

  it('names the bits of a mask', () => {
    expect([0, 4, 7].map(maskText)).toEqual(['0x0 (no exits)', '0x4 (FILTER)', '0x7 (INVAL, UNKNOWN, FILTER)']);
  });
});
