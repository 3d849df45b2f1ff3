/** Repairs of one database, in order: its trees, its indexes, its rows, its log. */
import { rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Database, Driver } from '../../store/driver.ts';
import { prepareSchema } from '../../store/schema.ts';
import { StoreError, storeError } from '../../store/store-error.ts';
import { findWriter } from '../../store/writer-lock.ts';
import { leftovers } from '../database/check.ts';
import { openToExamine } from '../database/open.ts';
import { examineStructure, type Structure } from '../database/structure.ts';
import { sizeText } from '../finding.ts';
import { backUp } from './backup.ts';
import { mend } from './mend.ts';
import { salvage } from './salvage.ts';

/**
 * To be called where a check has found something. What it did, one line each.
 *
 * @throws StoreError while somebody writes, or where nothing can be saved
 */
export async function repairDatabase(driver: Driver, path: string): Promise<string[]> {
  try {
    const opened = await openToExamine(driver, path);
    if (opened.kind === 'open') {
      const structure = await examineStructure(opened.db);
      await refuseWhileWritten(opened.db, path, structure).finally(() => opened.db.close());
      return [...(await repairOpened(driver, path, structure)), ...removeLeftovers(path)];
    }
    if (opened.kind === 'older') return [...(await bringUpToDate(driver, path)), ...removeLeftovers(path)];
    if (opened.kind === 'damaged') {
      const lines = await salvage(driver, path);
      return [...lines, ...(await withConnection(driver, path, (db) => mend(db, path))), ...removeLeftovers(path)];
    }
    return [];
  } catch (error) {
    throw storeError(path, error);
  }
}

async function refuseWhileWritten(db: Database, path: string, { damage }: Structure): Promise<void> {
  // The table of the lock may be what is damaged.
  const writer = await findWriter(db).catch((error: unknown) => {
    if (damage === 'whole') throw error;
    return undefined;
  });
  if (!writer?.alive) return;
  throw new StoreError(`database ${path} is being written by ${writer.name}: wait for it, then repair`);
}

/** A connection that writes, with the settings of the store; it is closed. */
async function withConnection<T>(driver: Driver, path: string, work: (db: Database) => Promise<T>): Promise<T> {
  const db = await driver.open(resolve(path), { readOnly: false });
  try {
    await prepareSchema(db, path, false);
    return await work(db);
  } finally {
    await db.close();
  }
}

async function repairOpened(driver: Driver, path: string, { damage }: Structure): Promise<string[]> {
  const lines: string[] = [];
  if (damage === 'tables') lines.push(...(await salvage(driver, path)));
  else if (damage === 'indexes') lines.push(...(await rebuildIndexes(driver, path)));
  return withConnection(driver, path, async (db) => {
    if (damage === 'whole') lines.push(`copied it to ${await backUp(db, path)}`);
    lines.push(...(await mend(db, path)));
    const [before] = await db.all('PRAGMA wal_checkpoint(TRUNCATE)');
    if (before?.busy === 0) lines.push(`wrote the log back; the database has ${sizeText(await fileBytes(db))}`);
    else lines.push('a reader keeps the log from being written back: end it, then repair again');
    return lines;
  });
}

async function fileBytes(db: Database): Promise<number> {
  const pragma = async (name: string): Promise<number> => Number((await db.all(`PRAGMA ${name}`))[0]![name]);
  return (await pragma('page_count')) * (await pragma('page_size'));
}

/** If that is not enough, what is wrong is not only indexes. */
async function rebuildIndexes(driver: Driver, path: string): Promise<string[]> {
  const lines: string[] = [];
  const whole = await withConnection(driver, path, async (db) => {
    try {
      lines.push(`copied it to ${await backUp(db, path)}`);
      await db.exec('REINDEX');
    } catch {
      return false;
    }
    return (await examineStructure(db)).damage === 'whole';
  });
  if (whole) return [...lines, 'rebuilt the indexes'];
  return [...lines, ...(await salvage(driver, path))];
}

async function bringUpToDate(driver: Driver, path: string): Promise<string[]> {
  const raw = await driver.open(resolve(path), { readOnly: false });
  let backup: string;
  try {
    backup = await backUp(raw, path);
  } finally {
    await raw.close();
  }
  return withConnection(driver, path, async (db) => [
    `copied it to ${backup}`,
    'brought its schema up to date',
    ...(await mend(db, path)),
  ]);
}

/** Of repairs that were killed; logs of lost databases are left, somebody may want them. */
function removeLeftovers(path: string): string[] {
  return leftovers(path)
    .filter((name) => name.includes('.salvage'))
    .map((name) => {
      rmSync(join(dirname(resolve(path)), name), { force: true });
      return `removed ${name}, left over by a repair that was ended`;
    });
}
