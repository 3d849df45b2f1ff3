import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { REAL_FILTERS } from '../../src/corpus/real-filters.ts';
import { encodeFilter } from '../../src/model/filter-binary.ts';
import { formatFilter } from '../../src/model/filter-json.ts';
import { expectRefusal, lastJson, msrdiff, scratchFolder } from './cli.ts';

const folder = scratchFolder();
const file = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const filterOf = (id: string) => REAL_FILTERS.find((entry) => entry.id === id)!.filter;
const replay = file('replay.json', formatFilter(filterOf('replay')));
const baud = file('baud.bin', encodeFilter(filterOf('baud-padded')));

interface Reported {
  readonly findings: readonly { readonly code: string; readonly severity: string; readonly docs: string }[];
  readonly mended?: readonly { readonly code: string }[];
}

describe('msrdiff lint', () => {
  test('prints findings, the worst first, and exits with 1', () => {
    const { code, stdout, stderr } = msrdiff('lint', replay, '--ignore', 'sensitive-open,passthrough-lost');
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(stdout.replace(folder, '')).toMatchInlineSnapshot(`
      "/replay.json: 5 errors, 9 notes (kernels 5.10.0 to 6.18; vmx, svm)

      error  bitmap-short           range 0: bitmap of 1 byte for nmsrs 1; the kernel reads 8, a multiple of 8: -EFAULT if
                                      the memory ends there, else it copies what follows
                                    also: range 1, range 2, range 3, range 4
                                    mend: allocate ceil(nmsrs / 64) * 8 = 8 bytes
      note   bits-past-nmsrs        range 0: nmsrs is 1, but bits up to 7 are set: they are copied and never looked at
                                    also: range 1, range 2, range 3, range 4
                                    mend: clear them, or raise nmsrs if those MSRs are meant too
      note   x2apic-open            the default denies, but x2APIC MSRs (0x800-0x8ff) stay allowed: no filter applies to
                                      them
                                    mend: nothing in a filter helps; to keep a guest from x2APIC, hide it in CPUID or use no
                                      in-kernel APIC
      note   tsc-deadline-fastpath  the default denies WRMSR TSC_DEADLINE (0x6e0), but the exit fastpath completes it before
                                      the filter is asked: VMX on 5.10.0 to 6.18, SVM on 6.18
                                    mend: hide TSC_DEADLINE in CPUID; without an in-kernel APIC the write has no effect
      note   unfiltered-access      RDMSR IA32_TSC (0x10) is denied; unfiltered ways to the same: RDTSC, RDTSCP
                                    mend: do not rely on the filter for this register; KVM has no exit for these
                                      instructions
      note   vmx-msr-lists          from 5.18 to 6.11 a guest that may use VMX reaches denied MSRs by VM-entry and VM-exit
                                      MSR lists
                                    mend: hide VMX in CPUID, or use 6.12, where denied MSRs fail the VM-entry and abort at
                                      the VM-exit
      "
    `);
  });

  test('exits with 0 where there are but notes, or where the others are ignored', () => {
    expect(msrdiff('lint', baud).code).toBe(1);
    const ignored = msrdiff('lint', baud, '--ignore', 'unfiltered-access', '--ignore', 'tsc-deadline-fastpath');
    expect(ignored.code).toBe(0);
    const strict = msrdiff('lint', baud, '--severity', 'error');
    expect(strict).toMatchObject({ code: 0, stderr: '' });
    expect(strict.stdout).toContain('no findings (kernels 5.10.0 to 6.18; vmx, svm)');
  });

  test('prints JSON for machines', () => {
    const outcome = msrdiff('lint', baud, '--json', '--profile', '6.1', '--vendor', 'svm', '--mask', 'inval,unknown');
    const { findings } = lastJson(outcome) as unknown as Reported;
    expect(findings[0]).toEqual({
      code: 'mask-lacks-filter',
      severity: 'warning',
      where: {},
      message: expect.stringContaining('0x3 lacks'),
      mend: expect.any(String),
      docs: 'docs/lint.md#mask-lacks-filter',
    });
    // kvm_amd of 6.1 has no timer that the fastpath would use.
    expect(findings.map(({ code }) => code)).not.toContain('tsc-deadline-fastpath');
  });

  test('--fix writes a filter that has nothing left to fix', () => {
    const out = join(folder, 'fixed.json');
    const first = msrdiff('lint', replay, '--fix', '--out', out);
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout).toMatch(/^mended: 5 errors, 5 notes/);
    const { findings } = lastJson(msrdiff('lint', out, '--json')) as unknown as Reported;
    expect(findings.map(({ code }) => code)).not.toContain('bitmap-short');
    const again = msrdiff('lint', out, '--fix');
    expect(again.stdout).toBe(readFileSync(out, 'utf8'));
    expect(again.stderr).toContain('fixed.json: ');
    const json = lastJson(msrdiff('lint', replay, '--fix', '--json')) as unknown as Reported;
    expect(json.mended!.map(({ code }) => code)).toContain('bitmap-short');
    expect(json).toHaveProperty('fixed.flags', 'deny');
  });

  test.each([
    [[replay, '--ignore', 'nonsense'], /"nonsense" is none of filter-flags, /],
    [[replay, '--severity', 'fatal'], /error, warning, note/],
    [[replay, '--vendor', 'arm'], /vmx, svm, both/],
    [[replay, '--mask', 'everything'], /0 to 7/],
    [[replay, '--out', 'x.json'], /--out is where --fix writes/],
    [[replay, '--fix', '--out', join(folder, 'absent', 'x.json')], /cannot be written \(ENOENT\)/],
    [[join(folder, 'absent.json')], /cannot be read \(ENOENT\)/],
    [[file('other.json', '{"flags": "allow"}')], /ranges/],
  ])('refuses %j', (args, pattern) => {
    expectRefusal(msrdiff('lint', ...args), pattern);
  });
});
