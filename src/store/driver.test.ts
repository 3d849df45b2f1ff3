import { afterEach, describe, expect, it, vi } from 'vitest';
import { DRIVER_NAMES, findDriver, loadDriver } from './driver.ts';
import { DRIVERS } from './store.fixture.ts';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const hasNodeSqlite = major > 22 || (major === 22 && minor >= 13);

afterEach(() => vi.unstubAllEnvs());

describe('loadDriver', () => {
  it('has node:sqlite exactly where Node has it', async () => {
    expect((await findDriver('node'))?.name).toBe(hasNodeSqlite ? 'node' : undefined);
  });

  it('prefers sqlite3 where it is installed', async () => {
    vi.stubEnv('MSRDIFF_SQLITE_DRIVER', undefined);
    expect((await loadDriver()).name).toBe(DRIVERS[0]?.name);
  });

  it.each(DRIVER_NAMES)('takes %s from the environment, or says how to get it', async (name) => {
    vi.stubEnv('MSRDIFF_SQLITE_DRIVER', name);
    if (DRIVERS.some((driver) => driver.name === name)) expect((await loadDriver()).name).toBe(name);
    else await expect(loadDriver()).rejects.toThrow(new RegExp(`SQLite driver ${name} is not available.*npm install`));
  });

  it('refuses a name that it does not know', async () => {
    await expect(loadDriver('oracle')).rejects.toThrow('no SQLite driver "oracle": set MSRDIFF_SQLITE_DRIVER to');
  });
});

describe.each(DRIVERS)('driver $name', (driver) => {
  it('binds and returns values of every kind', async () => {
    const db = await driver.open(':memory:', { readOnly: false });
    const values = [2 ** 53 - 1, -1.5, '18446744073709551615', null];
    expect(await db.all('SELECT ? AS a, ? AS b, ? AS c, ? AS d', values)).toEqual([
      { a: values[0], b: values[1], c: values[2], d: null },
    ]);
    const [row] = await db.all('SELECT ? AS blob', [Uint8Array.of(1, 2, 255)]);
    expect([...(row!.blob as Uint8Array)]).toEqual([1, 2, 255]);
    await db.exec('CREATE TABLE t (a INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2)');
    expect(await db.run('DELETE FROM t WHERE a > ?', [0])).toBe(2);
    expect(await db.run('DELETE FROM t')).toBe(0);
    await db.close();
  });
});
