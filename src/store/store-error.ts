import { InputError, oneLine } from '../model/input-error.ts';

/** What can be wrong with a database, said in one line: what, where, how to mend. */
import { lockHolders } from './lock-holder.ts';

export class StoreError extends Error {
  readonly code = 'MSRDIFF_STORE';
  override readonly name = 'StoreError';
  /** That what was looked up is not there, or that several things fit. */
  readonly lookup: 'absent' | 'ambiguous' | undefined;

  constructor(message: string, options?: ErrorOptions & { lookup?: 'absent' | 'ambiguous' }) {
    super(oneLine(message), options);
    this.lookup = options?.lookup;
  }
}

/** Primary result codes of SQLite (https://www.sqlite.org/rescode.html) that a user can do something about. */
export const SqliteCode = {
  BUSY: 5,
  LOCKED: 6,
  READONLY: 8,
  IOERR: 10,
  CORRUPT: 11,
  FULL: 13,
  CANTOPEN: 14,
  NOTADB: 26,
} as const;

const ADVICE: Readonly<Record<number, string>> = {
  [SqliteCode.READONLY]: 'is read-only: make the file and its folder writable, or name another with --database',
  [SqliteCode.IOERR]: 'cannot be read or written: check the disk',
  [SqliteCode.CORRUPT]: 'is damaged: restore a copy, or save what is left with "msrdiff doctor --repair"',
  [SqliteCode.FULL]: 'cannot grow, the disk is full; what was stored is safe: free some space, then use --resume',
  [SqliteCode.CANTOPEN]: 'cannot be opened: check that it is a file, and that it and its folder are accessible',
  [SqliteCode.NOTADB]: 'is not an SQLite database: name another file with --database',
};

/** SQLite's primary result code in an error of either driver; undefined if it is no error of SQLite. */
export function sqliteCode(error: unknown): number | undefined {
  // sqlite3 throws { code: 'SQLITE_FULL', errno }, node:sqlite { code: 'ERR_SQLITE_ERROR', errcode }, extended.
  const { code, errno, errcode } = error as { code?: unknown; errno?: unknown; errcode?: unknown };
  if (typeof code !== 'string' || !code.includes('SQLITE_')) return undefined;
  const number = typeof errcode === 'number' ? errcode : errno;
  return typeof number === 'number' ? number & 0xff : undefined;
}

function locked(path: string): string {
  const holders = lockHolders(path);
  const who = holders.length === 0 ? '' : ` (${holders.join(', ')})`;
  return `is locked by another process${who}: wait for it, or name another file with --database`;
}

/** A StoreError for what SQLite reports; any other error, a fault in msrdiff for one, comes back as it is. */
export function storeError(path: string, error: unknown): unknown {
  // Of a row that is not as msrdiff writes it: row.ts.
  if (error instanceof InputError) {
    return new StoreError(`database ${path} is damaged: ${error.message}: restore a copy`, { cause: error });
  }
  const code = sqliteCode(error);
  if (code === undefined) return error;
  const isLocked = code === SqliteCode.BUSY || code === SqliteCode.LOCKED;
  const said = isLocked ? locked(path) : `failed: ${(error as Error).message}`;
  return new StoreError(`database ${path} ${ADVICE[code] ?? said}`, { cause: error });
}
