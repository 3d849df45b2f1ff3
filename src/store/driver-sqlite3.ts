/** npm's sqlite3: asynchronous, an optional dependency. Null where it is absent or was not built for this Node. */
import type { Database, Driver, Row, SqlValue } from './driver.ts';

/** The part of sqlite3 that is used. */
interface Connection {
  exec(sql: string, done: (error: Error | null) => void): void;
  run(sql: string, params: readonly SqlValue[], done: (this: { changes: number }, error: Error | null) => void): void;
  all(sql: string, params: readonly SqlValue[], done: (error: Error | null, rows: Row[]) => void): void;
  close(done: (error: Error | null) => void): void;
}
interface Library {
  readonly OPEN_READONLY: number;
  readonly OPEN_READWRITE: number;
  readonly OPEN_CREATE: number;
  readonly OPEN_URI: number;
  readonly Database: new (path: string, mode: number, done: (error: Error | null) => void) => Connection;
}

export async function load(): Promise<Driver | null> {
  let library: Library;
  try {
    // Not a literal, so that this compiles where the optional package is absent.
    const name = 'sqlite3';
    library = ((await import(name)) as { default: Library }).default;
  } catch {
    return null;
  }
  return {
    name: 'sqlite3',
    open: (path, { readOnly }) =>
      new Promise((resolve, reject) => {
        const mode = readOnly ? library.OPEN_READONLY : library.OPEN_READWRITE | library.OPEN_CREATE;
        const connection = new library.Database(path, mode | library.OPEN_URI, (error) => {
          if (error) reject(error);
          else resolve(wrap(connection));
        });
      }),
  };
}

function wrap(connection: Connection): Database {
  return {
    exec: (sql) =>
      new Promise((resolve, reject) => {
        connection.exec(sql, (error) => (error ? reject(error) : resolve()));
      }),
    run: (sql, params = []) =>
      new Promise((resolve, reject) => {
        connection.run(sql, params, function done(error) {
          if (error) reject(error);
          else resolve(this.changes);
        });
      }),
    all: (sql, params = []) =>
      new Promise((resolve, reject) => {
        connection.all(sql, params, (error, rows) => (error ? reject(error) : resolve(rows)));
      }),
    close: () =>
      new Promise((resolve, reject) => {
        connection.close((error) => (error ? reject(error) : resolve()));
      }),
  };
}
