import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Driver } from './driver.ts';
import { COVERAGE, createCampaign, DRIVERS, divergence, shardRecord, temporaryFolder } from './store.fixture.ts';
import { Store } from './store.ts';
import { StoreError } from './store-error.ts';

const ID = 'abcd000000000001';

/** Permissions do not bind root: as somebody else then, where this process can be. */
async function asUser<T>(work: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return work();
  process.seteuid?.(65534);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}

describe.each(DRIVERS)('opening a database with driver $name', (driver) => {
  let folder: string;
  beforeEach(() => {
    folder = temporaryFolder();
    chmodSync(folder, 0o755);
  });
  afterEach(() => {
    for (const name of readdirSync(folder)) chmodSync(join(folder, name), 0o755);
    rmSync(folder, { recursive: true });
  });

  /** A database with one divergence, and the store if it is to stay open. */
  async function filled(path: string, close = true): Promise<Store> {
    const store = await Store.open(path, { driver });
    const campaign = await createCampaign(store);
    await store.recordShard(shardRecord(campaign, 0, [divergence(ID)]), []);
    if (!close) return store;
    await store.finishCampaign(campaign, 'finished', COVERAGE);
    await store.close();
    return store;
  }

  async function ids(path: string, using: Driver = driver): Promise<string[]> {
    const store = await Store.open(path, { readOnly: true, driver: using });
    try {
      return (await store.divergences()).map(({ id }) => id);
    } finally {
      await store.close();
    }
  }

  async function failure(path: string, readOnly: boolean): Promise<string> {
    const error = await Store.open(path, { readOnly, driver }).then(
      (store) => store.close(),
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(StoreError);
    const { message, code } = error as StoreError;
    expect(code).toBe('MSRDIFF_STORE');
    expect(message).not.toContain('\n');
    return message.replaceAll(folder, '');
  }

  it('refuses what is no SQLite database, and leaves it alone', async () => {
    const path = join(folder, 'notes.txt');
    writeFileSync(path, 'not a database\n'.repeat(1000));
    const before = readFileSync(path);
    for (const readOnly of [true, false]) {
      expect(await failure(path, readOnly)).toMatch(/^database \/notes.txt is not an SQLite database: /);
    }
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(readdirSync(folder)).toEqual(['notes.txt']);
  });

  it("refuses another program's database, and leaves it alone", async () => {
    const path = join(folder, 'other.sqlite');
    const db = await driver.open(path, { readOnly: false });
    await db.exec('CREATE TABLE places (id INTEGER PRIMARY KEY)');
    await db.close();
    const before = readFileSync(path);
    for (const readOnly of [true, false]) {
      expect(await failure(path, readOnly)).toMatch(/^database \/other.sqlite belongs to another program: /);
    }
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it('says what else is wrong with a path', async () => {
    writeFileSync(join(folder, 'empty'), '');
    expect(await failure(join(folder, 'empty'), true)).toMatch(/^database \/empty is empty: /);
    expect(await failure(join(folder, 'missing'), true)).toMatch(/^database \/missing does not exist: /);
    expect(await failure(join(folder, 'empty', 'x'), false)).toMatch(/folder cannot be created \(E\w+\): /);
    mkdirSync(join(folder, 'sub'));
    for (const readOnly of [true, false]) {
      expect(await failure(join(folder, 'sub'), readOnly)).toMatch(/^database \/sub is a folder: name a file /);
    }
  });

  it('refuses a damaged database', async () => {
    const path = join(folder, 'cut.sqlite');
    await filled(path);
    truncateSync(path, 8192);
    expect(await failure(path, false)).toMatch(/^database \/cut.sqlite is damaged: /);
    expect(await failure(path, true)).toMatch(/^database \/cut.sqlite is damaged: /);
  });

  it('waits for a lock, and then says that it is locked', { timeout: 30_000 }, async () => {
    const path = join(folder, 'busy.sqlite');
    await filled(path);
    const other = await driver.open(path, { readOnly: false });
    await other.exec('BEGIN IMMEDIATE');
    expect(await failure(path, false)).toMatch(/^database \/busy.sqlite is locked by another process: /);
    expect(await ids(path)).toEqual([ID]);
    await other.close();
  });

  it('reads beside a writer', async () => {
    const path = join(folder, 'live.sqlite');
    const writer = await filled(path, false);
    expect(await ids(path)).toEqual([ID]);
    await writer.close();
  });

  it('reads the file alone, copied to a read-only folder', async () => {
    const place = join(folder, 'with ? and #');
    await filled(join(folder, 'a.sqlite'));
    mkdirSync(place);
    copyFileSync(join(folder, 'a.sqlite'), join(place, 'b.sqlite'));
    chmodSync(join(place, 'b.sqlite'), 0o444);
    chmodSync(place, 0o555);
    await asUser(async () => {
      expect(await ids(join(place, 'b.sqlite'))).toEqual([ID]);
      expect(await failure(join(place, 'b.sqlite'), false)).toMatch(
        /b.sqlite is read-only: make the file and its folder/,
      );
      // A library that takes no URIs, as node:sqlite of Node 22.13.
      const plain: Driver = {
        ...driver,
        open: (at, options) => driver.open(at.startsWith('file:') ? join(place, 'file:') : at, options),
      };
      expect(await ids(join(place, 'b.sqlite'), plain)).toEqual([ID]);
    });
    expect(readdirSync(place)).toEqual(['b.sqlite']);
  });

  it('reads the log of a killed campaign in a read-only folder, and leaves no copies', async () => {
    const place = join(folder, 'dead');
    mkdirSync(place);
    const writer = await filled(join(folder, 'a.sqlite'), false);
    for (const end of ['', '-wal']) copyFileSync(join(folder, `a.sqlite${end}`), join(place, `a.sqlite${end}`));
    await writer.close();
    chmodSync(place, 0o555);
    const opened: string[] = [];
    const noting: Driver = {
      ...driver,
      open: (at, options) => {
        opened.push(at);
        return driver.open(at, options);
      },
    };
    await asUser(async () => expect(await ids(join(place, 'a.sqlite'), noting)).toEqual([ID]));
    const copy = dirname(opened.at(-1)!);
    expect(copy).toMatch(/msrdiff-\w+$/);
    expect(existsSync(copy)).toBe(false);
  });

  it.runIf(existsSync('/proc/self'))('gives up on a folder that takes no others', async () => {
    expect(await failure('/proc/msrdiff/a.sqlite', false)).toMatch(/folder cannot be created \(E\w+\): /);
  });

  it('cannot create a database in a read-only folder', async () => {
    chmodSync(folder, 0o555);
    await asUser(async () => {
      expect(await failure(join(folder, 'a.sqlite'), false)).toMatch(/^database \/a.sqlite cannot be opened: /);
      expect(await failure(join(folder, 'sub', 'a'), false)).toMatch(/folder cannot be created \(EACCES\)/);
    });
    chmodSync(folder, 0o755);
  });
});
