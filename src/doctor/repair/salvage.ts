/** A damaged database, row by row into a new one. */
import { copyFileSync, existsSync, linkSync, renameSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Database, Driver, SqlValue } from '../../store/driver.ts';
import { prepareSchema } from '../../store/schema.ts';
import { StoreError } from '../../store/store-error.ts';
import { columnNames, tableNames } from '../database/structure.ts';
import { few } from '../finding.ts';
import { backupName } from './backup.ts';
import { DatabasePages } from './page-records.ts';
import { type Key, type ReadResult, readRows } from './readable-rows.ts';

/** Parents first. The lock is not saved: nobody holds it. */
const TABLES: readonly (readonly [table: string, ...key: string[]])[] = [
  ['campaigns', 'id'],
  ['occurrences', 'divergence_id', 'campaign_id', 'shard'],
  ['history', 'id'],
  ['divergences', 'id'],
  ['shards', 'campaign_id', 'shard'],
  ['coverage', 'campaign_id'],
  ['progress', 'campaign_id', 'cases'],
  ['nights', 'id'],
];

/** The others are WITHOUT ROWID. */
const WITH_ROWID: ReadonlySet<string> = new Set(['campaigns', 'history', 'coverage', 'nights']);

/** Other places that tell which keys a table has: indexes of its own, and rows that name it. */
const KEYS_FROM: Readonly<Record<string, readonly string[]>> = {
  occurrences: ['SELECT divergence_id, campaign_id, shard FROM occurrences INDEXED BY occurrences_by_campaign'],
  divergences: [
    'SELECT id FROM divergences INDEXED BY divergences_by_status',
    'SELECT DISTINCT divergence_id FROM occurrences INDEXED BY occurrences_by_campaign',
    'SELECT DISTINCT divergence_id FROM occurrences NOT INDEXED',
    'SELECT DISTINCT divergence_id FROM history NOT INDEXED',
  ],
  campaigns: [
    'SELECT DISTINCT campaign_id FROM occurrences INDEXED BY occurrences_by_campaign',
    'SELECT campaign_id FROM coverage',
    'SELECT DISTINCT first_campaign FROM divergences NOT INDEXED',
  ],
};

interface Source {
  /** Undefined where no table can be found. */
  readonly source: Database | undefined;
  readonly pages: DatabasePages;
}

/** Salvages into a new file and puts it into the place of the old one, which is kept. What it did, one line each. */
export async function salvage(driver: Driver, path: string): Promise<string[]> {
  const [fresh, mended] = [`${path}.${process.pid}.salvage`, `${path}.${process.pid}.salvage-source`];
  const remove = (): void => {
    for (const file of [fresh, mended]) {
      for (const end of ['', '-wal', '-shm', '-journal']) rmSync(`${file}${end}`, { force: true });
    }
  };
  remove();
  try {
    const lines = await copyAll(driver, path, fresh, mended);
    const backup = backupName(path);
    linkSync(path, backup);
    if (existsSync(`${path}-wal`)) renameSync(`${path}-wal`, `${backup}-wal`);
    rmSync(`${path}-shm`, { force: true });
    renameSync(fresh, path);
    return [`kept the damaged database as ${backup}`, ...lines];
  } finally {
    remove();
  }
}

async function copyAll(driver: Driver, path: string, fresh: string, mended: string): Promise<string[]> {
  const target = await driver.open(fresh, { readOnly: false });
  const lines: string[] = [];
  try {
    await prepareSchema(target, fresh, false);
    let source = await openSource(driver, path);
    if (!source) {
      await withNewHeader(target, fresh, path, mended);
      source = await openSource(driver, mended);
      const what = source ? 'its first bytes were damaged and have been written anew' : 'its list of tables is lost';
      lines.push(what);
    }
    const pages = new DatabasePages(path, Number((await target.all('PRAGMA page_size'))[0]!.page_size));
    try {
      await target.exec('PRAGMA foreign_keys = OFF; BEGIN IMMEDIATE');
      let rows = 0;
      for (const [table, ...key] of TABLES) {
        const result = await copyTable({ source, pages }, target, table, key);
        lines.push(`${table}: ${summary(result)}`);
        rows += result.rows;
      }
      await target.exec('COMMIT');
      if (rows === 0) throw new StoreError(`database ${path}: nothing of msrdiff can be read from it: restore a copy`);
    } finally {
      pages.close();
      await source?.close().catch(() => {});
    }
    await target.all('PRAGMA wal_checkpoint(TRUNCATE)');
  } finally {
    await target.close();
  }
  return lines;
}

/** Undefined if not even its list of tables can be read, or it is not msrdiff's. */
async function openSource(driver: Driver, path: string): Promise<Database | undefined> {
  let db: Database | undefined;
  try {
    db = await driver.open(path, { readOnly: true });
    if ((await tableNames(db)).includes('campaigns')) return db;
  } catch {
    // Told by the return value.
  }
  await db?.close().catch(() => {});
  return undefined;
}

/** Bytes of the header of a database file (https://www.sqlite.org/fileformat.html, "The Database Header"). */
const HEADER_BYTES = 100;
const [PAGE_COUNT_AT, FREELIST_AT, FREELIST_COUNT_AT] = [28, 32, 36];

