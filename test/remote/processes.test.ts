/** No process of an engine outlives what started it; and a database runs no commands by itself. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { exited, lastJson, msrdiff, start as startMsrdiff } from '../e2e/cli.ts';
import { faultyCommand, goneProcesses, processesWith, ROOT, scratchFolder, start } from './support.ts';

const folder = scratchFolder();
let marks = 0;
/** An argument that tells the processes of one test. */
const mark = (): string => `mark=${folder}/${marks++}`;

describe('after', () => {
  test('close, an engine that ends by itself is gone at once, one that does not within 3 seconds', async () => {
    const [quick, deaf] = [mark(), mark()];
    const ended = join(folder, 'ended');
    const engines = [start(faultyCommand('none', quick, `ended=${ended}`)), start(faultyCommand('deaf', deaf))];
    expect(processesWith(quick)).toHaveLength(1);
    engines[0]!.close();
    // By itself: a process that is killed writes nothing any more.
    expect(existsSync(ended)).toBe(true);
    expect(processesWith(quick)).toEqual([]);
    const before = performance.now();
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

  test.each(['SIGINT', 'SIGKILL'] as const)('%s during a campaign', async (signal) => {
    const marker = mark();
    const child = startMsrdiff(...campaign(marker, '--seconds', '60'));
    const end = exited(child);
    // Progress: the engines run.
    await new Promise<void>((resolve) => child.stderr!.once('data', () => resolve()));
    expect(processesWith(marker).length).toBeGreaterThan(0);
    child.kill(signal);
    expect((await end).code).toBe(signal === 'SIGKILL' ? null : 130);
    expect(await goneProcesses(marker)).toEqual([]);
  });

  test('a thread that is ended while it waits for nobody', async () => {
    const marker = mark();
    const remote = join(ROOT, 'dist/src/engines/remote/remote-engine.js');
    const argv = JSON.stringify(['sh', '-c', faultyCommand('deaf', marker)]);
    const script = `import(${JSON.stringify(remote)}).then(({ startRemote }) => {
      startRemote({ launch: { argv: ${argv}, transport: 'stdio', startMs: 10000 }, timeoutMs: 10000 });
      require('node:worker_threads').parentPort.postMessage('started');
      for (;;);
    })`;
    const worker = new Worker(script, { eval: true, execArgv: [] });
    await new Promise((resolve) => worker.once('message', resolve));
    expect(processesWith(marker).length).toBeGreaterThan(0);
    await worker.terminate();
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
      ...['--accesses', '256', '--timeout', '5', '--json', '--workers', '1'],
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
