import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from './driver.ts';
import { APPLICATION_ID, MIGRATIONS, prepareSchema } from './schema.ts';
import { COVERAGE, createCampaign, DRIVERS, divergence, shardRecord, temporaryFolder } from './store.fixture.ts';
import { Store } from './store.ts';

const NEXT = [
  ...MIGRATIONS,
  `ALTER TABLE divergences ADD COLUMN note TEXT NOT NULL DEFAULT 'none';
   CREATE TABLE notes (id INTEGER PRIMARY KEY);`,
];

describe.each(DRIVERS)('schema on driver $name', (driver) => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = temporaryFolder();
    path = join(folder, 'db.sqlite');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  async function inDatabase<T>(work: (db: Database) => Promise<T>): Promise<T> {
    const db = await driver.open(path, { readOnly: false });
    try {
      return await work(db);
    } finally {
      await db.close();
    }
  }

  /** A database of the current version with one divergence. */
  async function fill(): Promise<void> {
    const store = await Store.open(path, { driver });
    const id = await createCampaign(store);
    await store.recordShard(shardRecord(id, 0, [divergence('abcd')]), []);
    await store.finishCampaign(id, 'finished', COVERAGE);
    await store.close();
  }

  const versionOf = async (db: Database): Promise<unknown> => (await db.all('PRAGMA user_version'))[0]?.user_version;

  it('marks the file and is in WAL mode with foreign keys', async () => {
    await fill();
    await inDatabase(async (db) => {
      expect(await db.all('PRAGMA application_id')).toEqual([{ application_id: APPLICATION_ID }]);
      expect(await versionOf(db)).toBe(MIGRATIONS.length);
      expect(await db.all('PRAGMA journal_mode')).toEqual([{ journal_mode: 'wal' }]);
      await prepareSchema(db, path, false);
      expect(await db.all('PRAGMA foreign_keys')).toEqual([{ foreign_keys: 1 }]);
      expect(await db.all('PRAGMA synchronous')).toEqual([{ synchronous: 1 }]);
      await expect(db.run(`INSERT INTO shards VALUES (99, 0, '', '')`)).rejects.toThrow(/FOREIGN KEY/i);
    });
  });

  it('brings an older database up to date, and keeps what is in it', async () => {
    await fill();
    await inDatabase(async (db) => {
      await prepareSchema(db, path, false, NEXT);
      expect(await versionOf(db)).toBe(NEXT.length);
      expect(await db.all('SELECT id, note FROM divergences')).toEqual([{ id: 'abcd', note: 'none' }]);
      // Once is enough.
      await prepareSchema(db, path, false, NEXT);
    });
  });

  it('gives the divergences of version 1 their status and MSR', async () => {
    await inDatabase(async (db) => {
      await prepareSchema(db, path, false, MIGRATIONS.slice(0, 1));
      await db.exec(`INSERT INTO campaigns (id, seed, profile, engines, config, state, created_at, updated_at)
        VALUES (1, '1', '6.18', '[]', '{}', 'finished', '2026-01-01', '2026-01-02')`);
      const add = (id: string, kind: string, scenario: string): Promise<number> =>
        db.run(
          `INSERT INTO divergences VALUES (?, ?, 'svm', '6.18', ?, '{}', 0, 1, '', '[]', 1, 1, 1, 1, 'a', 'b', 1)`,
          [id, kind, scenario],
        );
      await add('aa', 'verdict', '{"events":[{"cap":"0x4"},{"access":[["0x10","r"],["0xC0000080","w"]]}]}');
      await add('bb', 'errno', '{"events":[{"cap":"0x4"}]}');
      await add('cc', 'verdict', 'not JSON');
    });
    const store = await Store.open(path, { driver });
    expect(await store.divergences()).toMatchObject([
      { id: 'aa', status: 'new', reopened: 0, msr: 0xc000_0080, write: true, rules: [] },
      { id: 'bb', msr: null, write: null },
      { id: 'cc', msr: null, write: null },
    ]);
    await store.close();
  });

  it('takes a step whole or not at all', async () => {
    await fill();
    await inDatabase(async (db) => {
      const broken = [...MIGRATIONS, 'CREATE TABLE half (id INTEGER PRIMARY KEY); INSERT INTO nowhere VALUES (1);'];
      await expect(prepareSchema(db, path, false, broken)).rejects.toThrow(/nowhere/);
      expect(await versionOf(db)).toBe(MIGRATIONS.length);
      expect(await db.all(`SELECT name FROM sqlite_schema WHERE name = 'half'`)).toEqual([]);
      await prepareSchema(db, path, false, NEXT);
    });
  });

  it('takes no step that another process took in the meantime', async () => {
    await inDatabase(async (db) => {
      let raced = false;
      const late: Database = {
        ...db,
        exec: async (sql) => {
          if (sql === 'BEGIN IMMEDIATE' && !raced) {
            raced = true;
            await inDatabase((other) => prepareSchema(other, path, false));
          }
          await db.exec(sql);
        },
      };
      await prepareSchema(late, path, false);
      expect(raced).toBe(true);
      expect(await versionOf(db)).toBe(MIGRATIONS.length);
    });
  });

  it('refuses a newer schema, to read and to write', async () => {
    await fill();
    await inDatabase((db) => db.exec(`PRAGMA user_version = ${MIGRATIONS.length + 1}`));
    for (const readOnly of [true, false]) {
      await expect(Store.open(path, { driver, readOnly })).rejects.toMatchObject({
        code: 'MSRDIFF_STORE',
        message: `database ${path} has schema ${MIGRATIONS.length + 1}, this msrdiff knows up to ${MIGRATIONS.length}: use a newer msrdiff or another file`,
      });
    }
  });

  it('does not touch an older schema that is opened to read', async () => {
    await fill();
    await inDatabase(async (db) => {
      await expect(prepareSchema(db, path, true, NEXT)).rejects.toThrow('has the older schema');
      expect(await versionOf(db)).toBe(MIGRATIONS.length);
    });
  });
});
