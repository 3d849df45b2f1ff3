/** Exported selftests on real kernels: they find what kvm_intel gets wrong, and pass on kvm_amd. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compiled, hasCompiler } from '../../src/export/compile.fixture.ts';
import { msrdiff, ROOT, scratchFolder } from '../e2e/cli.ts';
import { available } from './kernels.ts';

const folder = scratchFolder();
const library = join(ROOT, 'test/kselftest');
const OPTIONS = ['-std=gnu99', '-fno-stack-protector', '-Wno-sign-compare', '-static', '-no-pie', `-I${library}`];

function selftest(name: string, events: readonly unknown[]): string {
  const [scenario, source] = [join(folder, `${name}.json`), join(folder, `${name}.c`)];
  writeFileSync(scenario, JSON.stringify({ events }));
  expect(msrdiff('export', scenario, '--format', 'kselftest', '--out', source).code).toBe(0);
  return compiled(join(folder, name), source, ...OPTIONS, join(library, 'library.c'));
}

const deny = (base: string) => ({
  filter: { flags: 'allow', ranges: [{ flags: 'w', base, nmsrs: 1, bitmap: { allow: [] } }] },
});

describe.runIf(hasCompiler)('an exported selftest', { timeout: 240_000 }, () => {
  const deadline = [{ apic: 'xapic' }, deny('0x6e0'), { access: [['0x6e0', 'w', '0x1']] }];

  // docs/findings.md: the exit fastpath completes it before the filter is asked.
  test.runIf(available('kvm-vmx@6.1'))('fails on kvm_intel, which does not filter WRMSR TSC_DEADLINE', () => {
    const { code, stdout } = msrdiff('kernel', 'run', 'kvm-vmx@6.1', selftest('deadline-vmx', deadline));
    expect({ code, stdout }).toEqual({ code: 254, stdout: expect.stringContaining('is 0, not 0xd') });
  });

  test.runIf(available('kvm-svm@6.1'))('passes on kvm_amd, which does', () => {
    expect(msrdiff('kernel', 'run', 'kvm-svm@6.1', selftest('deadline-svm', deadline)).code).toBe(0);
  });

  test.runIf(available('kvm-svm@6.1'))('runs accesses with the forced emulation prefix', () => {
    const access = (...accesses: unknown[]) => ({ access: accesses, form: 'emulator' });
    const denied = ['0x174', 'w', '0x1'];
    const reply = { reply: { error: 1, data: '0x0' } };
    const program = selftest('forced', [{ cap: '0x4' }, deny('0x174'), access(['0x10', 'r'], denied), reply]);
    expect(msrdiff('kernel', 'run', 'kvm-svm@6.1', program).code).toBe(0);
    const without = ['--module-parameters', 'kvm force_emulation_prefix=0'];
    expect(msrdiff('kernel', 'run', 'kvm-svm@6.1', program, ...without).code).toBe(4);
  });
});
