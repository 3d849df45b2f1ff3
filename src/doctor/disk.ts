/** Room where databases, kernels and temporary files are written. */
import { statfsSync, statSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, resolve } from 'node:path';
import { counted, type Finding, Findings, reason, sizeText } from './finding.ts';

/**
 * What one worker on a core of its own writes into the database in an hour: 13 million accesses a second
 * (docs/performance.md) at 6,000 bytes for each million (docs/soak.md), and the log.
 */
const WORKER_BYTES_PER_HOUR = 288 << 20;
/** Shards that run ahead of the fold (docs/decisions/0002-fold-in-shard-order.md): more workers do not write more. */
const MOST_WORKERS = 32;
/** A night. */
const HOURS = 10;
/** A kernel with all that is built from it, for both emulators (docs/kernels.md), and its packages while unpacked. */
const KERNEL_BYTES = 1 << 30;
/** Copies of databases on read-only media, boot parts of Bochs. */
const TEMPORARY_BYTES = 128 << 20;

interface Place {
  readonly check: string;
  readonly path: string;
  /** Less than this stops what is written there soon, and less than that one day. */
  readonly least: number;
  readonly wanted: number;
}

/** Where the file would go: the nearest folder above it that is there. */
function nearest(path: string): string {
  let folder = resolve(path);
  while (!statSync(folder, { throwIfNoEntry: false })?.isDirectory() && dirname(folder) !== folder)
    folder = dirname(folder);
  return folder;
}

/** Bytes that a user who is not root can still write there. */
export function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(nearest(path));
  return bavail * bsize;
}

/** `workers` and `free` are parameters for tests. */
export function checkDisk(
  database: string,
  cache: string,
  workers = availableParallelism(),
  free: (path: string) => number = freeBytes,
): Finding[] {
  const hour = Math.min(workers, MOST_WORKERS) * WORKER_BYTES_PER_HOUR;
  const places: Place[] = [
    { check: 'database', path: database, least: hour, wanted: HOURS * hour },
    { check: 'cache', path: cache, least: 0, wanted: KERNEL_BYTES },
    { check: 'temporary files', path: tmpdir(), least: TEMPORARY_BYTES / 8, wanted: TEMPORARY_BYTES },
  ];
  const findings = new Findings('disk space');
  for (const { check, path, least, wanted } of places) {
    try {
      const bytes = free(path);
      const what = `${sizeText(bytes)} free at ${nearest(path)}`;
      const short = check === 'database' ? `an hour of ${counted(workers, 'worker')} may fill` : 'are needed';
      const advice = check === 'database' ? 'free some space, or name another disk with --database' : 'free some space';
      if (bytes < least) findings.problem(check, `${what}: ${sizeText(least)} ${short}`, advice);
      else if (bytes < wanted)
        findings.warning(
          check,
          `${what}: ${sizeText(wanted)} are wanted${check === 'database' ? ` for a night of ${HOURS} hours` : ''}`,
          advice,
        );
      else findings.ok(check, what);
    } catch (error) {
      findings.warning(
        check,
        `free space at ${nearest(path)} cannot be told: ${reason(error)}`,
        'look at it with df(1)',
      );
    }
  }
  return findings.all;
}
