/**
 * At most one campaign writes to a database. The lock is a row with the writer's process: a process that is gone has
 * lost it, so a killed campaign can be resumed at once.
 */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Database } from './driver.ts';
import { StoreError } from './store-error.ts';

/** How often the holder says that it is alive. */
export const HEARTBEAT_MS = 15_000;
/** A writer on another host is taken for dead when it has not been heard of for so long. */
const FOREIGN_STALE_MS = 60_000;

/**
 * When the process started, so that a reused pid is not taken for it; empty where /proc is not to be had. A zombie
 * writes no more: it counts as gone, though its pid is there until its parent has asked for its exit code.
 */
function startOf(pid: number): string {
  try {
    // Fields 3 and 22 of /proc/PID/stat; the second, in parentheses, may contain spaces (proc_pid_stat(5)).
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? '' : (fields[19] ?? '');
  } catch {
    return '';
  }
}

function isAlive(pid: number, started: string): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  // Without /proc, a row with our own pid is more likely left over by an earlier process than by this one.
  return started === '' ? pid !== process.pid : startOf(pid) === started;
}

const MINE = 'pid = ? AND host = ? AND started = ?';
/** Asked for with every shard. */
let started: string | undefined;
function me(): [number, string, string] {
  started ??= startOf(process.pid);
  return [process.pid, hostname(), started];
}

/** Who holds the lock, as stored. */
export interface Writer {
  readonly pid: number;
  readonly host: string;
  /** `process 12`, or `process 12 on HOST`. */
  readonly name: string;
  /** When it was last heard of, in milliseconds since 1970. */
  readonly heartbeat: number;
  /** Whether it still runs; of a process on another host, whether it was heard of lately. */
  readonly alive: boolean;
}

export async function findWriter(db: Database): Promise<Writer | undefined> {
  const [row] = await db.all('SELECT * FROM writer');
  if (!row) return undefined;
  const [pid, host, heartbeat] = [Number(row.pid), String(row.host), Number(row.heartbeat)];
  const local = host === hostname();
  return {
    ...{ pid, host, heartbeat },
    name: local ? `process ${pid}` : `process ${pid} on ${host}`,
    alive: local ? isAlive(pid, String(row.started)) : Date.now() - heartbeat < FOREIGN_STALE_MS,
  };
}

/** Within a transaction of the caller, once per holder. Throws if another campaign is writing, in any process. */
export async function acquireWriter(db: Database, path: string): Promise<void> {
  const writer = await findWriter(db);
  if (writer?.alive) {
    throw new StoreError(
      `database ${path} is being written by another campaign (${writer.name}): wait for it, or name another file with --database`,
    );
  }
  await db.run('INSERT OR REPLACE INTO writer (one, pid, host, started, heartbeat) VALUES (1, ?, ?, ?, ?)', [
    ...me(),
    Date.now(),
  ]);
}

export function notWriter(path: string): StoreError {
  return new StoreError(
    `database ${path} is not locked by this campaign, it ended or another one took over: use --resume when that is done`,
  );
}

/** Says that the holder is alive. Throws if the lock was taken over: who lost it must not write any more. */
export async function keepWriter(db: Database, path: string): Promise<void> {
  const kept = await db.run(`UPDATE writer SET heartbeat = ? WHERE ${MINE}`, [Date.now(), ...me()]);
  if (kept === 0) throw notWriter(path);
}

/** Within a transaction of the caller. Without the lock, nothing. */
export async function releaseWriter(db: Database): Promise<void> {
  await db.run(`DELETE FROM writer WHERE ${MINE}`, me());
}
