import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Redis } from 'ioredis';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { resultsKey, statusKey } from '../../src/queue/keys.ts';
import { liveRuns, readRun } from '../../src/queue/runs.ts';
import { Store } from '../../src/store/store.ts';
import { expectRefusal, lastJson, msrdiff, type Outcome, scratchFolder } from '../e2e/cli.ts';
import {
  freePort,
  NO_REDIS,
  type RedisServer,
  startProcess,
  startRedis,
  startWorker,
  told,
  type WorkerProcess,
} from './redis.ts';

const CAMPAIGN = ['--seed', '77', '--cases', '640', '--accesses', '64', '--engines', 'reference,interval,svm,canary'];
/** Nothing to reduce: shards take a tenth of a second. */
const AGREEING = ['--seed', '78', '--cases', '1280', '--accesses', '64', '--engines', 'reference,interval'];

/** Forty shards: long enough to be stopped twice. */
const LONG = CAMPAIGN.with(3, '2560');

/** What must be the same wherever the shards ran. */
function essence(outcome: Outcome): Record<string, unknown> {
  const { cases, accesses, verdicts, divergences, known, coverage, digest, samples } = lastJson(outcome);
  return { code: outcome.code, cases, accesses, verdicts, divergences, known, coverage, digest, samples };
}

async function stored(database: string): Promise<unknown> {
  const store = await Store.open(database, { readOnly: true });
  try {
    const divergences = await store.divergences();
    const occurrences = await Promise.all(divergences.map(({ id }) => store.occurrences(id)));
    return {
      divergences: divergences.map(({ id, scenario, expected, got, size }) => ({ id, scenario, expected, got, size })),
      occurrences: occurrences.map((rows) => rows.map(({ cases, firstCase }) => ({ cases, firstCase }))),
      coverage: await store.coverage(1),
    };
  } finally {
    await store.close();
  }
}

if (NO_REDIS !== '') console.log(`test/queue: ${NO_REDIS}`);

