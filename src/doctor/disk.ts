/** Room where databases, kernels and temporary files are written. */
import { statfsSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, resolve } from 'node:path';
import { type Finding, Findings, reason, sizeText } from './finding.ts';

/** What a campaign of one worker writes into its database in an hour, log included, rounded up (docs/soak.md). */
const BYTES_PER_HOUR = 128 << 20;
/** A night with some room; a repair writes a copy beside it. */
const NIGHT_HOURS = 10;
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

export function checkDisk(database: string, cache: string, free: (path: string) => number = freeBytes): Finding[] {
  const places: Place[] = [
    { check: 'database', path: database, least: BYTES_PER_HOUR, wanted: NIGHT_HOURS * BYTES_PER_HOUR },
    { check: 'cache', path: cache, least: 0, wanted: KERNEL_BYTES },
    { check: 'temporary files', path: tmpdir(), least: TEMPORARY_BYTES / 8, wanted: TEMPORARY_BYTES },
  ];
  const findings = new Findings('disk space');
  for (const { check, path, least, wanted } of places) {
    try {
      const bytes = free(path);
      const what = `${sizeText(bytes)} free at ${nearest(path)}`;
      const advice = check === 'database' ? 'free some space, or name another disk with --database' : 'free some space';
      if (bytes < least) findings.problem(check, `${what}: less than an hour needs`, advice);
      else if (bytes < wanted) findings.warning(check, `${what}: ${sizeText(wanted)} are wanted`, advice);
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
