import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { PLANTED_ENGINES, writeEngine } from '../triage/engines.ts';
import { msrdiff, type Outcome, scratchFolder } from './cli.ts';

const folder = scratchFolder();
const database = join(folder, 'triage.db');
const here = ['--database', database];

function campaign(): Outcome {
  const modules = PLANTED_ENGINES.flatMap((name) => ['--engine-module', join(folder, `${name}.mjs`)]);
  return msrdiff('fuzz', ...here, '--engines', 'reference,interval', ...modules, '--cases', '256', '--seed', '6');
}

interface Row {
  readonly id: string;
  readonly subject: string;
  readonly status: string;
  readonly reopened: number;
  readonly rules: readonly string[];
}

function list(...options: string[]): Row[] {
  return JSON.parse(msrdiff('list', ...here, ...options, '--json').stdout);
}

const idOf = (subject: string): string => list('--engine', subject)[0]!.id;

beforeAll(() => {
  for (const name of PLANTED_ENGINES) writeEngine(folder, name, false);
});

describe('a campaign with three planted bugs', () => {
  test('has three divergences, each with the rule that is broken', () => {
    expect(campaign().code).toBe(1);
    expect(list().map(({ subject, status, rules }) => [subject, status, ...rules])).toEqual(
      expect.arrayContaining([
        ['inclusive-end', 'new', 'range end inclusive'],
        ['no-exemption', 'new', expect.stringMatching(/x2APIC/i)],
        ['unnamed-denied', 'new', 'unnamed access type denied'],
      ]),
    );
    expect(list()).toHaveLength(3);
  });

  test('is found in by engine, status, verdict, rule and MSR', () => {
    const names = (...options: string[]): string[] => list(...options).map(({ subject }) => subject);
    expect(names('--rule', 'range end inclusive')).toEqual(['inclusive-end']);
    expect(names('--status', 'fixed,known')).toEqual([]);
    expect(names('--verdict', 'inval')).toEqual(['no-exemption']);
    expect(names('--msr', '0x1').length).toBeGreaterThan(0);
    expect(names('--msr', 'no such name')).toEqual([]);
  });

  test('takes a status, a note, and says who said what', () => {
    const id = idOf('inclusive-end');
    const told = msrdiff('triage', id, ...here, '--status', 'fixed', '--note', 'one\nline', '--author', 'kim');
    expect(told).toMatchObject({ code: 0, stdout: expect.stringMatching(/fixed\n.*kim +fixed +one line\n$/) });
    expect(list('--status', 'fixed').map((row) => row.id)).toEqual([id]);
    expect(msrdiff('show', id, ...here).stdout).toMatch(/status +fixed[\s\S]*kim +fixed +one line/);
  });

  test('does not report again what is known, and reopens what was fixed and is back', () => {
    for (const name of ['no-exemption', 'unnamed-denied']) {
      msrdiff('triage', idOf(name), ...here, '--status', 'known');
    }
    const again = campaign();
    expect(again.code).toBe(1);
    expect(again.stdout).toContain(`reopened divergence ${idOf('inclusive-end')}`);
    expect(again.stdout).toContain('new: 0, fixed before and back again: 1');
    expect(list('--status', 'new')).toMatchObject([{ subject: 'inclusive-end', reopened: 1 }]);
    const table = msrdiff('list', ...here).stdout;
    expect(table).toMatch(/new again +verdict +inclusive-end +\S+ +(RD|WR)MSR 0x[0-9a-f]+ .* range end inclusive$/m);
  });

  test('leaves alone what is fixed and stays so', () => {
    writeEngine(folder, 'inclusive-end', true);
    msrdiff('triage', idOf('inclusive-end'), ...here, '--status', 'fixed');
    expect(campaign().code).toBe(0);
    expect(list('--status', 'fixed')).toMatchObject([{ subject: 'inclusive-end', reopened: 1 }]);
  });
});

describe('wrong input of triage', () => {
  test.each([
    [['ffff', '--status', 'fixed'], /has no divergence ffff/],
    [['zz', '--status', 'fixed'], /"zz" is no divergence id/],
    [['ffff', '--status', 'done'], /Allowed choices are new, triaged/],
    [['ffff', '--note', 'x', '--author', 'two\nlines'], /--author: expected a name on one line/],
    [['ffff', '--note', 'x', '--author', ''], /--author: expected a name on one line/],
    [[], /missing required argument/],
  ])('%j', (args, pattern) => {
    const outcome = msrdiff('triage', ...args, ...here);
    expect(outcome.stderr).toMatch(pattern);
    expect(outcome.code).toBe(2);
  });

  test('a note that is too long', () => {
    const outcome = msrdiff('triage', 'ffff', ...here, '--note', 'x'.repeat(10_001));
    expect(outcome).toMatchObject({ code: 2, stderr: 'msrdiff: --note: longer than 10000 characters\n' });
  });

  test('sends no control characters to a terminal', () => {
    const { stdout } = msrdiff('triage', idOf('no-exemption'), ...here, '--note', 'a\u001b[31mb\r\nc');
    expect(stdout).toContain('a [31mb c\n');
    expect(stdout).not.toMatch(/[^\P{Cc}\n]/u);
  });

  test('changes none if one is missing', () => {
    const id = idOf('no-exemption');
    expect(msrdiff('triage', id, 'ffff', ...here, '--status', 'wont-fix').code).toBe(2);
    expect(list('--engine', 'no-exemption')).toMatchObject([{ status: 'known' }]);
  });
});
