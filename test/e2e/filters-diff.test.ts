import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { expectRefusal, lastJson, msrdiff, ROOT, scratchFolder } from './cli.ts';

const folder = scratchFolder();
const file = (name: string, content: string | object): string => {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
};
const range = (flags: string, base: string, nmsrs: number, bitmap: object) => ({ flags, base, nmsrs, bitmap });
const a = file('a.json', {
  flags: 'deny',
  ranges: [range('rw', '0x174', 3, { deny: [] }), range('w', '0x6e0', 1, { deny: [] })],
});
const b = file('b.json', {
  flags: 'deny',
  ranges: [range('rw', '0x174', 4, { allow: ['0x174', '0x177'] }), range('r', '0xc0000000', 12288, { deny: [] })],
});
const emptyDeny = file('empty.json', { flags: 'deny', ranges: [] });

describe('diff', () => {
  test('lists every access that differs', () => {
    const { code, stdout } = msrdiff('diff', a, b);
    expect(code).toBe(1);
    expect(stdout).toMatchInlineSnapshot(`
      "of all 2^33 accesses, 12291 RDMSR and 4 WRMSR have another decision
      RDMSR  0x175-0x176            allow -> deny  IA32_SYSENTER_ESP IA32_SYSENTER_EIP
      RDMSR  0x177                  deny -> allow
      RDMSR  0xc0000000-0xc0002fff  deny -> allow  IA32_EFER IA32_STAR IA32_LSTAR IA32_CSTAR ...
      WRMSR  0x175-0x176            allow -> deny  IA32_SYSENTER_ESP IA32_SYSENTER_EIP
      WRMSR  0x177                  deny -> allow
      WRMSR  0x6e0                  allow -> deny  IA32_TSC_DEADLINE
      note: WRMSR 0x6e0 (IA32_TSC_DEADLINE): the exit fastpath may complete it before the filter is asked
      "
    `);
  });

  test('the verdicts of fewer accesses differ', () => {
    const { code, stdout } = msrdiff('diff', a, b, '--verdicts', '--mask', '0');
    expect(code).toBe(1);
    expect(stdout).toContain('of all 2^33 accesses, 14 RDMSR and 3 WRMSR have another verdict');
    expect(stdout).toContain('RDMSR  0xc0000080-0xc0000084  gp -> allow');
  });

  test('nothing differs', () => {
    expect(msrdiff('diff', a, a)).toMatchObject({
      code: 0,
      stdout: 'the decisions of all 2^33 accesses are the same\n',
    });
  });

  test('one filter under two kernels', () => {
    const outcome = msrdiff('diff', a, '--profile-a', '1a155254ff93', '--profile-b', '6.1', '--json');
    expect(outcome.code).toBe(1);
    expect(lastJson(outcome)).toMatchObject({
      accesses: 512,
      changes: [
        { direction: 'r', first: '0x800', last: '0x8ff', before: 'deny', after: 'allow' },
        { direction: 'w', first: '0x800', last: '0x8ff', before: 'deny', after: 'allow' },
      ],
    });
  });

  test('a filter that is rejected', () => {
    const { code, stdout } = msrdiff('diff', emptyDeny, '--profile-a', '1a155254ff93', '--profile-b', '6.1');
    expect(code).toBe(1);
    expect(stdout).toMatch(/B: .*empty.json: 6.1 rejects it with -EINVAL; in a new VM no filter is in force/);
  });

  test.each([
    [[a], /nothing to compare/],
    [[a, join(folder, 'missing.json')], /cannot be read \(ENOENT\)/],
    [[a, '/dev/zero'], /is a device/],
    [[a, file('bad.json', '{"flags": "deny", "ranges": [')], /bad.json:1:30: not valid JSON/],
    [[a, file('short.bin', '\0\0')], /2 bytes; struct kvm_msr_filter has 392/],
  ])('%j is refused', (args, pattern) => expectRefusal(msrdiff('diff', ...args), pattern));
});

