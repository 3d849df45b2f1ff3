/** node:sqlite, where Node has it without a flag (22.13 on). Synchronous, behind the same interface. */
import { createRequire } from 'node:module';
import type { Database, Driver, Row, SqlValue } from './driver.ts';

/** The part of node:sqlite that is used; @types/node of the oldest Node does not know it. */
interface Statement {
  run(...params: SqlValue[]): { changes: number | bigint };
  all(...params: SqlValue[]): Row[];
}
interface Connection {
  exec(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}
interface Library {
  readonly DatabaseSync: new (path: string, options: { readOnly: boolean }) => Connection;
}

export async function load(): Promise<Driver | null> {
  const library = requireQuietly();
  if (!library) return null;
  return {
    name: 'node',
    open: async (path, { readOnly }) => wrap(new library.DatabaseSync(path, { readOnly })),
  };
}

/** Node 22 warns that node:sqlite is experimental; users of msrdiff can do nothing about that. */
function requireQuietly(): Library | null {
  const emit = process.emitWarning;
  process.emitWarning = () => {};
  try {
    return createRequire(import.meta.url)('node:sqlite') as Library;
  } catch {
    return null;
  } finally {
    process.emitWarning = emit;
  }
}

function wrap(connection: Connection): Database {
  return {
    exec: async (sql) => connection.exec(sql),
    run: async (sql, params = []) => Number(connection.prepare(sql).run(...params).changes),
    // Rows come without a prototype; spreading gives plain objects, as the other driver does.
    all: async (sql, params = []) =>
      connection
        .prepare(sql)
        .all(...params)
        .map((row) => ({ ...row })),
    close: async () => connection.close(),
  };
}
