/** Tables, and how an older database becomes a newer one. */
import type { Database } from './driver.ts';
import { StoreError } from './store-error.ts';

/** "MSRD": marks the file as msrdiff's (PRAGMA application_id). */
export const APPLICATION_ID = 0x4d535244;

/** How long a statement waits for a lock of another process. */
export const BUSY_TIMEOUT_MS = 5000;
/** The write-ahead log is written back when it has so many pages (4 MiB); SQLite's default, made explicit. */
const AUTOCHECKPOINT_PAGES = 1000;

/** Step n brings a database from version n to n + 1. Steps that have been released are never changed. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE campaigns (
    id INTEGER PRIMARY KEY,
    seed TEXT NOT NULL,
    profile TEXT NOT NULL,
    engines TEXT NOT NULL,
    config TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'finished', 'interrupted')),
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    cases INTEGER NOT NULL DEFAULT 0,
    accesses INTEGER NOT NULL DEFAULT 0,
    seconds REAL NOT NULL DEFAULT 0,
    digest TEXT NOT NULL DEFAULT '',
    known TEXT NOT NULL DEFAULT '{}'
  );
  CREATE TABLE shards (
    campaign_id INTEGER NOT NULL REFERENCES campaigns(id),
    shard INTEGER NOT NULL,
    digest TEXT NOT NULL,
    result TEXT NOT NULL,
    PRIMARY KEY (campaign_id, shard)
  ) WITHOUT ROWID;
  CREATE TABLE divergences (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    profile TEXT NOT NULL,
    scenario TEXT NOT NULL,
    vector TEXT NOT NULL,
    expected INTEGER NOT NULL,
    got INTEGER NOT NULL,
    message TEXT NOT NULL,
    engines TEXT NOT NULL,
    size INTEGER NOT NULL,
    evaluations INTEGER NOT NULL,
    reliability REAL NOT NULL,
    cases INTEGER NOT NULL,
    first_seen TEXT NOT NULL,
    last_seen TEXT NOT NULL,
    first_campaign INTEGER NOT NULL REFERENCES campaigns(id)
  ) WITHOUT ROWID;
  CREATE TABLE occurrences (
    divergence_id TEXT NOT NULL REFERENCES divergences(id),
    campaign_id INTEGER NOT NULL REFERENCES campaigns(id),
    shard INTEGER NOT NULL,
    first_case INTEGER NOT NULL,
    cases INTEGER NOT NULL,
    PRIMARY KEY (divergence_id, campaign_id, shard)
  ) WITHOUT ROWID;
  CREATE TABLE coverage (
    campaign_id INTEGER PRIMARY KEY REFERENCES campaigns(id),
    features TEXT NOT NULL,
    features_seen INTEGER NOT NULL,
    pairs_seen INTEGER NOT NULL
  );
  CREATE TABLE writer (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    pid INTEGER NOT NULL,
    host TEXT NOT NULL,
    started TEXT NOT NULL,
    heartbeat INTEGER NOT NULL
  );
  `,
  // MSRs of older divergences: the last access of the normal form, which is nearly always the one that differs. JSON5,
  // which SQLite reads from 3.42 on, has hexadecimal numbers.
  `
  ALTER TABLE campaigns ADD COLUMN started_at TEXT NOT NULL DEFAULT '';
  UPDATE campaigns SET started_at = created_at;
  ALTER TABLE divergences ADD COLUMN status TEXT NOT NULL DEFAULT 'new'
    CHECK (status IN ('new', 'triaged', 'known', 'fixed', 'wont-fix'));
  ALTER TABLE divergences ADD COLUMN reopened INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE divergences ADD COLUMN fixed_at TEXT;
  ALTER TABLE divergences ADD COLUMN msr INTEGER;
  ALTER TABLE divergences ADD COLUMN is_write INTEGER;
  ALTER TABLE divergences ADD COLUMN rules TEXT NOT NULL DEFAULT '[]';
  UPDATE divergences SET
    msr = json_extract('[' || json_extract(scenario, '$.events[#-1].access[#-1][0]') || ']', '$[0]'),
    is_write = json_extract(scenario, '$.events[#-1].access[#-1][1]') = 'w'
    WHERE kind = 'verdict' AND json_valid(scenario);
  CREATE INDEX divergences_by_status ON divergences (status);
  CREATE INDEX occurrences_by_campaign ON occurrences (campaign_id);
  CREATE TABLE history (
    id INTEGER PRIMARY KEY,
    divergence_id TEXT NOT NULL REFERENCES divergences(id),
    at TEXT NOT NULL,
    author TEXT NOT NULL,
    status TEXT CHECK (status IN ('new', 'triaged', 'known', 'fixed', 'wont-fix')),
    note TEXT NOT NULL
  );
  CREATE INDEX history_by_divergence ON history (divergence_id);
  CREATE TABLE progress (
    campaign_id INTEGER NOT NULL REFERENCES campaigns(id),
    cases INTEGER NOT NULL,
    accesses INTEGER NOT NULL,
    seconds REAL NOT NULL,
    features INTEGER NOT NULL,
    pairs INTEGER NOT NULL,
    divergences INTEGER NOT NULL,
    PRIMARY KEY (campaign_id, cases)
  ) WITHOUT ROWID;
  CREATE TABLE nights (
    id INTEGER PRIMARY KEY,
    started_at TEXT NOT NULL,
    finished_at TEXT NOT NULL,
    campaign_id INTEGER REFERENCES campaigns(id),
    report TEXT NOT NULL
  );
  `,
];

/**
 * Checks that the database is msrdiff's and not newer than this version, and brings it up to date unless read-only.
 * `migrations` is a parameter for tests.
 */