/** A copy with the header that databases of this version have; its pages are those of the old one. */
async function withNewHeader(target: Database, fresh: string, path: string, mended: string): Promise<void> {
  await target.all('PRAGMA wal_checkpoint(TRUNCATE)');
  const [row] = await target.all('PRAGMA page_size');
  copyFileSync(path, mended);
  if (existsSync(`${path}-wal`)) copyFileSync(`${path}-wal`, `${mended}-wal`);
  const header = Buffer.alloc(HEADER_BYTES);
  const model = await open(fresh);
  await model.read(header, 0, HEADER_BYTES, 0);
  await model.close();
  header.writeUInt32BE(Math.floor(statSync(path).size / Number(row!.page_size)), PAGE_COUNT_AT);
  header.writeUInt32BE(0, FREELIST_AT);
  header.writeUInt32BE(0, FREELIST_COUNT_AT);
  const file = await open(mended, 'r+');
  await file.write(header, 0, HEADER_BYTES, 0);
  await file.close();
}

async function copyTable(from: Source, target: Database, table: string, key: readonly string[]): Promise<ReadResult> {
  const { source, pages } = from;
  const wanted = await columnsOf(target, table);
  const insert = async (names: readonly string[], values: readonly SqlValue[]): Promise<boolean> => {
    if (!values.every((value, i) => fits(value, wanted.get(names[i]!)!))) return false;
    try {
      await target.run(`INSERT INTO ${table} (${names}) VALUES (${names.map(() => '?')})`, values);
      return true;
    } catch {
      // There already, or not what the schema permits: its bytes are damaged.
      return false;
    }
  };
  const had = source ? await columnNames(source, table).catch(() => [...wanted.keys()]) : [];
  const columns = [...wanted.keys()].filter((name) => had.includes(name));
  const read: ReadResult =
    source && columns.length > 0
      ? await readRows(source, { table, columns, key }, await knownKeys(source, table), (row) =>
          insert(
            columns,
            columns.map((name) => row[name]!),
          ),
        )
      : { rows: 0, lost: [], unknown: [undefined, undefined] };
  if (!read.unknown && read.lost.length === 0) return read;
  const withRowid = WITH_ROWID.has(table);
  const found = new Set<string>();
  for (const { rowid, values } of pages.records()) {
    if ((rowid !== undefined) !== withRowid || !isRowOf(table, values, wanted.size)) continue;
    const row = withRowid ? [rowid!, ...values.slice(1)] : values;
    if (await insert([...wanted.keys()].slice(0, row.length), row)) found.add(keyText(row.slice(0, key.length)));
  }
  const lost = read.lost.filter((lostKey) => !found.has(keyText(lostKey)));
  return { ...read, rows: read.rows + found.size, lost };
}

/** Declared types by name. */
async function columnsOf(db: Database, table: string): Promise<Map<string, string>> {
  const rows = await db.all(`PRAGMA table_info("${table}")`);
  return new Map(rows.map(({ name, type }) => [String(name), String(type)]));
}

/** SQLite keeps a value of any type in any column; msrdiff writes those of the schema. */
function fits(value: SqlValue, type: string): boolean {
  if (value === null) return true;
  if (type === 'TEXT') return typeof value === 'string';
  return typeof value === 'number' && (type === 'REAL' || Number.isSafeInteger(value));
}

/** Columns that a table had before it was given more: its older rows lack those. */
const LEAST_COLUMNS: Readonly<Record<string, number>> = { campaigns: 13, divergences: 17 };

/**
 * Whether a record that no tree leads to is of that table. Of all tables and indexes of one kind, only `nights`, the
 * writer's lock and the schema have the same number of columns: of these three, nights alone begin with a rowid, which
 * is stored as null, and text.
 */
function isRowOf(table: string, values: readonly SqlValue[], columns: number): boolean {
  if (values.length > columns || values.length < (LEAST_COLUMNS[table] ?? columns)) return false;
  return !WITH_ROWID.has(table) || (values[0] === null && typeof values[1] === 'string');
}

async function knownKeys(source: Database, table: string): Promise<Key[]> {
  const keys = new Map<string, Key>();
  for (const sql of KEYS_FROM[table] ?? []) {
    try {
      for (const row of await source.all(sql)) keys.set(JSON.stringify(Object.values(row)), Object.values(row));
    } catch {
      // Damaged as well.
    }
  }
  return [...keys.values()];
}

const keyText = (key: Key): string => key.join('/');

function summary({ rows, lost, unknown }: ReadResult): string {
  const parts = [`${rows} rows saved`];
  if (lost.length > 0) parts.push(`${lost.length} lost (${few(lost.map(keyText), 8)})`);
  if (unknown) {
    const [after, before] = unknown.map((key) => (key ? keyText(key) : undefined));
    const where = [after === undefined ? '' : `after ${after}`, before === undefined ? '' : `before ${before}`];
    parts.push(`others may be lost ${where.filter(Boolean).join(' and ') || 'anywhere'}`);
  }
  return parts.join(', ');
}