describe.skipIf(NO_REDIS !== '')('a campaign on a queue', { timeout: 240_000 }, () => {
  const folder = scratchFolder();
  let server: RedisServer;
  let embedded: Outcome;
  let agreeing: Outcome;
  let whole: Outcome;
  const database = (name: string): string => join(folder, `${name}.db`);
  const fuzz = (name: string, ...args: string[]): WorkerProcess =>
    startProcess('fuzz', '--json', '--queue', server.url, '--database', database(name), ...args);
  const workers: WorkerProcess[] = [];
  const worker = (...args: string[]): WorkerProcess => {
    const started = startWorker(server.url, ...args);
    workers.push(started);
    return started;
  };

  beforeAll(async () => {
    server = await startRedis(folder);
    embedded = msrdiff('fuzz', '--json', '--database', database('embedded'), '--workers', '2', ...CAMPAIGN);
    expect(embedded.code).toBe(1);
    agreeing = msrdiff('fuzz', '--json', '--database', database('agreeing'), '--workers', '2', ...AGREEING);
    expect(agreeing.code).toBe(0);
    whole = msrdiff('fuzz', '--json', '--database', database('whole'), '--workers', '2', ...LONG);
  }, 240_000);

  afterEach(async () => {
    for (const { process } of workers) process.kill('SIGTERM');
    for (const { ended } of workers.splice(0)) await ended;
  });

  it('is the embedded one, with one worker and with four', async () => {
    const results: unknown[] = [];
    for (const count of [1, 4]) {
      while (workers.length < count) worker();
      const outcome = await fuzz(`w${count}`, ...CAMPAIGN).ended;
      expect(essence(outcome)).toEqual(essence(embedded));
      results.push(await stored(database(`w${count}`)));
    }
    const expected = await stored(database('embedded'));
    expect(results).toEqual([expected, expected]);
    // Nothing is left in Redis but how it ended.
    for (const { process } of workers) process.kill('SIGTERM');
    for (const { ended } of workers.splice(0)) await ended;
    const left = async (): Promise<string[]> =>
      (await server.redis.keys('*')).filter((key) => !key.startsWith('msrdiff:status:'));
    await expect.poll(left).toEqual([]);
  });

  it('is the same with workers that are killed while they work', async () => {
    for (let n = 0; n < 4; n++) worker();
    const run = fuzz('killed', ...CAMPAIGN);
    await told(workers[0]!, /working for it/);
    for (let n = 0; n < 3; n++) {
      await new Promise((resolve) => setTimeout(resolve, 300));
      workers.shift()!.process.kill('SIGKILL');
      worker();
    }
    expect(essence(await run.ended)).toEqual(essence(embedded));
    expect(await stored(database('killed'))).toEqual(await stored(database('embedded')));
  });

  it('is followed from elsewhere, and ends there as it ends', async () => {
    const run = fuzz('followed', ...AGREEING);
    await told(run, /waiting for a worker/);
    const follower = startProcess('fuzz', '--queue', server.url, '--attach', 'followed', '--json');
    await told(follower, /following .*followed\.db, seed 78/);
    worker();
    const [own, followed] = await Promise.all([run.ended, follower.ended]);
    expect(essence(followed)).toEqual(essence(own));
  });

  it('is not followed by what is no status', async () => {
    const run = fuzz('misled', ...AGREEING);
    await told(run, /waiting for a worker/);
    const token = await tokenOf(server.redis, database('misled'));
    for (const [text, problem] of [
      ['{"state":"running","summary":{"seed":1}}', /seed: Invalid input/],
      ['no JSON', /cannot be read/],
    ] as const) {
      await server.redis.set(statusKey(token), text);
      const outcome = await startProcess('fuzz', '--queue', server.url, '--attach', token).ended;
      expectRefusal({ ...outcome, stderr: outcome.stderr.replace(/^following .*\n/, '') }, problem, 3);
    }
    run.process.kill('SIGINT');
    await run.ended;
  });

  it('goes on after its coordinator was killed, on the queue or without one', async () => {
    worker();
    const first = fuzz('resumed', ...LONG);
    await expect.poll(() => shardsIn(database('resumed'))).toBeGreaterThan(2);
    first.process.kill('SIGKILL');
    await first.ended;
    const before = await shardsIn(database('resumed'));
    const second = fuzz('resumed', '--resume');
    await expect.poll(() => shardsIn(database('resumed'))).toBeGreaterThan(before);
    second.process.kill('SIGINT');
    expect((await second.ended).code).toBe(130);
    expect(await shardsIn(database('resumed'))).toBeLessThan(40);
    const last = msrdiff('fuzz', '--json', '--database', database('resumed'), '--resume', '--workers', '2');
    expect(lastJson(last)).toMatchObject({ digest: lastJson(whole).digest, accesses: lastJson(whole).accesses });
    expect(await stored(database('resumed'))).toEqual(await stored(database('whole')));
  });

  it('takes no result that is not as it should be', async () => {
    const run = fuzz('forged', ...AGREEING);
    await told(run, /waiting for a worker/);
    const token = await tokenOf(server.redis, database('forged'));
    const forged = { kind: 'shard', run: 'another', build: 'x', outcome: {} };
    await server.redis.rpush(resultsKey(token), 'no JSON', '{"kind":"shard"}', JSON.stringify(forged));
    worker();
    const outcome = await run.ended;
    expect(outcome.stderr).toMatch(/a result is ignored: a message in the queue/);
    expect(essence(outcome)).toEqual(essence(agreeing));
  });

  it('lets a worker finish what it has begun, and leaves the rest to others', async () => {
    const leaving = worker();
    const run = fuzz('drained', ...LONG);
    await expect.poll(() => shardsIn(database('drained'))).toBeGreaterThan(0);
    leaving.process.kill('SIGTERM');
    const left = await leaving.ended;
    expect({ code: left.code, stderr: left.stderr.replace(/^.*shards\n/gm, '') }).toEqual({ code: 0, stderr: '' });
    expect(left.stdout).toMatch(/left, \d+ shards done here/);
    worker();
    expect(essence(await run.ended)).toEqual(essence(whole));
  });

  it('is refused by workers that lack its engines, and run by those that have them', async () => {
    const module = join(folder, 'mine.mjs');
    writeFileSync(module, 'export default { name: "mine", allowed: () => true };\n');
    const other = join(folder, 'other.mjs');
    writeFileSync(other, 'export default { name: "mine", allowed: () => false };\n');
    const run = fuzz('modules', '--cases', '64', '--seed', '1', '--engines', 'reference', '--engine-module', module);
    worker('--engine-module', other, '--name', 'wrong');
    await told(run, /worker wrong: refused, as the campaign has the engine module .*mine\.mjs/);
    const elsewhere = join(folder, 'elsewhere', 'mine.mjs');
    mkdirSync(dirname(elsewhere));
    writeFileSync(elsewhere, 'export default { name: "mine", allowed: () => true };\n');
    worker('--engine-module', elsewhere);
    const outcome = await run.ended;
    expect(lastJson(outcome)).toMatchObject({ cases: 64, engines: ['reference', 'mine'] });
    expect(outcome.code).toBe(1);
  });

  it('never brings commands to workers that were not given them', async () => {
    const command = `touch ${join(folder, 'owned')}; exit 1`;
    const run = fuzz('commands', '--cases', '64', '--engines', 'reference', '--engine-command', command);
    worker('--name', 'careful');
    await told(run, /worker careful: refused, as an engine is a command, which is only run if this worker is given it/);
    expect(existsSync(join(folder, 'owned'))).toBe(false);
    run.process.kill('SIGINT');
    expect((await run.ended).code).toBe(130);
  });

  it('says what is wrong with a queue', async () => {
    const port = await freePort();
    const away = ['--queue', `redis://:secret@127.0.0.1:${port}`, '--database', database('none')];
    for (const args of [
      ['fuzz', ...away],
      ['worker', ...away.slice(0, 2)],
      ['fuzz', ...away, '--attach'],
    ]) {
      const outcome = msrdiff(...args);
      expect(outcome.stderr).not.toContain('secret');
      expectRefusal({ ...outcome, stdout: outcome.stdout.replace(/^worker .*threads\n/, '') }, /ECONNREFUSED/, 3);
    }
    expectRefusal(msrdiff('fuzz', '--queue', 'localhost'), /is no URL|redis:\/\/HOST:PORT/);
    expectRefusal(msrdiff('fuzz', '--queue', 'http://localhost'), /give redis:\/\/HOST:PORT/);
    expectRefusal(msrdiff('worker'), /needs a queue/);
    expectRefusal(msrdiff('fuzz', '--attach'), /name that with --queue/);
    // The campaign of the test before may not have left yet.
    const runs = async (): Promise<unknown[]> =>
      (await Promise.all((await liveRuns(server.redis)).map((token) => readRun(server.redis, token)))).filter(Boolean);
    await expect.poll(runs).toEqual([]);
    expectRefusal(msrdiff('fuzz', '--queue', server.url, '--attach'), /no campaign runs on this queue/);
    expectRefusal(msrdiff('fuzz', '--queue', server.url, '--workers', '2'), /give it to "msrdiff worker"/);
  });

  const noKvm = existsSync('/dev/kvm') ? '' : 'skipped: /dev/kvm is not there';
  if (noKvm !== '') console.log(`test/queue, kernels: ${noKvm}`);
  it.skipIf(noKvm !== '')('gives shards with samples for a kernel to workers that have it', async () => {
    const args = ['--seed', '3', '--cases', '640', '--accesses', '64', '--engines', 'reference,interval,kvm'];
    args.push('--sample', '200');
    const alone = msrdiff('fuzz', '--json', '--database', database('kvm'), '--workers', '1', ...args);
    const without = worker('--no-kernels');
    const run = fuzz('kernels', ...args);
    const done = (outcome: Outcome): number => Number(/ (\d+) shards done\n$/.exec(outcome.stdout)![1]);
    await told(without, /without kernels, as asked/);
    const having = worker();
    expect(essence(await run.ended)).toEqual(essence(alone));
    for (const { process } of [without, having]) process.kill('SIGTERM');
    // Cases 0, 200, 400 and 600 are in shards 0, 3, 6 and 9.
    expect(done(await having.ended)).toBeGreaterThanOrEqual(4);
    const both = await Promise.all([without.ended, having.ended]);
    expect(both.map(done).reduce((a, b) => a + b)).toBeGreaterThanOrEqual(10);
  });
});

/** What the campaign with this database is called in the queue. */
async function tokenOf(redis: Redis, database: string): Promise<string> {
  for (const token of await liveRuns(redis)) {
    if ((await readRun(redis, token))?.label.endsWith(database)) return token;
  }
  throw new Error(`no run of ${database} is in the queue`);
}

/** Recorded so far; 0 where there is no database yet. */
async function shardsIn(database: string): Promise<number> {
  if (!existsSync(database)) return 0;
  const store = await Store.open(database, { readOnly: true });
  try {
    return Math.ceil(((await store.campaigns())[0]?.cases ?? 0) / 64);
  } catch {
    return 0;
  } finally {
    await store.close();
  }
}
