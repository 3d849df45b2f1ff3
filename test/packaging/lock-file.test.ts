/** What `npm ci` installs, and what it runs while it does: the lock file, docs/supply-chain.md. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ROOT } from '../e2e/cli.ts';

interface Entry {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
}

/** Compiles or fetches SQLite: the one script that is run. */
const WITH_SCRIPT = ['sqlite3'];

/** Whether npm installs it on Linux, x86-64, with glibc. */
function isForLinux({ os = ['linux'], cpu = ['x64'], libc = ['glibc'] }: Entry): boolean {
  return os.includes('linux') && cpu.includes('x64') && libc.includes('glibc');
}

function problemsOf(packages: Readonly<Record<string, Entry>>): string[] {
  return Object.entries(packages).flatMap(([path, entry]) => {
    if (path === '') return [];
    const name = path.split('node_modules/').at(-1)!;
    // Parts of tools for other machines than those that the lock file was made for: npm leaves them out.
    const isForeign = entry.optional === true && !isForLinux(entry);
    const { integrity, resolved = 'https://registry.npmjs.org/', hasInstallScript, link, os } = entry;
    const problems: string[] = [];
    if (!isForeign && !integrity?.startsWith('sha512-'))
      problems.push(`${path} has no SHA-512: npm cannot tell what it gets`);
    if (!resolved.startsWith('https://registry.npmjs.org/') || link)
      problems.push(`${path} is not of the npm registry`);
    // fsevents is for macOS alone, where it watches files: nothing of it is installed elsewhere.
    const elsewhere = name === 'fsevents' && os?.join() === 'darwin';
    if (hasInstallScript && !WITH_SCRIPT.includes(name) && !elsewhere) problems.push(`${path} has an install script`);
    return problems;
  });
}

const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

it('the lock file names every package by its hash, and runs no script but that of sqlite3', () => {
  expect(Object.keys(packages).length).toBeGreaterThan(100);
  expect(problemsOf(packages)).toEqual([]);
});

it('package.json permits the script of sqlite3 alone', () => {
  const permitted = Object.entries(manifest.allowScripts).filter(([, runs]) => runs);
  expect(permitted.map(([name]) => name)).toEqual(WITH_SCRIPT);
});

it('the check finds what it looks for', () => {
  const integrity = 'sha512-x';
  const bad: Record<string, Entry> = {
    'node_modules/a': { integrity, hasInstallScript: true },
    'node_modules/b': { integrity, resolved: 'git+ssh://git@github.com/b/b.git#1' },
    'node_modules/c': { integrity, resolved: 'http://registry.npmjs.org/c/-/c-1.0.0.tgz' },
    'node_modules/d': {},
    'node_modules/d/node_modules/d': { optional: true, cpu: ['x64'] },
    'node_modules/e': { integrity, link: true },
    'node_modules/fsevents': { integrity, hasInstallScript: true },
  };
  expect(problemsOf(bad)).toHaveLength(Object.keys(bad).length);
});
