/** `msrdiff doctor` as a user runs it. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { exited, expectRefusal, lastJson, MAIN, msrdiff, scratchFolder, start } from './cli.ts';

const folder = scratchFolder();
const PAGE = 4096;

function database(name: string): string {
  const made = join(folder, 'made.db');
  if (!readdirSync(folder).includes('made.db')) {
    const args = ['--cases', '256', '--seed', '3', '--engines', 'reference,interval,canary', '--workers', '1'];
    expect(msrdiff('fuzz', ...args, '--database', made).code).toBe(1);
  }
  mkdirSync(join(folder, name));
  const path = join(folder, name, 'msrdiff.db');
  copyFileSync(made, path);
  return path;
}

interface Told {
  readonly problems: number;
  readonly findings: readonly { readonly check: string; readonly level: string; readonly advice?: string }[];
  readonly repairs: readonly string[];
}

test('doctor finds nothing wrong with what a campaign leaves', () => {
  const outcome = msrdiff('doctor', '--database', database('well'));
  expect(outcome).toMatchObject({ code: 0, stderr: '' });
  expect(outcome.stdout).toMatch(/^ok +database +structure +PRAGMA integrity_check finds nothing$/m);
  expect(outcome.stdout).toMatch(/^0 problems, \d+ warnings\n/m);
  expect(readdirSync(join(folder, 'well')).filter((name) => name.includes('backup'))).toEqual([]);
});

test('doctor tells a damaged database and what to do, and repairs it; the divergence is still there', () => {
  const path = database('damaged');
  const file = openSync(path, 'r+');
  const at = readFileSync(path).indexOf('"shard":1,');
  writeSync(file, Buffer.alloc(PAGE, 0xff), 0, PAGE, at - (at % PAGE));
  closeSync(file);
  const before = msrdiff('doctor', '--database', path);
  expect(before.code).toBe(1);
  expect(before.stdout).toMatch(/PROBLEM +database +structure +.*\n +-> .*doctor --repair/);
  const repaired = msrdiff('doctor', '--database', path, '--repair', '--json');
  const { problems, repairs, findings } = lastJson(repaired) as unknown as Told;
  expect({ code: repaired.code, problems }).toEqual({ code: 0, problems: 0 });
  expect(repairs.join('\n')).toMatch(/kept the damaged database as .*\.backup-/);
  expect(findings.every(({ level, advice }) => level === 'ok' || advice !== undefined)).toBe(true);
  expect(msrdiff('list', '--database', path).stdout).toContain('canary');
});

test('doctor refuses to repair what is being written, and what is no database', async () => {
  const path = join(folder, 'busy.db');
  const campaign = start(
    'fuzz',
    '--seconds',
    '60',
    '--engines',
    'reference,canary',
    '--workers',
    '1',
    '--database',
    path,
  );
  try {
    await expect.poll(() => msrdiff('list', '--campaigns', '--database', path).stdout).toContain('running');
    const asked = msrdiff('doctor', '--database', path, '--repair');
    // Nothing to complain of: a database that is being written is well.
    expect(asked.stdout).toMatch(/is being written by process \d+/);
    expect(asked.code).toBe(0);
  } finally {
    campaign.kill('SIGKILL');
    await exited(campaign);
  }
  expect(msrdiff('doctor', '--database', path, '--repair').stdout).toMatch(/repair: marked as interrupted: campaign 1/);

  const text = join(folder, 'text.db');
  writeFileSync(text, 'no database');
  expectRefusal(msrdiff('doctor', '--database', text, '--repair'), /nothing of msrdiff can be read/);
});

/** Root may read and write everything. */
const ORDINARY = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
const asOrdinaryUser = (...args: string[]) =>
  spawnSync(process.execPath, [MAIN, ...args], {
    ...ORDINARY,
    ...{ cwd: '/', encoding: 'utf8', env: { PATH: process.env.PATH, HOME: '/', MSRDIFF_CACHE: join(folder, 'cache') } },
  });
const mayRun = asOrdinaryUser('--version').status === 0;
if (!mayRun) console.warn(`an ordinary user may not read ${MAIN}: what doctor tells one is not tested`);

test.skipIf(!mayRun)('doctor tells what may not be written, and what may not be read', () => {
  const path = database('theirs');
  chmodSync(folder, 0o755);
  chmodSync(path, 0o444);
  chmodSync(join(folder, 'theirs'), 0o555);
  const readable = asOrdinaryUser('doctor', '--database', path);
  expect(readable.stdout).toMatch(/^ok +database +structure/m);
  expect(readable.stdout).toMatch(/^WARNING +database +access +.*may not be written \(EACCES\)\n +-> /m);
  expect(readable.status).toBe(0);
  chmodSync(path, 0);
  const secret = asOrdinaryUser('doctor', '--database', path, '--json');
  const { findings } = lastJson({ ...secret, code: secret.status }) as unknown as Told;
  expect(findings.filter(({ level }) => level === 'problem').map(({ check }) => check)).toEqual(['file']);
  expect(secret.status).toBe(1);
  chmodSync(join(folder, 'theirs'), 0o755);
});
