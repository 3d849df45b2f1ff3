/** Compiles and runs exported programs; says once per file what this machine lacks. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { atEnd } from '../../test/at-end.ts';

export const hasCompiler = spawnSync('cc', ['--version']).status === 0;
if (!hasCompiler) process.stderr.write('skipped: no cc, so exported programs are not compiled\n');
export const hasKvm = usable('/dev/kvm');
if (!hasKvm) process.stderr.write('skipped: no usable /dev/kvm, so exported programs are not run\n');

function usable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** A folder that goes with the test file. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'msrdiff-export-'));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Path of the program; fails on any warning. */
export function compiled(program: string, ...options: readonly string[]): string {
  const { status, stderr } = spawnSync('cc', ['-Wall', '-Wextra', '-Werror', '-O2', '-o', program, ...options]);
  expect({ status, stderr: String(stderr) }).toEqual({ status: 0, stderr: '' });
  return program;
}

export function run(program: string, ...options: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(program, options, { encoding: 'utf8' });
  return { status, stdout, stderr };
}
