/** Reports of earlier nights: removed by age and by size, the newest never. */
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

const DAY_MS = 86_400_000;
const MEGABYTE = 1_000_000;

/** 0 is no limit. */
export interface Limits {
  readonly days: number;
  readonly megabytes: number;
}

/** A folder of a night, by its time: certificates and whatever else is in the folder of reports is left alone. */
const NIGHT = /^(\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2})Z(-\d+)?$/;

/** Name of the folder for a night that starts now; another one of the same second has a number behind it. */
export function folderName(startedAt: string, reports: string): string {
  const name = `${startedAt.slice(0, 19).replaceAll(':', '-')}Z`;
  if (!existsSync(join(reports, name))) return name;
  let number = 2;
  while (existsSync(join(reports, `${name}-${number}`))) number++;
  return `${name}-${number}`;
}

/** @param now milliseconds. @returns names of the folders that were removed, oldest first */
export function rotateReports(reports: string, { days, megabytes }: Limits, now = Date.now()): string[] {
  const nights = existsSync(reports)
    ? readdirSync(reports)
        .filter((name) => NIGHT.test(name))
        .sort(byTime)
    : [];
  const newest = nights.pop();
  if (newest === undefined) return [];
  const sizes = new Map([...nights, newest].map((name) => [name, sizeOf(join(reports, name))]));
  let total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  const removed: string[] = [];
  for (const name of nights) {
    const old = days > 0 && now - timeOf(name) > days * DAY_MS;
    const large = megabytes > 0 && total > megabytes * MEGABYTE;
    if (!old && !large) continue;
    rmSync(join(reports, name), { recursive: true, force: true });
    total -= sizes.get(name)!;
    removed.push(name);
  }
  return removed;
}

/** What `Store.prune` takes. No limit is the beginning of time, and more bytes than there are. */
export function pruneLimits({ days, megabytes }: Limits, now = Date.now()): { before: string; maxBytes: number } {
  const before = days > 0 ? new Date(now - days * DAY_MS).toISOString() : new Date(0).toISOString();
  return { before, maxBytes: megabytes > 0 ? megabytes * MEGABYTE : Number.MAX_SAFE_INTEGER };
}

function timeOf(name: string): number {
  const [day, time] = NIGHT.exec(name)![1]!.split('T');
  return Date.parse(`${day}T${time!.replaceAll('-', ':')}Z`);
}

function byTime(a: string, b: string): number {
  return timeOf(a) - timeOf(b) || Number(a.split('Z-')[1] ?? 1) - Number(b.split('Z-')[1] ?? 1);
}

/** Bytes. */
function sizeOf(path: string): number {
  const status = statSync(path, { throwIfNoEntry: false });
  if (!status) return 0;
  if (!status.isDirectory()) return status.size;
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
}
