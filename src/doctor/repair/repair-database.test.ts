/** Each way to damage a database: it is told, and repaired as far as that can be done. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Random } from '../../fuzz/random.ts';
import type { Database, Driver } from '../../store/driver.ts';
import { openDatabase } from '../../store/open-database.ts';
import { MIGRATIONS, prepareSchema } from '../../store/schema.ts';
import { DRIVERS, temporaryFolder } from '../../store/store.fixture.ts';
import { Store } from '../../store/store.ts';
import { checkDatabase } from '../database/check.ts';
import {
  complaints,
  countOf,
  DIVERGENCES,
  divergenceId,
  inDatabase,
  makeDatabase,
  overwrite,
  overwritePage,
  pagesWith,
  run,
  SHARDS,
  shardAfter,
} from '../database/database.fixture.ts';
import { repairDatabase } from './repair-database.ts';

const PAGE = 4096;
/** More of them: MSRDIFF_DAMAGE_ROUNDS=400. */
const ROUNDS = Number(process.env.MSRDIFF_DAMAGE_ROUNDS ?? 16);

describe.each(DRIVERS)('a database on driver $name', (driver) => {
  let folder: string;
  let path: string;
  let whole: Buffer;
  beforeEach(async () => {
    folder = temporaryFolder();
    path = join(folder, 'db.sqlite');
    if (whole) writeFileSync(path, whole);
    else {
      await makeDatabase(driver, path);
      whole = readFileSync(path);
    }
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const check = async () => complaints(await checkDatabase(driver, path, true));
  const said = async () => (await checkDatabase(driver, path, true)).map(({ what }) => what).join('\n');
  const repair = async () => (await repairDatabase(driver, path)).join('\n');
  const backups = () => readdirSync(folder).filter((name) => name.includes('.backup-') && !name.endsWith('-wal'));

  it('is well as a campaign leaves it', async () => {
    expect(await check()).toEqual({});
  });

  it('that is none is told, and left alone', async () => {
    writeFileSync(path, 'not a database, but long enough to be one\n'.repeat(500));
    const before = readFileSync(path);
    expect(await check()).toEqual({ file: 'problem' });
    await expect(repairDatabase(driver, path)).rejects.toMatchObject({ code: 'MSRDIFF_STORE' });
    expect(readFileSync(path)).toEqual(before);
    expect(readdirSync(folder)).toEqual(['db.sqlite']);
  });

  it('that is a folder, empty or not there is told', async () => {
    rmSync(path);
    expect(await check()).toEqual({ file: 'problem' });
    expect(complaints(await checkDatabase(driver, path, false))).toEqual({});
    writeFileSync(path, '');
    expect(await check()).toEqual({ file: 'warning' });
    rmSync(path);
    mkdirSync(path);
    expect(await check()).toEqual({ file: 'problem' });
    expect(await repair()).toBe('');
  });

  it('of a newer msrdiff, or of another program, is left alone', async () => {
    await run(driver, path, 'PRAGMA user_version = 99');
    const before = readFileSync(path);
    expect(await check()).toEqual({ file: 'problem' });
    expect(await said()).toContain('has schema 99');
    expect(await repair()).toBe('');
    expect(readFileSync(path)).toEqual(before);
    await run(driver, path, 'PRAGMA application_id = 7');
    expect(await said()).toContain('belongs to another program');
  });

  it('of an older schema is brought up to date', async () => {
    rmSync(path);
    await inDatabase(driver, path, async (db) => {
      await prepareSchema(db, path, false, MIGRATIONS.slice(0, 1));
      await db.exec(`INSERT INTO campaigns (seed, profile, engines, config, state, created_at, updated_at)
        VALUES ('1', '6.1', '[]', '{}', 'finished', 'then', 'then')`);
    });
    expect(await check()).toEqual({ file: 'warning' });
    expect(await repair()).toContain('brought its schema up to date');
    expect(await check()).toEqual({});
    expect(await countOf(driver, path, 'campaigns')).toBe(1);
    expect(backups()).toHaveLength(1);
  });

  it('with the lock of a process that is gone loses it, and its campaign is interrupted', async () => {
    const child = spawn(process.execPath, ['-e', '']);
    await once(child, 'exit');
    await run(
      driver,
      path,
      `INSERT INTO writer VALUES (1, ${child.pid}, '${hostname()}', '1', 0); UPDATE campaigns SET state = 'running' WHERE id = 1`,
    );
    expect(await check()).toEqual({ writer: 'warning', campaigns: 'warning' });
    const lines = await repair();
    expect(lines).toContain(`removed the lock of process ${child.pid}`);
    expect(lines).toContain('marked as interrupted: campaign 1');
    expect(await check()).toEqual({});
  });

  it('that is being written is not repaired', async () => {
    const store = await Store.open(path, { driver });
    await store.createCampaign('6', '6.18', ['reference'], {
      worker: { engines: [] },
    });
    expect(await check()).toEqual({});
    await expect(repairDatabase(driver, path)).rejects.toThrow(`is being written by process ${process.pid}`);
    await store.close();
    expect(backups()).toEqual([]);
  });

  it('is well while a campaign writes to it between two looks', async () => {
    const store = await Store.open(path, { driver });
    await store.resumeCampaign(1);
    let recorded = false;
    const interrupted: Driver = {
      ...driver,
      open: async (at, options) => {
        const db = await driver.open(at, options);
        const all: Database['all'] = async (sql, params) => {
          const rows = await db.all(sql, params);
          if (recorded || !sql.includes('FROM campaigns ORDER BY id')) return rows;
          recorded = true;
          await store.recordShard(shardAfter(1, SHARDS), []);
          return rows;
        };
        return { ...db, all };
      },
    };
    expect(complaints(await checkDatabase(interrupted, path, true))).toEqual({});
    expect(recorded).toBe(true);
    await store.close();
    expect(await check()).toEqual({});
  });

  it('with wrong counts has them counted anew', async () => {
    await run(driver, path, `UPDATE divergences SET cases = cases + 1 WHERE id = '${divergenceId(3)}'`);
    expect(await check()).toEqual({ counts: 'problem' });
    expect(await repair()).toContain(`counted the cases of 1 divergence anew: ${divergenceId(3)}`);
    expect(await check()).toEqual({});
  });

  it.each([
    ['a shard is missing', 'DELETE FROM shards WHERE campaign_id = 1 AND shard = 25', 'shard 25 is missing'],
    [
      'a result is no JSON',
      `UPDATE shards SET result = '{' WHERE campaign_id = 1 AND shard = 25`,
      'shard 25 cannot be used',
    ],
    [
      'a digest differs',
      `UPDATE shards SET digest = '' WHERE campaign_id = 1 AND shard = 25`,
      'its digest is another one',
    ],
  ])('goes back to the last good shard where %s', async (_, sql, message) => {
    await run(driver, path, sql);
    expect(await check()).toEqual({ shards: 'problem' });
    expect(await said()).toContain(message);
    expect(await repair()).toContain('went back to the last good shard of campaign 1, 25 in all');
    expect(await check()).toEqual({});
    const store = await Store.open(path, { driver });
    const campaign = await store.resumeCampaign(1);
    expect(campaign).toMatchObject({ cases: 25 * 64, accesses: 25 * 640, known: { 'tsc-deadline': 50 } });
    expect(await store.shards(1)).toHaveLength(25);
    // Found by a shard that is gone: what a person has said of it stays, and its cases are counted again.
    expect(await store.divergence(divergenceId(30))).toMatchObject({ cases: 3 });
    expect(await store.history(divergenceId(1))).toHaveLength(1);
    await store.close();
    expect(await countOf(driver, path, 'occurrences WHERE campaign_id = 2')).toBe(SHARDS);
  });

  it('with wrong totals has them added up anew', async () => {
    await run(driver, path, `UPDATE campaigns SET cases = 1, accesses = 2, digest = 'x', known = '{}' WHERE id = 1`);
    expect(await check()).toEqual({ shards: 'problem' });
    expect(await repair()).toContain(`counted campaign 1 anew: ${SHARDS * 64} cases`);
    expect(await check()).toEqual({});
  });

  it('drops the shards of a finished campaign that do not give its digest', async () => {
    await run(driver, path, `UPDATE shards SET digest = '' WHERE campaign_id = 2 AND shard = 25`);
    expect(await check()).toEqual({ shards: 'problem' });
    expect(await repair()).toContain(`dropped ${SHARDS} shards of the finished campaign 2`);
    expect(await check()).toEqual({});
  });

  it('keeps divergences whose campaign is lost', async () => {
    await run(driver, path, 'PRAGMA foreign_keys = OFF; DELETE FROM campaigns WHERE id = 1');
    expect(await check()).toMatchObject({ references: 'problem' });
    expect(await repair()).toContain('entered 1 campaign anew');
    expect(await check()).toEqual({});
    expect(await countOf(driver, path, 'divergences')).toBe(DIVERGENCES);
    const store = await Store.open(path, { driver, readOnly: true });
    expect(await store.divergences()).toHaveLength(DIVERGENCES);
    await store.close();
  });

  it('with a scenario that is none is told', async () => {
    await run(driver, path, `UPDATE divergences SET scenario = '{"events": 7}' WHERE id = '${divergenceId(4)}'`);
    expect(await check()).toEqual({ scenarios: 'problem' });
    await repair();
    expect(await check()).toEqual({ scenarios: 'problem' });
  });

  it('whose engine modules are gone or changed is told', async () => {
    const engine = join(folder, 'engine.mjs');
    const spec = (file: string) => JSON.stringify([{ kind: 'module', path: file, sha256: '00' }]);
    writeFileSync(engine, '');
    await run(driver, path, `UPDATE divergences SET engines = '${spec(engine)}' WHERE id = '${divergenceId(4)}'`);
    await run(driver, path, `UPDATE divergences SET engines = '${spec('/gone.mjs')}' WHERE id = '${divergenceId(5)}'`);
    expect(await check()).toEqual({ 'engine modules': 'warning' });
    expect(await said()).toMatch(/gone: \/gone.mjs[\s\S]*changed since they were run: .*engine.mjs/);
  });

  it('with an index that is not that of its table has it rebuilt', async () => {
    // One letter of the status of one divergence, in the index by status.
    const at = readFileSync(path).indexOf(`new${divergenceId(7)}`);
    overwrite(path, at + 2, Buffer.from('v'));
    expect(await check()).toMatchObject({ structure: 'problem' });
    expect(await said()).toContain('indexes are damaged, all rows can be read');
    expect(await repair()).toContain('rebuilt the indexes');
    expect(await check()).toEqual({});
  });

  it('with an index page overwritten loses no row', async () => {
    const root = await inDatabase(driver, path, (db) =>
      db.all(`SELECT rootpage FROM sqlite_schema WHERE name = 'history_by_divergence'`),
    );
    overwritePage(path, Number(root[0]!.rootpage) - 1);
    expect(await said()).toContain('indexes are damaged, all rows can be read');
    await repair();
    expect(await check()).toEqual({});
    expect(await countOf(driver, path, 'shards')).toBe(2 * SHARDS);
    expect(await countOf(driver, path, 'history')).toBe(1);
  });

  it('with a page of shards overwritten keeps the others, and says which are lost', async () => {
    const [page] = pagesWith(path, 'digest of shard 20"');
    overwritePage(path, page!);
    expect(await check()).toMatchObject({ structure: 'problem' });
    expect(await said()).toContain('rows are damaged');
    const lines = await repair();
    expect(lines).toMatch(/shards: \d+ rows saved, .*lost \(1\/\d+/);
    expect(lines).toMatch(/divergences: 40 rows saved$/m);
    expect(lines).toContain('went back to the last good shard of campaign 1');
    expect(await check()).toEqual({});
    expect(await countOf(driver, path, 'divergences')).toBe(DIVERGENCES);
    expect(backups()).toHaveLength(1);
  });

  it('with a page of divergences overwritten keeps the others, and says which are lost', async () => {
    const [tree] = await inDatabase(driver, path, (db) =>
      db.all(`SELECT rootpage FROM sqlite_schema WHERE name = 'divergences'`),
    );
    const leaf = pagesWith(path, `${divergenceId(5)}verdict`).find((page) => page !== Number(tree!.rootpage) - 1);
    overwritePage(path, leaf!);
    const lines = await repair();
    const lost = Number(/divergences: \d+ rows saved, (\d+) lost/.exec(lines)?.[1]);
    expect(lost).toBeGreaterThan(0);
    expect(lines).toContain(`rows of occurrences whose divergence is lost`);
    expect(await check()).toEqual({});
    expect(await countOf(driver, path, 'divergences')).toBe(DIVERGENCES - lost);
    // The index of another tree tells that they were there.
    expect(lost).toBeLessThan(DIVERGENCES);
  });

  it.each(['divergences', 'occurrences', 'shards', 'campaigns', 'history'])(
    'with the root of the tree of %s overwritten keeps the rows in its leaves',
    async (table) => {
      // More than one page holds: the root then leads to leaves.
      const numbers = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)';
      await run(
        driver,
        path,
        `INSERT INTO history (divergence_id, at, author, status, note) ${numbers}
           SELECT '${divergenceId(2)}', 'then', 'somebody', 'triaged', 'what a person has said of it' FROM n;
         INSERT INTO occurrences ${numbers} SELECT '${divergenceId(2)}', 2, 1000 + i, 1000 + i, 1 FROM n;
         UPDATE divergences SET cases = cases + 400 WHERE id = '${divergenceId(2)}'; PRAGMA wal_checkpoint(TRUNCATE)`,
      );
      expect(await check()).toEqual({});
      const before = await countOf(driver, path, table);
      const [tree] = await inDatabase(driver, path, (db) =>
        db.all(`SELECT rootpage FROM sqlite_schema WHERE name = '${table}'`),
      );
      overwritePage(path, Number(tree!.rootpage) - 1);
      const lines = await repair();
      expect(await check()).toEqual({});
      const saved = Number(new RegExp(`^${table}: (\\d+) rows saved`, 'm').exec(lines)?.[1]);
      // A root may hold some rows itself; campaigns have one page, which is the root.
      if (table !== 'campaigns') expect(saved).toBeGreaterThan(before * 0.8);
      expect(await countOf(driver, path, 'campaigns')).toBe(2);
      if (table !== 'divergences') expect(await countOf(driver, path, 'divergences')).toBe(DIVERGENCES);
    },
  );

  it('that was truncated keeps what is left', async () => {
    truncateSync(path, Math.floor(statSync(path).size * 0.6));
    expect(await check()).toMatchObject({});
    expect(Object.values(await check())).toContain('problem');
    await repair();
    expect(await check()).toEqual({});
    expect(await countOf(driver, path, 'campaigns')).toBeGreaterThan(0);
  });

  it('whose first bytes are overwritten gets a new header, and loses nothing', async () => {
    overwrite(path, 0, new Uint8Array(40).fill(0x41));
    expect(await check()).toEqual({ file: 'problem' });
    expect(await repair()).toContain('its first bytes were damaged');
    expect(await check()).toEqual({});
    expect(await countOf(driver, path, 'shards')).toBe(2 * SHARDS);
    expect(await countOf(driver, path, 'divergences')).toBe(DIVERGENCES);
  });

  it('damaged anywhere has no damage afterwards that SQLite sees', async () => {
    const random = new Random(8);
    const somewhere = (): number => random.below(whole.length);
    const damages: readonly (() => void)[] = [
      () => overwrite(path, somewhere(), Buffer.from([random.below(256)])),
      () => overwrite(path, somewhere(), Buffer.alloc(1 + random.below(64), random.below(256))),
      () => overwritePage(path, random.below(whole.length / PAGE)),
      // A page in the wrong place, as disks and file systems do it.
      () => overwrite(path, PAGE * random.below(whole.length / PAGE), whole.subarray(3 * PAGE, 4 * PAGE)),
      () => truncateSync(path, PAGE * 2 + random.below(whole.length)),
    ];
    const outcomes = { untold: 0, repaired: 0 };
    for (let round = 0; round < ROUNDS; round++) {
      for (const name of readdirSync(folder)) rmSync(join(folder, name));
      writeFileSync(path, whole);
      for (let times = 0; times <= random.below(6); times++) damages[random.below(damages.length)]!();
      if (!Object.values(await check()).includes('problem')) {
        outcomes.untold++;
        continue;
      }
      await repair();
      const { scenarios: _, configurations: __, ...left } = await check();
      expect({ round, left }).toEqual({ round, left: {} });
      outcomes.repaired++;
    }
    // Bytes of free pages, and numbers that nothing can be compared with.
    expect(outcomes.repaired).toBeGreaterThan(ROUNDS / 2);
  });

  it('with what a killed repair left has it removed', async () => {
    writeFileSync(`${path}.4711.salvage`, 'x');
    expect(await check()).toEqual({ 'files beside it': 'warning' });
    expect(await repair()).toContain('removed db.sqlite.4711.salvage');
    expect(await check()).toEqual({});
    await (await openDatabase(driver, path, true)).close();
  });
});
