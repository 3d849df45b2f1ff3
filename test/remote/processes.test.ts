/** No process of an engine outlives what started it; and a database runs no commands by itself. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { exited, lastJson, msrdiff, start as startMsrdiff } from '../e2e/cli.ts';
import { faultyCommand, goneProcesses, processesWith, scratchFolder, start } from './support.ts';

const folder = scratchFolder();
let marks = 0;
/** An argument that tells the processes of one test. */
const mark = (): string => `mark=${folder}/${marks++}`;

async function until(condition: () => boolean): Promise<void> {
  for (let n = 0; n < 200 && !condition(); n++) await new Promise((resolve) => setTimeout(resolve, 50));
  expect(condition()).toBe(true);
}

describe('after', () => {
  test('close, an engine that ends by itself is gone at once, one that does not within 3 seconds', async () => {
    const [quick, deaf] = [mark(), mark()];
    const engines = [start(faultyCommand('none', quick)), start(faultyCommand('deaf', deaf))];
    expect(processesWith(quick)).toHaveLength(1);
    const before = performance.now();
    engines[0]!.close();
    expect(performance.now() - before).toBeLessThan(1500);
    expect(processesWith(quick)).toEqual([]);
    engines[1]!.close();
    expect(performance.now() - before).toBeGreaterThan(2000);
    expect(await goneProcesses(deaf)).toEqual([]);
  });

  test('close, what an engine has started is gone too', async () => {
    const [main, helper] = [mark(), mark()];
    const engine = start(`sh -c 'sleep 1000' ${helper} & ${faultyCommand('none', main).replace('exec ', '')}; true`);
    expect(processesWith(helper).length).toBeGreaterThan(0);
    engine.close();
    expect(await goneProcesses(helper)).toEqual([]);
    expect(await goneProcesses(main)).toEqual([]);
  });

  test('an engine that does not start', async () => {
    const marker = mark();
    expect(() => start(faultyCommand('bad-magic', marker))).toThrow('magic');
    expect(await goneProcesses(marker)).toEqual([]);
  });

  const campaign = (marker: string, ...args: string[]) => [
    ...['fuzz', '--database', join(folder, `${marker.split('/').at(-1)}.db`), '--engines', 'reference,interval'],
    ...['--accesses', '256', '--engine-command', faultyCommand('deaf', marker).replace('exec ', 'true; '), ...args],
  ];

  test('a campaign', async () => {
    const marker = mark();
    expect(msrdiff(...campaign(marker, '--cases', '128')).code).toBe(0);
    expect(await goneProcesses(marker)).toEqual([]);
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)('%s during a campaign', async (signal) => {
    const marker = mark();
    const child = startMsrdiff(...campaign(marker, '--seconds', '60'));
    const end = exited(child);
    await until(() => processesWith(marker).length >= 2);
    child.kill(signal);
    await end;
    expect(await goneProcesses(marker)).toEqual([]);
  });

  test('a campaign in which another engine hangs and takes its thread down', async () => {
    const marker = mark();
    const module = join(folder, 'hangs.mjs');

    const body = 'if (index === 0x174) for (;;); return true;';
    writeFileSync(module, `export const name = 'hangs';\nexport function allowed(filter, index) { ${body} }\n`);
    const run = msrdiff(...campaign(marker, '--cases', '64', '--timeout', '1', '--json', '--engine-module', module));
    expect(run.code).toBe(1);
    const found = lastJson(run).divergences as { kind: string; subject: string }[];
    expect(found).toContainEqual(expect.objectContaining({ kind: 'engine-timeout', subject: 'hangs' }));
    expect(found.filter(({ subject }) => subject === 'faulty')).toEqual([]);
    expect(await goneProcesses(marker)).toEqual([]);
  });

  test('conform, engines and replay', async () => {
    const marker = mark();
    const command = faultyCommand('none', marker);
    const recording = 'test/ground-truth/linux-6.18-emulator.jsonl.gz';
    expect(msrdiff('conform', recording, '--engine-command', command).code).toBe(0);
    expect(msrdiff('engines', '--engine-command', command).stdout).toContain('faulty');
    expect(processesWith(marker)).toEqual([]);
  });
});

describe('time limits', () => {
  test("an engine's silence is told as such, not as its thread's, and the campaign goes on", () => {
    const once = join(folder, 'hung');
    const run = msrdiff(
      ...['fuzz', '--database', join(folder, 'hang.db'), '--engines', 'reference,interval', '--cases', '64'],
      ...['--accesses', '256', '--timeout', '1', '--json', '--workers', '1'],
      ...['--engine-command', faultyCommand('hang', 'at=20', `once=${once}`)],
    );
    expect(existsSync(once)).toBe(true);
    const { divergences, cases } = lastJson(run);
    expect(cases).toBe(64);
    expect(divergences).toEqual([expect.objectContaining({ kind: 'engine-error', subject: 'faulty' })]);
  });
});

describe('the commands of a database', () => {
  const database = join(folder, 'stored.db');
  const ran = join(folder, 'ran');
  const command = `touch ${ran}; ${faultyCommand('lie', 'on=372')}`;

  test('are run only if they are given again', async () => {
    const run = msrdiff(
      ...['fuzz', '--database', database, '--engines', 'reference,interval', '--engine-command', command],
      ...['--cases', '64', '--accesses', '1024', '--seed', '3', '--json'],
    );
    expect(run.code).toBe(1);
    const [{ id }] = lastJson(run).divergences as [{ id: string }];

    rmSync(ran);

    const replay = msrdiff('replay', id, '--database', database);
    expect(replay.code).toBe(2);
    expect(replay.stderr).toContain(`add --engine-command '${command}'`);
    const show = msrdiff('show', id, '--database', database);
    expect(show.code).toBe(0);
    expect(show.stdout).toContain('no explanation: an engine is a command');
    expect(existsSync(ran)).toBe(false);

    expect(msrdiff('replay', id, '--database', database, '--engine-command', command).code).toBe(1);
    expect(existsSync(ran)).toBe(true);
    const explained = msrdiff('show', id, '--database', database, '--engine-command', command);
    expect(explained.stdout).toContain('faulty stands alone');
    const sound = ['--engine-command', faultyCommand()];
    expect(msrdiff('replay', id, '--database', database, ...sound).code).toBe(0);
  });

  test('and so are those of a campaign that is resumed', async () => {
    const path = join(folder, 'resumed.db');
    const engine = faultyCommand();
    const args = ['--engines', 'reference,interval', '--accesses', '256', '--seed', '4'];
    const child = startMsrdiff(...['fuzz', '--database', path, ...args, '--seconds', '60', '--engine-command', engine]);
    const end = exited(child);
    await new Promise<void>((resolve) => child.stderr!.once('data', () => resolve()));
    child.kill('SIGINT');
    const { stdout } = await end;
    expect(stdout).toContain(`--resume 1 --engine-command '${engine}'`);
    const resume = (...more: string[]) => msrdiff('fuzz', '--database', path, '--resume', '--cases', '64', ...more);
    expect(resume()).toMatchObject({ code: 2 });
    expect(resume().stderr).toContain(`add --engine-command '${engine}'`);
    expect(resume('--engine-command', engine, '--engine-command', 'true').stderr).toContain('does not run "true"');
    expect(resume('--engine-command', engine)).toMatchObject({ code: 0 });
  });
});
