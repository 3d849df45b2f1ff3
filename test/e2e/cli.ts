/** Runs the built command line as a user would. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { atEnd } from '../at-end.ts';

export const ROOT = new URL('../..', import.meta.url).pathname;
export const MAIN = join(ROOT, 'dist/src/cli/main.js');

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function msrdiff(...args: string[]): Outcome {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], { cwd: ROOT, encoding: 'utf8' });
  return { code: status, stdout, stderr };
}

/** The same, as a process that can be signalled. */
export function start(...args: string[]): ChildProcess {
  return spawn(process.execPath, [MAIN, ...args], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
}

export function exited(child: ChildProcess): Promise<Outcome> {
  let stdout = '';
  let stderr = '';
  child.stdout!.on('data', (chunk) => (stdout += chunk));
  child.stderr!.on('data', (chunk) => (stderr += chunk));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })));
}

/** The object that `--json` prints as the last line. */
export function lastJson(outcome: Outcome): Record<string, unknown> {
  return JSON.parse(outcome.stdout.trim().split('\n').at(-1)!);
}

/** One line of ours on standard error, beside progress and the hint at --help; no stack trace, no output. */
export function expectRefusal({ code, stdout, stderr }: Outcome, pattern: RegExp, expected = 2): void {
  expect(stderr).toMatch(pattern);
  const lines = stderr.trim().split('\n');
  expect(lines.filter((line) => !line.startsWith('(see') && !line.includes(' cases/s '))).toHaveLength(1);
  expect(stderr).not.toMatch(/\n\s+at /);
  expect({ code, stdout }).toEqual({ code: expected, stdout: '' });
}

/** A folder that goes with the test file. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'msrdiff-test-'));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
