/** What may happen to the database file: locked by others, half-written, damaged. */
import { copyFileSync, existsSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadDriver } from '../../../src/store/driver.ts';
import { BUSY_TIMEOUT_MS } from '../../../src/store/schema.ts';
import type { FaultKind } from '../kind.ts';
import { Missed, type Trial } from '../trial.ts';

/** Long enough for any wait of the campaign to end, on a busy machine too. */
const TOO_LONG_MS = BUSY_TIMEOUT_MS * 3;

async function hold(path: string): Promise<() => Promise<void>> {
  const db = await (await loadDriver()).open(path, { readOnly: false });
  await db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}; BEGIN EXCLUSIVE`);
  return async () => {
    await db.exec('ROLLBACK');
    await db.close();
  };
}

async function untilStored(trial: Trial, alive: () => boolean): Promise<void> {
  // The file is there before its tables are; SQLite keeps the two apart by the lock itself.
  while (!existsSync(trial.database) || statSync(trial.database).size === 0) {
    if (!alive()) throw new Missed();
    await sleep(5);
  }
}

async function lockedShortly(trial: Trial): Promise<void> {
  await trial.prepare();
  const run = trial.fuzz();
  await trial.moment(run);
  await untilStored(trial, () => !run.ended);
  const release = await hold(trial.database);
  const early = run.ended;
  await sleep(trial.between(100, BUSY_TIMEOUT_MS / 2));
  await release();
  await trial.ended(run, { codes: [1] });
  if (early) throw new Missed();
}

async function lockedLong(trial: Trial): Promise<void> {
  await trial.prepare();
  const run = trial.fuzz();
  await trial.moment(run);
  await untilStored(trial, () => !run.ended);
  const release = await hold(trial.database);
  const late = await run.lives(TOO_LONG_MS);
  await release();
  const end = await trial.ended(run, { codes: [0, 1, 2], says: /locked by another process \(\d+\): wait for it/ });
  if (late) trial.problems.push(`it waited for more than ${TOO_LONG_MS / 1000} s without a word`);
  if (end.code !== 2) throw new Missed();
}

/** After kill -9, with the log that it leaves. */
async function killed(trial: Trial): Promise<void> {
  await trial.prepare();
  const run = trial.fuzz();
  await trial.moment(run);
  if (!run.signal('SIGKILL')) throw new Missed();
  await run.end;
}

/** A log that was cut, or has bytes of something else at its end: what a machine that lost its power leaves. */
async function tornLog(trial: Trial): Promise<void> {
  await killed(trial);
  const log = `${trial.database}-wal`;
  if (!existsSync(log) || statSync(log).size === 0) throw new Missed();
  const bytes = readFileSync(log);
  const from = trial.below(bytes.length);
  if (trial.below(2) === 0) truncateSync(log, from);
  else {
    // From here on, as a page that was allocated and never written reads.
    bytes.fill(trial.pick([0, 0xff]), from);
    writeFileSync(log, bytes);
  }
  await tearIndex(trial);
}

/** The -shm file is an index of the log that SQLite makes anew: cut, filled with garbage, or gone. */
async function tearIndex(trial: Trial): Promise<void> {
  const index = `${trial.database}-shm`;
  if (!existsSync(index)) return;
  switch (trial.below(4)) {
    case 0:
      return truncateSync(index, trial.below(statSync(index).size));
    case 1:
      return writeFileSync(index, Buffer.alloc(statSync(index).size, 0xa5));
    case 2:
      return rmSync(index);
  }
}

async function tornIndex(trial: Trial): Promise<void> {
  await killed(trial);
  if (!existsSync(`${trial.database}-shm`)) throw new Missed();
  await tearIndex(trial);
}

/** A database that was copied by halves is refused; the whole copy is resumed. */
async function truncated(trial: Trial): Promise<void> {
  await trial.prepare();
  const run = trial.fuzz();
  await trial.moment(run);
  if (!run.signal('SIGINT')) throw new Missed();
  await run.end;
  if (!existsSync(trial.database) || statSync(trial.database).size < 8192) throw new Missed();
  const copy = trial.file('copy.db');
  copyFileSync(trial.database, copy);
  // Not nothing: an empty file is a new database.
  truncateSync(trial.database, 1 + trial.below(statSync(trial.database).size - 4096));
  for (const suffix of ['-wal', '-shm']) rmSync(trial.database + suffix, { force: true });
  await trial.ended(trial.fuzz(true), { codes: [2], says: /is damaged|is not an SQLite database/ });
  copyFileSync(copy, trial.database);
  for (const suffix of ['-wal', '-shm']) rmSync(trial.database + suffix, { force: true });
}

export const DATABASES: readonly FaultKind[] = [
  {
    id: 'locked',
    fault: `the database is locked by another process, for less than ${BUSY_TIMEOUT_MS / 1000} s`,
    shows: 'nothing: it waits',
    inject: lockedShortly,
  },
  {
    id: 'locked-long',
    fault: `the same for more than ${BUSY_TIMEOUT_MS / 1000} s`,
    shows: 'exit code 2: who has locked it, wait for it',
    inject: lockedLong,
  },
  {
    id: 'torn-log',
    fault: 'kill -9, and the write-ahead log is cut or overwritten from some byte on',
    shows: 'nothing: shards that are lost with it are run again',
    inject: tornLog,
  },
  {
    id: 'torn-index',
    fault: 'kill -9, and the -shm file is cut, garbage or gone',
    shows: 'nothing',
    inject: tornIndex,
  },
  {
    id: 'truncated',
    fault: 'Ctrl-C, and the database file is cut; then a copy is put back',
    shows: 'exit code 2: the database is damaged, restore a copy',
    inject: truncated,
  },
];
