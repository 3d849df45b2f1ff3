/** What a database file is, before anything in it is looked at. */
import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Database, Driver } from '../../store/driver.ts';
import { openDatabase } from '../../store/open-database.ts';
import { MIGRATIONS } from '../../store/schema.ts';
import { SqliteCode, sqliteCode } from '../../store/store-error.ts';
import { reason } from '../finding.ts';

export type Opened =
  | { readonly kind: 'absent' | 'empty' | 'folder' }
  /** With the schema that this version writes; the caller closes it. */
  | { readonly kind: 'open'; readonly db: Database }
  | { readonly kind: 'older'; readonly version: number }
  /** Another program's, a newer msrdiff's, or not to be opened; the message says which. */
  | { readonly kind: 'refused'; readonly message: string }
  /** SQLite does not take it for a database, or cannot read its first page. */
  | { readonly kind: 'damaged'; readonly message: string };

/** Opens to read and changes nothing. */
export async function openToExamine(driver: Driver, path: string): Promise<Opened> {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) return { kind: 'absent' };
  if (stat.isDirectory()) return { kind: 'folder' };
  if (stat.size === 0 && !existsSync(`${path}-wal`)) return { kind: 'empty' };
  try {
    return { kind: 'open', db: await openDatabase(driver, path, true) };
  } catch (error) {
    const code = sqliteCode((error as Error).cause ?? error);
    const message = reason(error).replace(`database ${path} `, '');
    if (code === SqliteCode.CORRUPT || code === SqliteCode.NOTADB) return { kind: 'damaged', message };
    const version = code === undefined ? await olderVersion(driver, path) : undefined;
    return version === undefined ? { kind: 'refused', message } : { kind: 'older', version };
  }
}

async function olderVersion(driver: Driver, path: string): Promise<number | undefined> {
  try {
    const db = await driver.open(resolve(path), { readOnly: true });
    try {
      const version = Number((await db.all('PRAGMA user_version'))[0]!.user_version);
      return version > 0 && version < MIGRATIONS.length ? version : undefined;
    } finally {
      await db.close();
    }
  } catch {
    return undefined;
  }
}
