import { spawnSync } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Scenario } from '../model/scenario.ts';
import { Verdict } from '../model/verdict.ts';
import { cProgram } from './c-program.ts';

const DENY_SYSENTER: Scenario = {
  events: [
    { kind: 'apic', mode: 2 },
    { kind: 'cap', mask: 4n },
    {
      kind: 'filter',
      filter: {
        flags: 0,
        ranges: [
          { flags: 3, nmsrs: 3, base: 0x174, bitmap: new Uint8Array(8) },
          { flags: 1, nmsrs: 0, base: 0, bitmap: null },
        ],
      },
    },
    { kind: 'access', batch: { indices: Uint32Array.of(0x10, 0x174), types: Uint8Array.of(0, 0) } },
    { kind: 'reply', error: 1, data: 0n },
    {
      kind: 'access',
      batch: { indices: Uint32Array.of(0x175), types: Uint8Array.of(1), values: BigUint64Array.of(5n) },
    },
  ],
};
const EXPECTED = [-1, Verdict.EXIT_FILTER, Verdict.EXIT_FILTER];

function usable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

const hasCompiler = spawnSync('cc', ['--version']).status === 0;
if (!hasCompiler) process.stderr.write('skipped: no cc, so exported programs are not compiled\n');
const hasKvm = usable('/dev/kvm');
if (!hasKvm) process.stderr.write('skipped: no usable /dev/kvm, so exported programs are not run\n');

describe('cProgram', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'msrdiff-export-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function compiled(expected: readonly number[], name: string): string {
    const source = join(folder, `${name}.c`);
    writeFileSync(source, cProgram(DENY_SYSENTER, { title: 'A test /* of */ comments', expected }));
    const { status, stderr } = spawnSync('cc', ['-Wall', '-Wextra', '-O2', '-o', join(folder, name), source]);
    expect({ status, stderr: String(stderr) }).toEqual({ status: 0, stderr: '' });
    return join(folder, name);
  }

  it.runIf(hasCompiler)('compiles without a warning', () => {
    compiled(EXPECTED, 'plain');
  });

  it.runIf(hasCompiler && hasKvm)('says that the kernel does as documented, or what it does instead', () => {
    const run = (expected: readonly number[], name: string): { status: number | null; stdout: string } => {
      const { status, stdout } = spawnSync(compiled(expected, name), { encoding: 'utf8' });
      return { status, stdout };
    };
    const right = run(EXPECTED, 'right');
    expect(right).toMatchObject({ status: 0 });
    expect(right.stdout).toContain('RDMSR 0x174: exit to user space, FILTER\nafter the reply: #GP\nWRMSR 0x175');
    expect(right.stdout).toContain('as documented');
    const wrong = run([-1, Verdict.ALLOW, -1], 'wrong');
    expect(wrong).toMatchObject({ status: 1 });
    expect(wrong.stdout).toContain('RDMSR 0x174: exit to user space, FILTER, WRONG: expected allow');
  });

  it('refuses what no program can make happen', () => {
    const events = [{ kind: 'candidates', changes: [] }] as const;
    expect(() => cProgram({ events }, { title: '' })).toThrow('event 0: candidates is nothing that a program can do');
  });
});
