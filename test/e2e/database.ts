/** Writes SQL into a database file, past msrdiff's own store. */
import { loadDriver } from '../../src/store/driver.ts';

export class DatabaseHandle {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(path: string, sql: string): Promise<DatabaseHandle> {
    const db = await (await loadDriver()).open(path, { readOnly: false });
    await db.exec(sql);
    await db.close();
    return new DatabaseHandle(path);
  }
}
