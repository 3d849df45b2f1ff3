/**
 * At most one night on a database. The lock is SQLite's own, on a file beside it: the system gives it back when the
 * process ends, however it ends. (The writer's lock of the database is taken and given back by each step.)
 */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { InputError } from '../model/input-error.ts';
import { loadDriver } from '../store/driver.ts';
import { SqliteCode, sqliteCode } from '../store/store-error.ts';

/** @returns what gives the lock back. Throws InputError while another night has it. */
export async function lockNight(database: string): Promise<() => Promise<void>> {
  const path = `${database}.night-lock`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    const db = await (await loadDriver()).open(path, { readOnly: false });
    try {
      await db.exec('BEGIN EXCLUSIVE');
    } catch (error) {
      await db.close();
      throw error;
    }
    return () => db.close();
  } catch (error) {
    if (sqliteCode(error) === SqliteCode.BUSY) {
      throw new InputError(`another night is running on database ${database}: wait for it, or name another database`);
    }
    throw new InputError(`${path} cannot be written (${(error as NodeJS.ErrnoException).code}): check "database"`);
  }
}
