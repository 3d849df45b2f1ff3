/** The one interface between msrdiff and an SQLite library. See docs/decisions/0001-sqlite-drivers.md. */
import { StoreError } from './store-error.ts';

/** Integers stay below 2^53; u64 values are stored as text. */
export type SqlValue = string | number | Uint8Array | null;
export type Row = Record<string, SqlValue>;

/**
 * One connection. Statements run in the order of the calls, but calls of several callers interleave: whoever needs
 * several statements together has to keep others out.
 */
export interface Database {
  /** Statements without parameters or results. */
  exec(sql: string): Promise<void>;
  /** One statement; the number of rows changed. */
  run(sql: string, params?: readonly SqlValue[]): Promise<number>;
  all(sql: string, params?: readonly SqlValue[]): Promise<Row[]>;
  close(): Promise<void>;
}

export interface Driver {
  readonly name: DriverName;
  /** `path` may be a file: URI where the library knows them. Read-only: the file must exist. */
  open(path: string, options: { readonly readOnly: boolean }): Promise<Database>;
}

/** In order of preference. */
export const DRIVER_NAMES = ['sqlite3', 'node'] as const;
export type DriverName = (typeof DRIVER_NAMES)[number];

const MEND = 'run "npm install sqlite3" (needs python3, make, g++), or use Node 22.13 or newer';

/** The driver of that name, or null where this Node has none. */
export async function findDriver(name: DriverName): Promise<Driver | null> {
  const module = name === 'sqlite3' ? await import('./driver-sqlite3.ts') : await import('./driver-node.ts');
  return module.load();
}

/** sqlite3 if it is installed, else node:sqlite; MSRDIFF_SQLITE_DRIVER=sqlite3|node chooses. */
export async function loadDriver(preferred: string | undefined = process.env.MSRDIFF_SQLITE_DRIVER): Promise<Driver> {
  const known = DRIVER_NAMES.find((name) => name === preferred);
  if (preferred !== undefined && preferred !== '' && !known) {
    throw new StoreError(
      `there is no SQLite driver "${preferred}": set MSRDIFF_SQLITE_DRIVER to ${DRIVER_NAMES.join(' or ')}`,
    );
  }
  for (const name of known ? [known] : DRIVER_NAMES) {
    const driver = await findDriver(name);
    if (driver) return driver;
  }
  if (known) throw new StoreError(`the SQLite driver ${known} is not available on Node ${process.version}: ${MEND}`);
  throw new StoreError(`no SQLite driver is available on Node ${process.version}: ${MEND}`);
}