export async function prepareSchema(
  db: Database,
  path: string,
  readOnly: boolean,
  migrations: readonly string[] = MIGRATIONS,
): Promise<void> {
  // First, and without it node:sqlite does not wait at all.
  await db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
  const version = await checkedVersion(db, path, readOnly, migrations.length);
  if (readOnly) {
    if (version < migrations.length) {
      throw new StoreError(
        `database ${path} has the older schema ${version}: open it, or a copy, with "msrdiff serve" once to bring it up to date`,
      );
    }
    return;
  }
  await db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON');
  await db.exec(`PRAGMA wal_autocheckpoint = ${AUTOCHECKPOINT_PAGES}`);
  for (let step = version; step < migrations.length; step++) await migrate(db, path, migrations);
  // Where nothing was to migrate: a read-only file is told now, not after the first shard.
  if (version === migrations.length) await db.exec('BEGIN IMMEDIATE; ROLLBACK');
}

/** The next step that the database lacks, if it lacks any: another process may have been faster. */
async function migrate(db: Database, path: string, migrations: readonly string[]): Promise<void> {
  await db.exec('BEGIN IMMEDIATE');
  try {
    const step = await checkedVersion(db, path, false, migrations.length);
    if (step < migrations.length) {
      await db.exec(migrations[step]!);
      await db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${step + 1}`);
    }
    await db.exec('COMMIT');
  } catch (error) {
    // SQLITE_FULL and the like may have rolled back already.
    await db.exec('ROLLBACK').catch(() => {});
    throw error;
  }
}

/** Version of the schema, 0 for an empty file. */
async function checkedVersion(db: Database, path: string, readOnly: boolean, newest: number): Promise<number> {
  const pragma = async (name: string): Promise<number> => Number((await db.all(`PRAGMA ${name}`))[0]?.[name] ?? 0);
  const tables = Number((await db.all('SELECT count(*) AS n FROM sqlite_schema'))[0]?.n);
  const id = await pragma('application_id');
  if (id !== APPLICATION_ID && tables > 0) {
    throw new StoreError(`database ${path} belongs to another program: name another file with --database`);
  }
  if (id !== APPLICATION_ID && readOnly) {
    throw new StoreError(`database ${path} is empty: run "msrdiff fuzz" first, or name another with --database`);
  }
  const version = await pragma('user_version');
  if (version > newest) {
    throw new StoreError(
      `database ${path} has schema ${version}, this msrdiff knows up to ${newest}: use a newer msrdiff or another file`,
    );
  }
  return version;
}
