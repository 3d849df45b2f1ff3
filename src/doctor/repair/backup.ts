/** Copies that are made before a database is changed. */
import { existsSync, rmSync } from 'node:fs';
import type { Database } from '../../store/driver.ts';

/** `FILE.backup-20260131T120000Z`; with a number where that is taken. */
export function backupName(path: string, now = new Date()): string {
  const stamp = now.toISOString().replace(/[-:]|\.\d+/g, '');
  for (let number = 1; ; number++) {
    const name = `${path}.backup-${stamp}${number === 1 ? '' : `-${number}`}`;
    if (!existsSync(name)) return name;
  }
}

/** By SQLite itself: a plain copy of a file that is in use may be torn. Reads tables, and makes their indexes anew. */
export async function backUp(db: Database, path: string): Promise<string> {
  const name = backupName(path);
  try {
    await db.run('VACUUM INTO ?', [name]);
  } catch (error) {
    rmSync(name, { force: true });
    throw error;
  }
  return name;
}
