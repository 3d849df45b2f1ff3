import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { exited, expectRefusal, msrdiff, type Outcome, scratchFolder, start } from './cli.ts';
import { DatabaseHandle } from './database.ts';

const folder = scratchFolder();
const file = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const fuzz = (...args: string[]): Outcome =>
  msrdiff('fuzz', '--cases', '1', '--database', join(folder, 'unused.db'), ...args);

describe('usage', () => {
  test.each([
    [['fuzz', '--cases', 'many'], /--cases/],
    [['fuzz', '--seed', '-1'], /--seed/],
    [['fuzz', '--profile', '4.2'], /Known are/],
    [['fuzz', '--nonsense'], /--nonsense/],
    [['nonsense'], /nonsense/],
    [['fuzz', '--resume', '0'], /campaign number/],
    [['fuzz', '--resume', '--seed', '1'], /leave --seed/],
    [['fuzz', '--engines', 'reference'], /at least two/],
  ] as const)('%j is refused', (args, pattern) => {
    expectRefusal(msrdiff(...args), pattern);
  });
});

describe('engines', () => {
  test('an unknown name', () => expectRefusal(fuzz('--engines', 'reference,nope'), /unknown engine "nope"/, 3));
  test.each([
    ['missing.mjs', undefined, /cannot be read/],
    ['syntax.mjs', 'export const name = ;', /does not load/],
    ['throws.mjs', "throw new Error('at import')", /does not load: at import/],
    ['nameless.mjs', 'export function allowed() { return true; }', /lacks a "name"/],
    ['methodless.mjs', "export const name = 'm';", /lacks both "createVm" and "allowed"/],
    ['eventless.mjs', "export default { name: 'e', createVm: () => ({}) };", /capabilities.events/],
    [
      'half.mjs',
      "export default { name: 'h', capabilities: { events: ['reply'] }, createVm: () => ({ setFilter() {} }) };",
      /lacks the method/,
    ],
    ['twin.mjs', "export const name = 'reference'; export function allowed() { return true; }", /two engines/],
    ['forever.mjs', 'await new Promise(() => { setInterval(() => {}, 1000); });', /did not finish loading/],
  ])('a module: %s', (name, content, pattern) => {
    const path = content === undefined ? join(folder, name) : file(name, content);
    const timeout = name === 'forever.mjs' ? '1' : '30';
    expectRefusal(fuzz('--engine-module', path, '--engines', 'reference,interval', '--timeout', timeout), pattern, 3);
  });
});

describe('files', () => {
  test.each([
    ['not JSON', '{"events": [', /not valid JSON/],
    ['no events', '{"events": []}', /without events/],
    ['an unknown field', '{"events": [{"filtre": {}}]}', /events\[0\]/],
    [
      'a bad range',
      '{"events": [{"filter": {"flags": "deny", "ranges": [{"flags": "r", "base": "0x1", "nmsrs": -1, "bitmap": null}]}}]}',
      /ranges\[0\]\.nmsrs/,
    ],
  ])('a scenario: %s', (name, content, pattern) => {
    expectRefusal(msrdiff('replay', file(`${name.replace(/ /g, '-')}.json`, content)), pattern);
  });

  test.each([
    ['bad-gzip.jsonl.gz', new Uint8Array([1, 2, 3]), /bad-gzip/],
    ['headerless.jsonl', '{"events": []}\n', /headerless.jsonl:1/],
    [
      'word.jsonl',
      '{"kernel":"Linux 6.1.0","modules":"kvm","path":"direct","apic":"none","seed":1,"base":{"r":{},"w":{}}}\n{"events":[{"access":[[0,"r"]],"verdict":["maybe"]}]}\n',
      /word.jsonl:2.*verdict/,
    ],
  ])('ground truth: %s', (name, content, pattern) => {
    expectRefusal(msrdiff('conform', file(name, content)), pattern);
  });

  test('a ledger', () =>
    expectRefusal(fuzz('--ledger', file('ledger.json', '[{"id": "x"}]')), /ledger.json: \[0\]\.title/));
});

describe('databases', () => {
  test('a file that is no database', () => {
    const path = file(
      'text.db',
      'this is a text file, and longer than the header of a database that SQLite looks at. '.repeat(20),
    );
    expectRefusal(msrdiff('fuzz', '--cases', '1', '--database', path), /not an SQLite database/);
    expectRefusal(msrdiff('list', '--database', path), /not an SQLite database/);
  });

  test('one that is not there', () => {
    expectRefusal(msrdiff('list', '--database', join(folder, 'none.db')), /does not exist/);
  });

  test("another program's, and one of a newer schema", async () => {
    const other = await DatabaseHandle.create(join(folder, 'other.db'), 'CREATE TABLE t (a)');
    expectRefusal(msrdiff('fuzz', '--cases', '1', '--database', other.path), /belongs to another program/);
    const newer = join(folder, 'newer.db');
    expect(msrdiff('fuzz', '--cases', '1', '--database', newer).code).toBe(0);
    await DatabaseHandle.create(newer, 'PRAGMA user_version = 99');
    expectRefusal(msrdiff('list', '--database', newer), /schema 99/);
  });

  test('an unknown divergence', () => {
    const path = join(folder, 'empty.db');
    expect(msrdiff('fuzz', '--cases', '1', '--database', path).code).toBe(0);
    expectRefusal(msrdiff('show', 'abc', '--database', path), /no divergence abc/);
    expectRefusal(msrdiff('show', 'xyz', '--database', path), /no divergence id/);
  });

  test('a folder that cannot be written', (context) => {
    const locked = join(folder, 'locked');
    mkdirSync(locked);
    chmodSync(locked, 0o500);
    // root writes everywhere; /proc is read-only for everybody.
    const path = process.getuid?.() === 0 ? '/proc/msrdiff/results.db' : join(locked, 'sub/results.db');
    if (process.platform !== 'linux') context.skip('needs Linux');
    expectRefusal(msrdiff('fuzz', '--cases', '1', '--database', path), /cannot be (created|opened)/);
  });

  test('a disk that fills up: what was committed stays', (context) => {
    const mount = join(folder, 'small');
    mkdirSync(mount);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=400k', 'tmpfs', mount]);
    if (mounted.status !== 0) context.skip('cannot mount a small tmpfs here: needs root');
    try {
      const path = join(mount, 'full.db');
      expectRefusal(
        msrdiff('fuzz', '--cases', '20000', '--seed', '1', '--database', path, '--json'),
        /disk is full|cannot be/,
      );
      const campaigns = JSON.parse(msrdiff('list', '--campaigns', '--database', path, '--json').stdout);
      expect(campaigns).toHaveLength(1);
      expect(campaigns[0].cases).toBeGreaterThan(0);
    } finally {
      spawnSync('umount', [mount]);
    }
  });

  test('two campaigns on one', async () => {
    const path = join(folder, 'shared.db');
    const first = start('fuzz', '--seconds', '600', '--database', path);
    const end = exited(first);
    await new Promise<void>((resolve) => first.stderr!.once('data', () => resolve()));
    expectRefusal(msrdiff('fuzz', '--cases', '1', '--database', path), /written by another campaign/);
    expect(msrdiff('list', '--campaigns', '--database', path).stdout).toContain('running');
    first.kill('SIGINT');
    expect((await end).code).toBe(130);
  });
});
