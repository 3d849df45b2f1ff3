import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findProfile, NEWEST_PROFILE } from '../../model/profile.ts';
import { install } from '../decisions.ts';
import { difference, sameDecisions } from '../difference.ts';
import { INDICES, IndexSet } from '../index-set.ts';
import { type Policy, policyDecisions } from '../policy/policy.ts';
import { compile } from './compile-policy.ts';

/** Near the ends of the spaces that have MSRs, of the windows of ranges, and anywhere. */
const index = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(0, 0x10, 0x7fe, 0x800, 0x8ff, 0x900, 0x1fff, 0x2ffe, 0x3000, 0x4000_0000) },
  { weight: 3, arbitrary: fc.constantFrom(0xc000_0080, 0xc000_0100, 0xc000_2fff, 0xffff_fff0, INDICES - 1) },
  { weight: 3, arbitrary: fc.nat(0x6000) },
  { weight: 1, arbitrary: fc.nat(INDICES - 1) },
);
const range = fc
  .tuple(index, fc.oneof(fc.nat(3), fc.nat(40), fc.nat(20_000)))
  .map(([first, more]) => ({ first, last: Math.min(INDICES - 1, first + more) }));
const action = fc.constantFrom('allow' as const, 'deny' as const);
const rule = fc
  .record(
    { msrs: fc.array(range, { minLength: 1, maxLength: 4 }), read: action, write: action },
    { requiredKeys: ['msrs'] },
  )
  .filter(({ read, write }) => read !== undefined || write !== undefined);
const policies = fc.record({ default: action, rules: fc.array(rule, { maxLength: 14 }) }) as fc.Arbitrary<Policy>;

/** What the policy says of one access: the first rule that names it. */
function policySays(policy: Policy, at: number, direction: 'read' | 'write'): boolean {
  const found = policy.rules.find(
    ({ msrs, ...actions }) =>
      actions[direction] !== undefined && msrs.some(({ first, last }) => at >= first && at <= last),
  );
  return (found?.[direction] ?? policy.default) === 'allow';
}

describe('policyDecisions', () => {
  it('is what the first rule that names an access says', () => {
    fc.assert(
      fc.property(policies, fc.array(index, { minLength: 20 }), (policy, random) => {
        const sets = policyDecisions(policy);
        const ends = policy.rules.flatMap(({ msrs }) => msrs.flatMap(({ first, last }) => [first, last, last + 1]));
        for (const at of [...random, ...ends]) {
          if (at >= INDICES) continue;
          expect(sets.map((set) => set.has(at))).toEqual([
            policySays(policy, at, 'read'),
            policySays(policy, at, 'write'),
          ]);
        }
      }),
    );
  });
});

describe('compile', () => {
  it('implements random policies, or says why not and errs on the side of denial', { timeout: 300_000 }, () => {
    const kinds = { filter: 0, none: 0 };
    fc.assert(
      fc.property(policies, fc.constantFrom(NEWEST_PROFILE, findProfile('1a155254ff93')!), (policy, profile) => {
        const wanted = policyDecisions(policy);
        const exempt = profile.x2apicExempt ? new IndexSet([0x800, 0x900]) : IndexSet.EMPTY;
        const goal = [wanted[0].or(exempt), wanted[1].or(exempt)] as const;
        const compiled = compile(wanted, policy.default === 'allow' ? 0 : 1, profile);
        kinds[compiled.kind]++;
        const filter = compiled.kind === 'filter' ? compiled.filter : compiled.closest;
        expect(filter.ranges.length).toBeLessThanOrEqual(16);
        const { errno, decisions } = install(filter, profile);
        expect(errno).toBe(0);
        if (compiled.kind === 'filter') expect(sameDecisions(goal, decisions)).toBe(true);
        else {
          for (const { won } of difference(goal, decisions)) expect(won.empty).toBe(true);
          expect(compiled.lost.length).toBeGreaterThan(0);
        }
      }),
      { numRuns: 1000 },
    );
    expect(kinds.filter).toBeGreaterThan(100);
    expect(kinds.none).toBeGreaterThan(50);
  });

  it('takes the correction of one direction out of a range for both', () => {
    // 0 to 0x2fff allowed, but one write is not: RW over all and W over the one would be two; so are R and W over all.
    const policy: Policy = {
      default: 'deny',
      rules: [
        { msrs: [{ first: 0x10, last: 0x10 }], write: 'deny' },
        { msrs: [{ first: 0, last: 0x2fff }], read: 'allow', write: 'allow' },
      ],
    };
    const compiled = compile(policyDecisions(policy), 1, NEWEST_PROFILE);
    if (compiled.kind !== 'filter') throw new Error('two ranges are enough');
    expect(compiled.filter.ranges).toHaveLength(2);
    // A write-only range of one MSR is 8 bytes, one of 12,288 is 1,536.
    expect(compiled.bytes).toBe(1536 + 8);
  });

  it('tells of x2APIC MSRs that it cannot deny', () => {
    const policy: Policy = { default: 'allow', rules: [{ msrs: [{ first: 0x7ff, last: 0x801 }], write: 'deny' }] };
    expect(compile(policyDecisions(policy), 0, NEWEST_PROFILE)).toMatchObject({ unfilterable: [0, 2], bytes: 8 });
    expect(compile(policyDecisions(policy), 0, findProfile('1a155254ff93')!)).toMatchObject({ unfilterable: [0, 0] });
  });

  it('keeps what KVM handles, where it cannot keep all', () => {
    const scattered = Array.from({ length: 5000 }, (_, i) => ({
      first: 0x10000 + i * 0x8_0000,
      last: 0x10000 + i * 0x8_0000,
    }));
    const policy: Policy = {
      default: 'deny',
      rules: [{ msrs: [...scattered, { first: 0xc000_0080, last: 0xc000_0080 }], read: 'allow' }],
    };
    const compiled = compile(policyDecisions(policy), 1, NEWEST_PROFILE);
    if (compiled.kind !== 'none') throw new Error('five thousand windows are too many');
    expect(compiled.obstacles[0]).toMatchObject({ defaultAction: 1, ranges: 5001, exact: true });
    expect(compiled.lost).toHaveLength(5001 - 16);
    expect(install(compiled.closest, NEWEST_PROFILE).decisions[0].has(0xc000_0080)).toBe(true);
  });
});
