import { describe, expect, it } from 'vitest';
import { formatPolicy, parsePolicy } from './policy-json.ts';

const rule = (extra: object): unknown => ({ default: 'deny', rules: [extra] });

describe('parsePolicy', () => {
  it('reads names, indices and ranges of both', () => {
    const policy = parsePolicy(
      {
        default: 'deny',
        rules: [{ msrs: ['ia32_tsc', '0x174-0x176', 372, 'IA32_FS_BASE-0xc0000102'], read: 'allow' }],
      },
      'p',
    );
    expect(policy.rules[0]!.msrs).toEqual([
      { first: 0x10, last: 0x10 },
      { first: 0x174, last: 0x176 },
      { first: 372, last: 372 },
      { first: 0xc0000100, last: 0xc0000102 },
    ]);
    expect(parsePolicy(JSON.parse(formatPolicy(policy)), 'p')).toEqual(policy);
  });

  it.each([
    [rule({ msrs: ['IA32_SYSENTER_CSS'], read: 'allow' }), /rules\[0\].msrs\[0\]: .*nearest is IA32_SYSENTER_CS,/],
    [rule({ msrs: ['TSC'], read: 'allow' }), /nearest is IA32_TSC,/],
    [rule({ msrs: ['0x1ffffffff'], read: 'allow' }), /no MSR index/],
    [rule({ msrs: ['-5'], read: 'allow' }), /no MSR index/],
    [rule({ msrs: [-5], read: 'allow' }), /-5 is no MSR index/],
    [rule({ msrs: ['0x20-0x10'], read: 'allow' }), /ends before it starts/],
    [rule({ msrs: [], read: 'allow' }), /no MSR/],
    [rule({ msrs: ['0x10'] }), /give read, write or both/],
    [rule({ msrs: ['0x10'], read: 'maybe' }), /rules\[0\].read: expected one of allow, deny/],
    [rule({ msrs: ['0x10'], red: 'allow' }), /rules\[0\].red: unknown key/],
    [{ default: 'deny' }, /rules: missing/],
  ])('refuses %j', (json, message) => {
    expect(() => parsePolicy(json, 'p')).toThrow(message);
  });

  it('refuses a rule that earlier ones contradict in full', () => {
    const rules = [
      { msrs: ['0x10-0x1f'], read: 'deny', write: 'allow' },
      { msrs: ['0x12'], write: 'allow', read: 'allow' },
    ];
    expect(() => parsePolicy({ default: 'deny', rules }, 'p')).toThrow(/rules\[1\].read: earlier rules/);
    expect(parsePolicy({ default: 'deny', rules: rules.toReversed() }, 'p').rules).toHaveLength(2);
  });
});
