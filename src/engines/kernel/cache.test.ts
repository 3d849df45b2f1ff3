import { fork } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildForAWhile, buildOnce, cacheFolder, writeAtomically } from './cache.ts';
import { createTemporaryFolder } from './temporary-folder.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'msrdiff-test-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('cacheFolder', () => {
  it('follows MSRDIFF_CACHE, then the XDG specification', () => {
    expect(cacheFolder({ MSRDIFF_CACHE: '/a', XDG_CACHE_HOME: '/b' })).toBe('/a');
    expect(cacheFolder({ XDG_CACHE_HOME: '/b' })).toBe('/b/msrdiff');
    expect(cacheFolder({ XDG_CACHE_HOME: 'relative' })).toMatch(/\/\.cache\/msrdiff$/);
    expect(cacheFolder({})).toMatch(/\/\.cache\/msrdiff$/);
  });
});

describe('buildOnce', () => {
  const path = () => join(folder, 'deep', 'thing');
  const build = (temporary: string) => {
    writeFileSync(join(temporary, 'x'), 'content');
    return join(temporary, 'x');
  };

  it('builds what is not there, once, and leaves nothing else', () => {
    let builds = 0;
    for (let i = 0; i < 2; i++) {
      buildOnce(path(), (temporary) => {
        builds++;
        return build(temporary);
      });
    }
    expect(builds).toBe(1);
    expect(readFileSync(path(), 'utf8')).toBe('content');
    expect(readdirSync(join(folder, 'deep'))).toEqual(['thing']);
  });

  it('leaves nothing when building fails', () => {
    const fail = () => {
      throw new Error('no');
    };
    expect(() => buildOnce(path(), fail)).toThrow('no');
    expect(readdirSync(join(folder, 'deep'))).toEqual([]);
  });

  it('keeps the folder of whoever was first', () => {
    const built = buildOnce(path(), (temporary) => {
      mkdirSync(path());
      writeFileSync(join(path(), 'first'), '');
      mkdirSync(join(temporary, 'second'));
      return join(temporary, 'second');
    });
    expect(readdirSync(built)).toEqual(['first']);
  });
});

describe('buildForAWhile', () => {
  it('removes what nobody has used for weeks, when it builds something', () => {
    const build = (temporary: string) => {
      writeFileSync(join(temporary, 'x'), '');
      return join(temporary, 'x');
    };
    const [old, used] = [join(folder, 'old'), join(folder, 'used')];
    for (const path of [old, used]) buildForAWhile(path, build);
    for (const path of [old, used]) utimesSync(path, 1, 1);
    buildForAWhile(used, build);
    expect(existsSync(old)).toBe(true);
    buildForAWhile(join(folder, 'new'), build);
    expect(readdirSync(folder).sort()).toEqual(['new', 'used']);
  });
});

it('writeAtomically replaces a file and leaves nothing beside it', () => {
  const path = join(folder, 'file');
  writeAtomically(path, 'one');
  writeAtomically(path, 'two');
  expect(readFileSync(path, 'utf8')).toBe('two');
  expect(readdirSync(folder)).toEqual(['file']);
});

describe('createTemporaryFolder', () => {
  it('removes those of processes that are gone, and no others', async () => {
    const script = join(folder, 'idle.cjs');
    writeFileSync(script, '');
    const child = fork(script);
    await new Promise((resolve) => child.once('exit', resolve));
    const mine = createTemporaryFolder(folder, 'x');
    const stale = mine.replace(`-${process.pid}-`, `-${child.pid}-`);
    const living = mine.replace(`-${process.pid}-`, '-1-');
    const elsewhere = stale.replace(/-x-\d+-/, '-x-1-');
    for (const path of [stale, living, elsewhere]) mkdirSync(path);
    createTemporaryFolder(folder, 'x');
    expect([mine, stale, living, elsewhere].map((path) => existsSync(path))).toEqual([true, false, true, true]);
  });
});
