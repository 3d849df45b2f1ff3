import { describe, expect, it } from 'vitest';
import { Random } from '../../fuzz/random.ts';
import { EFAULT } from '../../model/filter.ts';
import { NEWEST_PROFILE } from '../../model/profile.ts';
import { compile } from '../compile/compile-policy.ts';
import { install } from '../decisions.ts';
import { type Policy, policyDecisions } from '../policy/policy.ts';
import { randomPolicy } from '../policy/random-policy.ts';
import { BUILT_IN_BUILDERS } from './built-in.ts';
import type { FilterBuilder } from './contract.ts';
import { buildersFindings } from './findings.ts';
import { lossesOf } from './losses.ts';

const policies = Array.from({ length: 150 }, (_, n) => randomPolicy(new Random(11, 0, n)));
const builtIn = (name: string): FilterBuilder => BUILT_IN_BUILDERS.find((builder) => builder.name === name)!;
const one = (index: number) => [{ first: index, last: index }];
const denying = (...indices: number[]): Policy => ({
  default: 'allow',
  rules: indices.map((index) => ({ msrs: one(index), read: 'deny', write: 'deny' })),
});

describe('built-in builders', () => {
  it('do what the policy says, as far as they can', () => {
    for (const name of ['qemu', 'crosvm'])
      expect(lossesOf(builtIn(name), denying(0x10, 0x6e0), NEWEST_PROFILE)).toEqual([]);
    const allowed: Policy = {
      default: 'deny',
      rules: [{ msrs: [{ first: 0x40, last: 0x7f }], read: 'allow', write: 'allow' }],
    };
    expect(lossesOf(builtIn('rust-groups'), allowed, NEWEST_PROFILE)).toEqual([]);
  });

  it('qemu: MSR 0 is open, and 16 handlers are all there can be', () => {
    expect(lossesOf(builtIn('qemu'), denying(0, 0x10), NEWEST_PROFILE)).toMatchObject([
      {
        kind: 'opened',
        changes: [
          { first: 0, last: 0 },
          { first: 0, last: 0 },
        ],
      },
    ]);
    const many = (count: number): Policy => denying(...Array.from({ length: count }, (_, i) => 0x100 + 2 * i));
    expect(lossesOf(builtIn('qemu'), many(16), NEWEST_PROFILE)).toEqual([]);
    expect(lossesOf(builtIn('qemu'), many(17), NEWEST_PROFILE)).toMatchObject([{ kind: 'gave-up' }]);
  });

  it('crosvm: what lies above 0x2fff stays open', () => {
    expect(lossesOf(builtIn('crosvm'), denying(0x2fff), NEWEST_PROFILE)).toEqual([]);
    expect(lossesOf(builtIn('crosvm'), denying(0x3000), NEWEST_PROFILE)).toMatchObject([
      { kind: 'opened', changes: [{ first: 0x3000, last: 0x3000 }, { first: 0x3000 }] },
    ]);
  });

  it('rust-groups: the kernel reads past its bitmaps', () => {
    const policy: Policy = { default: 'deny', rules: [{ msrs: one(0x10), read: 'allow', write: 'allow' }] };
    const builder = builtIn('rust-groups');
    expect(lossesOf(builder, policy, NEWEST_PROFILE)).toMatchObject([{ kind: 'overread' }]);
    const built = builder.build(policy);
    if (typeof built === 'number') throw new Error('it builds a filter');
    expect(install(built, NEWEST_PROFILE).errno).toBe(EFAULT);
  });
});

describe('buildersFindings', () => {
  it('finds what each loses, by policies of which nothing can be left out', { timeout: 60_000 }, () => {
    const findings = buildersFindings(BUILT_IN_BUILDERS, policies, NEWEST_PROFILE);
    const shown = findings.map(
      ({ builder, loss, policy }) => `${builder} ${loss.kind} ${policy.default} ${policy.rules.length}`,
    );
    expect(shown.toSorted()).toMatchInlineSnapshot(`
      [
        "crosvm opened allow 1",
        "crosvm opened deny 0",
        "qemu gave-up allow 2",
        "qemu gave-up deny 0",
        "qemu opened allow 1",
        "rust-groups closed deny 2",
        "rust-groups gave-up allow 0",
        "rust-groups overread deny 1",
        "rust-groups rejected deny 0",
      ]
    `);
    for (const { builder, loss, policy } of findings) {
      for (const at of policy.rules.keys()) {
        const smaller = { ...policy, rules: policy.rules.toSpliced(at, 1) };
        expect(lossesOf(builtIn(builder), smaller, NEWEST_PROFILE).map(({ kind }) => kind)).not.toContain(loss.kind);
      }
    }
  });

  it('finds nothing in a builder that compiles the policy', { timeout: 60_000 }, () => {
    const right: FilterBuilder = {
      name: 'right',
      build(policy) {
        const compiled = compile(policyDecisions(policy), policy.default === 'allow' ? 0 : 1, NEWEST_PROFILE);
        return compiled.kind === 'filter' ? compiled.filter : -7;
      },
    };
    const kinds = buildersFindings([right], policies, NEWEST_PROFILE).map(({ loss }) => loss.kind);
    expect(kinds.filter((kind) => kind !== 'gave-up')).toEqual([]);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('out of luck');
      },
      /fails: out of luck/,
    ],
    ['returns nothing', () => undefined, /neither \{ flags, ranges \}/],
    ['returns a wrong errno', () => 22, /no negative errno/],
    ['returns too many ranges', () => ({ flags: 0, ranges: new Array(17).fill({}) }), /17 ranges/],
    ['returns wrong fields', () => ({ flags: 0, ranges: [{ flags: 1, nmsrs: -1, base: 0, bitmap: null }] }), /u32/],
    [
      'returns a wrong bitmap',
      () => ({ flags: 0, ranges: [{ flags: 1, nmsrs: 1, base: 0, bitmap: [1] }] }),
      /Uint8Array/,
    ],
  ])('a builder that %s', (_, build, message) => {
    const builder = { name: 'broken', build } as unknown as FilterBuilder;
    const losses = lossesOf(builder, denying(0x10), NEWEST_PROFILE);
    expect(losses).toMatchObject([{ kind: 'failed', what: expect.stringMatching(message) }]);
  });

  it('are stopped if they do not return, and not asked again', () => {
    let calls = 0;
    const endless: FilterBuilder = {
      name: 'endless',
      build: ({ rules }) => {
        calls++;
        while (rules.length > 3);
        return { flags: 0, ranges: [] };
      },
    };
    const first = policies.findIndex(({ rules }) => rules.length > 3);
    const findings = buildersFindings([endless, builtIn('crosvm')], policies, NEWEST_PROFILE, 1_000);
    expect(findings[0]).toMatchObject({ builder: 'endless', policy: policies[first] });
    expect(findings[0]!.loss).toEqual({ kind: 'hung', what: 'it did not return within 1 s', changes: [] });
    expect(findings.filter(({ builder }) => builder === 'endless')).toHaveLength(1);
    expect(calls).toBe(first + 1);
    expect(findings.length).toBeGreaterThan(1);
  });
});
