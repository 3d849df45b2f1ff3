/** What is checked beside databases. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { builtInNames } from '../engines/registry.ts';
import { temporaryFolder } from '../store/store.fixture.ts';
import { complaints } from './database/database.fixture.ts';
import { checkDisk } from './disk.ts';
import { checkEngines } from './engines.ts';
import { checkEnvironment, handleLimit, isAtLeast } from './environment.ts';
import { few, sizeText } from './finding.ts';
import { checkKernels, repairKernels } from './kernels.ts';

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('environment', () => {
  it('compares versions by their numbers', () => {
    expect(['20.11.0', '20.9.1', '19.20.0', '21.0.0'].map((version) => isAtLeast(version, [20, 11]))).toEqual([
      ...[true, false, false, true],
    ]);
  });

  it('reads the limit of open files', () => {
    expect(handleLimit('Max processes   5  6  processes\nMax open files            1024   4096   files\n')).toBe(1024);
    expect(handleLimit('Max open files            unlimited   unlimited   files\n')).toBe(Number.POSITIVE_INFINITY);
  });

  it('has no problem here, and a folder of temporary files that is gone is one', async () => {
    expect(Object.values(complaints(await checkEnvironment()))).not.toContain('problem');
    const before = process.env.TMPDIR;
    process.env.TMPDIR = join(folder, 'gone');
    try {
      expect(complaints(await checkEnvironment())).toMatchObject({ 'temporary files': 'problem' });
    } finally {
      if (before === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = before;
    }
  });
});

describe('disk space', () => {
  const free = (bytes: number) =>
    complaints(checkDisk(join(folder, 'not/yet/db'), join(folder, 'cache'), 1, () => bytes));

  it('is told where it is short of a night, and of an hour', () => {
    expect(free(2 ** 40)).toEqual({});
    expect(free(2 ** 29)).toEqual({ database: 'warning', cache: 'warning' });
    expect(free(2 ** 20)).toEqual({ database: 'problem', cache: 'warning', 'temporary files': 'problem' });
  });

  it('is that of the nearest folder there is', () => {
    const asked: string[] = [];
    checkDisk(join(folder, 'not/yet/db'), folder, 1, (path) => asked.push(path));
    expect(asked.slice(0, 2)).toEqual([join(folder, 'not/yet/db'), folder]);
    expect(checkDisk(join(folder, 'not/yet/db'), folder)[0]!.what).toContain(` free at ${folder}`);
  });
});

it('engines decide what is known, and the canary does not', () => {
  const findings = checkEngines().filter(({ check }) => builtInNames().includes(check));
  expect(findings.map(({ check, level }) => `${check} ${level}`)).toEqual(builtInNames().map((name) => `${name} ok`));
});

describe('kernels in the cache', () => {
  const kernels = () => join(folder, 'kernels');
  const store = (version: string, content: string, summed: string | null): void => {
    const place = join(kernels(), `folder-${version}`);
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, 'vmlinuz'), content);
    const manifest = { version, release: `${version}.0`, flavour: 'cloud', packages: [], folder: `folder-${version}` };
    writeFileSync(join(kernels(), `${version}.json`), JSON.stringify(manifest));
    if (summed === null) return;
    const sum = createHash('sha256').update(summed).digest('hex');
    writeFileSync(join(place, 'SHA256SUMS'), `${sum}  vmlinuz\n`);
  };

  it('are compared with what was fetched, and damaged ones are removed', () => {
    expect(complaints(checkKernels(folder))).toEqual({});
    store('6.1', 'kernel', 'kernel');
    store('6.12', 'kernal', 'kernel');
    store('6.18', 'kernel', null);
    expect(complaints(checkKernels(folder))).toEqual({ '6.12': 'problem' });
    rmSync(join(kernels(), 'folder-6.18/vmlinuz'));
    writeFileSync(join(folder, 'image'), '');
    expect(complaints(checkKernels(folder))).toEqual({
      '6.12': 'problem',
      '6.18': 'problem',
      'empty files': 'problem',
    });
    expect(repairKernels(folder)).toEqual([
      'removed the damaged kernel 6.12 from the cache; get it back with "msrdiff kernel fetch 6.12"',
      'removed the damaged kernel 6.18 from the cache; get it back with "msrdiff kernel fetch 6.18"',
      'removed image, which was empty, from the cache',
    ]);
    expect(complaints(checkKernels(folder))).toEqual({});
    expect(existsSync(join(kernels(), 'folder-6.12'))).toBe(false);
  });
});

it('texts are short', () => {
  expect(few([1, 2, 3, 4, 5])).toBe('1, 2, 3 and 2 more');
  expect([0, 1023, 1536, 2 ** 31].map(sizeText)).toEqual(['0 bytes', '1023 bytes', '1.5 KiB', '2.0 GiB']);
});
