/**
 * At most one campaign writes to a database. The lock is a row with the writer's process: a process that is gone has
 * lost it, so a killed campaign can be resumed at once.
 */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Database } from './driver.ts';
import { StoreError } from './store-error.ts';

/** A writer on another host is taken for dead when it has not been heard of for so long. */
const FOREIGN_STALE_MS = 60_000;

/** When the process started, so that a reused pid is not taken for it; empty where /proc is not to be had. */
function startOf(pid: number): string {
  try {
    // Field 22 of /proc/PID/stat; the second, in parentheses, may contain spaces (proc_pid_stat(5)).
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
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
  return started === '' || startOf(pid) === started;
}

/** Within a transaction of the caller. Throws if another campaign is writing. */
export async function acquireWriter(db: Database, path: string): Promise<void> {
  const [row] = await db.all('SELECT * FROM writer');
  if (row) {
    const local = row.host === hostname();
    const own = local && row.pid === process.pid;
    const alive = local
      ? isAlive(Number(row.pid), String(row.started))
      : Date.now() - Number(row.heartbeat) < FOREIGN_STALE_MS;
    if (alive && !own) {
      const where = local ? `process ${row.pid}` : `process ${row.pid} on ${row.host}`;
      throw new StoreError(
        `database ${path} is being written by another campaign (${where}): wait for it, or name another file with --database`,
      );
    }
  }
  await db.run('INSERT OR REPLACE INTO writer VALUES (1, ?, ?, ?, ?)', [
    process.pid,
    hostname(),
    startOf(process.pid),
    Date.now(),
  ]);
}

export async function keepWriter(db: Database): Promise<void> {
  await db.run('UPDATE writer SET heartbeat = ? WHERE pid = ?', [Date.now(), process.pid]);
}

export async function releaseWriter(db: Database): Promise<void> {
  await db.run('DELETE FROM writer WHERE pid = ? AND host = ?', [process.pid, hostname()]);
}
