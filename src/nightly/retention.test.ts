import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { pointLatest } from './reports/write.ts';
import { folderName, pruneLimits, rotateReports } from './retention.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'msrdiff-reports-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const NOW = Date.parse('2026-11-21T12:00:00Z');
function reports(...names: string[]): void {
  for (const name of names) {
    mkdirSync(join(folder, name, 'reproducers'), { recursive: true });
    writeFileSync(join(folder, name, 'reproducers', 'x.json'), Buffer.alloc(600_000));
  }
}

it('gives two nights of one second two folders', () => {
  const at = '2026-11-21T01:02:03.456Z';
  expect(folderName(at, folder)).toBe('2026-11-21T01-02-03Z');
  reports('2026-11-21T01-02-03Z', '2026-11-21T01-02-03Z-2');
  expect(folderName(at, folder)).toBe('2026-11-21T01-02-03Z-3');
});

it('removes old reports, and nothing else', () => {
  reports('2026-11-18T01-00-00Z', '2026-11-19T11-00-00Z', '2026-11-20T01-00-00Z', 'proofs', '2026-01-01 mine');
  expect(rotateReports(folder, { days: 2, megabytes: 0 }, NOW)).toEqual([
    '2026-11-18T01-00-00Z',
    '2026-11-19T11-00-00Z',
  ]);
  expect(readdirSync(folder).sort()).toEqual(['2026-01-01 mine', '2026-11-20T01-00-00Z', 'proofs']);
});

it('removes the oldest until the rest is small enough', () => {
  reports('2026-11-20T01-00-00Z-10', '2026-11-20T01-00-00Z-2', '2026-11-20T01-00-00Z', '2026-11-21T01-00-00Z');
  const removed = rotateReports(folder, { days: 0, megabytes: 1.5 }, NOW);
  expect(removed).toEqual(['2026-11-20T01-00-00Z', '2026-11-20T01-00-00Z-2']);
});

it('always keeps the newest', () => {
  reports('2020-01-01T01-00-00Z', '2020-01-02T01-00-00Z');
  expect(rotateReports(folder, { days: 1, megabytes: 0.1 }, NOW)).toEqual(['2020-01-01T01-00-00Z']);
  expect(rotateReports(folder, { days: 1, megabytes: 0.1 }, NOW)).toEqual([]);
  expect(rotateReports(join(folder, 'none'), { days: 1, megabytes: 1 }, NOW)).toEqual([]);
});

it('turns limits into those of the database; 0 is none', () => {
  const limits = pruneLimits({ days: 1, megabytes: 2 }, NOW);
  expect(limits).toEqual({ before: '2026-11-20T12:00:00.000Z', maxBytes: 2_000_000 });
  expect(pruneLimits({ days: 0, megabytes: 0 }, NOW)).toEqual({
    ...{ before: '1970-01-01T00:00:00.000Z', maxBytes: Number.MAX_SAFE_INTEGER },
  });
});

it('points to the newest, and says where something else has its name', () => {
  expect([pointLatest(folder, 'a'), pointLatest(folder, 'b')]).toEqual([null, null]);
  expect(readlinkSync(join(folder, 'latest'))).toBe('b');
  rmSync(join(folder, 'latest'));
  mkdirSync(join(folder, 'latest'));
  expect(pointLatest(folder, 'c')).toMatch(/latest does not point to this night \(\w+\): remove what is there$/);
});