describe('compile', () => {
  const policy = file('policy.json', {
    default: 'deny',
    rules: [
      { msrs: ['IA32_TSC', '0x174-0x176', '0xc0000080'], read: 'allow', write: 'deny' },
      { msrs: ['IA32_FS_BASE-IA32_KERNEL_GS_BASE'], read: 'allow', write: 'allow' },
    ],
  });

  test('gives the smallest filter, in every form', () => {
    const { code, stdout, stderr } = msrdiff('compile', policy);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^3 ranges, 64 bytes of bitmaps; all 2\^33 decisions are the policy's/);
    expect(stderr).toContain('x2APIC');
    const json = file('compiled.json', stdout);
    for (const format of ['binary', 'c']) {
      const out = join(folder, `compiled.${format}`);
      expect(msrdiff('compile', policy, '--format', format, '--out', out).code).toBe(0);
      expect(msrdiff('diff', json, out).code).toBe(0);
    }
  });

  test('says why there is none, and what comes closest', () => {
    const scattered = Array.from({ length: 17 }, (_, i) => `0x${(0x10 + i * 0x10000).toString(16)}`);
    const path = file('scattered.json', { default: 'deny', rules: [{ msrs: scattered, read: 'allow' }] });
    const { code, stdout } = msrdiff('compile', path);
    expect(code).toBe(1);
    expect(stdout).toMatchInlineSnapshot(`
      "no filter implements this policy:
        with DEFAULT_DENY: it takes 17 ranges, and there are 16
        with DEFAULT_ALLOW: RDMSR and WRMSR 0xffffffff cannot be named by a range (base + nmsrs wraps to 0); it takes at least 349526 ranges, and there are 16
      what comes closest and allows nothing that is to be denied: 16 ranges, 128 bytes of bitmaps
      it denies 1 RDMSR and 0 WRMSR that are to be allowed:
      RDMSR  0x100010  allow -> deny
      note: the policy denies 256 RDMSR and 256 WRMSR of x2APIC MSRs (0x800-0x8ff), which filters do not apply to: they stay allowed
      "
    `);
    const closest = join(folder, 'closest.json');
    expect(msrdiff('compile', path, '--closest', '--out', closest).code).toBe(1);
    expect(
      msrdiff('import', closest, '--to', 'list')
        .stdout.split('\n')
        .filter((line) => line.endsWith('allow')),
    ).toHaveLength(16);
  });

  test.each([
    [
      '{"default": "deny", "rules": [{"msrs": ["IA32_SYSENTER"], "read": "allow"}]}',
      /nearest is IA32_SYSENTER_CS, or give/,
    ],
    ['{"default": "deny"}', /rules: missing/],
    ['', /not valid JSON/],
  ])('%s is refused', (text, pattern) => expectRefusal(msrdiff('compile', file('p.json', text)), pattern));
});

describe('canonicalize', () => {
  test('saves ranges, and nothing the second time', () => {
    const wasteful = file('wasteful.json', {
      flags: 'allow',
      ranges: [1, 2, 3].map((n) => range('rw', `0x${n}0`, 1, { allow: [] })),
    });
    const once = join(folder, 'once.json');
    expect(msrdiff('canonicalize', wasteful, '--out', once).stdout).toMatch(
      /^3 ranges, 24 bytes of bitmaps -> 1 range, 8 bytes/,
    );
    expect(msrdiff('diff', wasteful, once).code).toBe(0);
    const twice = join(folder, 'twice.json');
    expect(msrdiff('canonicalize', once, '--out', twice).stdout).toMatch(
      /^1 ranges?, 8 bytes of bitmaps -> 1 range, 8 bytes/,
    );
    expectRefusal(msrdiff('canonicalize', emptyDeny), /rejects it with -EINVAL/);
  });
});

describe('import', () => {
  test('goes round all forms', () => {
    let from = b;
    for (const to of ['c', 'binary', 'json', 'list', 'json']) {
      const out = join(folder, `round.${to}`);
      expect(msrdiff('import', from, '--to', to, '--out', out)).toMatchObject({ code: 0 });
      expect(msrdiff('diff', b, out).code).toBe(0);
      from = out;
    }
  });

  test('an address is no filter', () => {
    const trace = file('trace.txt', 'ioctl(4, KVM_X86_SET_MSR_FILTER, 0x7ffff53f5bb0) = 0\n');
    expectRefusal(msrdiff('import', trace), /trace.txt:1: strace printed the address/);
    expectRefusal(
      msrdiff('import', file('x.c', 'struct kvm_msr_filter f = {\n.flags = FOO };')),
      /x.c:2: FOO is not known/,
    );
  });
});

describe('builders', () => {
  test('of a module', () => {
    const module = join(ROOT, 'examples/filter-builder.mjs');
    const outcome = msrdiff('builders', '--random', '60', '--seed', '1', '--module', module, '--json');
    expect(outcome.code).toBe(1);
    const { findings } = lastJson(outcome) as { findings: { kind: string; policy: { rules: unknown[] } }[] };
    expect(findings.find(({ kind }) => kind === 'opened')!.policy.rules).toHaveLength(1);
  });

  test('built in', () => {
    const path = file('zero.json', { default: 'allow', rules: [{ msrs: ['0x0', '0x10'], write: 'deny' }] });
    const { code, stdout } = msrdiff('builders', path);
    expect(code).toBe(1);
    expect(stdout).toContain(
      'qemu: opened, by 1 policy: accesses allowed that the policy denies: 1\nWRMSR  0x0  deny -> allow',
    );
  });

  test.each([
    [[], /give a policy, or --random N/],
    [['--random', '1', '--module', 'missing.mjs'], /missing.mjs does not load/],
    [['--random', '1', '--module', file('none.mjs', 'export const name = "n";')], /lacks the function "build"/],
  ])('%j is refused', (args, pattern) => expectRefusal(msrdiff('builders', ...args), pattern));
});
