/** Getting a connection to a database file: folders, read-only media, copies, and what can be wrong with them. */
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Database, Driver } from './driver.ts';
import { prepareSchema } from './schema.ts';
import { SqliteCode, StoreError, sqliteCode, storeError } from './store-error.ts';

/** Opens, creates where needed, and checks. Throws StoreError. */
export async function openDatabase(driver: Driver, path: string, readOnly: boolean): Promise<Database> {
  const absolute = resolve(path);
  try {
    if (existsSync(absolute) && statSync(absolute).isDirectory()) {
      throw new StoreError(`database ${path} is a folder: name a file with --database`);
    }
    if (!readOnly) {
      makeFolder(path, absolute);
      return await openChecked(driver, path, absolute, false);
    }
    if (!existsSync(absolute)) throw new StoreError(`database ${path} does not exist: name it with --database`);
    return await openReadOnly(driver, path, absolute);
  } catch (error) {
    throw storeError(path, error);
  }
}

function makeFolder(path: string, absolute: string): void {
  try {
    makeFolders(dirname(absolute));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new StoreError(
      `database ${path}: its folder cannot be created (${code}): name a place that is writable with --database`,
      { cause: error },
    );
  }
}

/** Not mkdir's own `recursive`, which never ends where a folder exists but takes no others, as /proc. */
function makeFolders(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return;
  const parent = dirname(folder);
  if (parent !== folder) makeFolders(parent);
  try {
    mkdirSync(folder);
  } catch (error) {
    // Another process may have made it in the meantime.
    if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) throw error;
  }
}

/** Nothing stays open if the database is not usable. `path` is what the user called it. */
async function openChecked(driver: Driver, path: string, location: string, readOnly: boolean): Promise<Database> {
  const db = await driver.open(location, { readOnly });
  try {
    await prepareSchema(db, path, readOnly);
    return db;
  } catch (error) {
    await db.close();
    throw error;
  }
}

async function openReadOnly(driver: Driver, path: string, absolute: string): Promise<Database> {
  try {
    return await openChecked(driver, path, absolute, true);
  } catch (error) {
    if (!wantsToWrite(error)) throw error;
  }
  // A database in WAL mode needs a -shm file beside it, which cannot be made here. So nobody else writes either, and
  // the file can be taken as it is, unless a log is still to be read.
  if (logSize(absolute) === 0) {
    try {
      return await openChecked(driver, path, `${pathToFileURL(absolute).href}?immutable=1`, true);
    } catch (error) {
      // Before 22.15 or so, node:sqlite takes no URI.
      if (!wantsToWrite(error)) throw error;
    }
  }
  return openCopy(driver, path, absolute);
}

/** How an attempt to read fails that would need a file beside the database. */
function wantsToWrite(error: unknown): boolean {
  const code = sqliteCode(error);
  return code === SqliteCode.CANTOPEN || code === SqliteCode.READONLY;
}

function logSize(absolute: string): number {
  return statSync(`${absolute}-wal`, { throwIfNoEntry: false })?.size ?? 0;
}

/** A private copy, log included, that is gone when it is closed. */
async function openCopy(driver: Driver, path: string, absolute: string): Promise<Database> {
  const folder = mkdtempSync(join(tmpdir(), 'msrdiff-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const copy = join(folder, 'copy.sqlite');
    copyFileSync(absolute, copy);
    chmodSync(copy, 0o600);
    if (logSize(absolute) > 0) {
      copyFileSync(`${absolute}-wal`, `${copy}-wal`);
      chmodSync(`${copy}-wal`, 0o600);
    }
    const db = await openChecked(driver, path, copy, true);
    return { ...db, close: () => db.close().finally(remove) };
  } catch (error) {
    remove();
    const { code } = error as NodeJS.ErrnoException;
    // Of the file system, not of SQLite: the copy could not be made.
    if (error instanceof StoreError || sqliteCode(error) !== undefined) throw error;
    throw new StoreError(
      `database ${path} cannot be read where it is, nor copied to ${tmpdir()} (${code}): copy it to a writable folder`,
      { cause: error },
    );
  }
}
