/** What can be wrong with a database, said in one line: what, where, how to mend. */
export class StoreError extends Error {
  readonly code = 'MSRDIFF_STORE';
}

const ADVICE: readonly (readonly [RegExp, string])[] = [
  [/SQLITE_NOTADB|not a database/i, 'is not an SQLite database: name another file with --database'],
  [/SQLITE_FULL|disk is full/i, 'cannot grow: the disk is full; free some space, then continue with --resume'],
  [
    /SQLITE_READONLY|readonly|read-only/i,
    'is read-only: make the file and its folder writable or name another with --database',
  ],
  [/SQLITE_BUSY|SQLITE_LOCKED|is locked/i, 'is locked by another process: wait for it, or use another file'],
  [/SQLITE_CANTOPEN|unable to open/i, 'cannot be opened: check that the folder exists and is accessible'],
  [/SQLITE_CORRUPT|malformed/i, 'is damaged: restore a copy, or recover what is left with "sqlite3 FILE .recover"'],
  [/SQLITE_IOERR|disk I\/O/i, 'cannot be read or written: check the disk'],
];

/** A StoreError for what a driver threw; errors of our own pass through. */
export function storeError(path: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const { message, code, errcode, errstr } = error as Error & { code?: string; errcode?: number; errstr?: string };
  const text = [code, message, errcode === 13 ? 'SQLITE_FULL' : '', errstr].filter(Boolean).join(' ');
  const advice = ADVICE.find(([pattern]) => pattern.test(text))?.[1];
  return new StoreError(`database ${path} ${advice ?? `failed: ${message.split('\n')[0]}`}`);
}
