/** Which processes hold locks of a database file, as far as Linux says. */
import { readFileSync, statSync } from 'node:fs';

/**
 * Pids of other processes that hold a write lock of the file or of what SQLite keeps beside it; empty where /proc is not
 * to be had, or the holder is in another PID namespace. A line of /proc/locks is "1: POSIX ADVISORY WRITE 708 08:01:131
 * 120 120": kind, type, pid, device and inode, first and last byte (proc_locks(5)).
 */
export function lockHolders(path: string): number[] {
  const inodes = new Set<string>();
  for (const suffix of ['', '-wal', '-shm']) {
    const found = statSync(path + suffix, { throwIfNoEntry: false });
    if (found) inodes.add(`${deviceText(found.dev)}:${found.ino}`);
  }
  const pids = new Set<number>();
  for (const line of locks()) {
    const [, , , type, pid, file] = line.trim().split(/\s+/);
    if (type === 'WRITE' && inodes.has(file!) && Number(pid) > 0 && Number(pid) !== process.pid) pids.add(Number(pid));
  }
  return [...pids];
}

/** Major and minor number in hexadecimal, as /proc/locks has them (gnu_dev_major(3)). */
function deviceText(device: number): string {
  const number = BigInt(device);
  const major = ((number >> 8n) & 0xfffn) | ((number >> 32n) & 0xffff_f000n);
  const minor = (number & 0xffn) | ((number >> 12n) & 0xffff_ff00n);
  return [major, minor].map((part) => part.toString(16).padStart(2, '0')).join(':');
}

function locks(): string[] {
  try {
    // Waiters ("1: -> POSIX ...") hold nothing.
    return readFileSync('/proc/locks', 'utf8')
      .split('\n')
      .filter((line) => !line.includes('->'));
  } catch {
    return [];
  }
}
