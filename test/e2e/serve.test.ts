import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { exited, msrdiff, type Outcome, scratchFolder, start } from './cli.ts';

const folder = scratchFolder();
const database = join(folder, 'serve.db');
const running = new Set<ChildProcess>();

beforeAll(() => {
  const campaign = ['--cases', '32', '--seed', '3', '--engines', 'reference,canary', '--workers', '1'];
  expect(msrdiff('fuzz', ...campaign, '--database', database).code).toBe(1);
});
afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
  running.clear();
});

/** Its address, once it has printed that, and what it ends with. */
async function serve(...args: string[]): Promise<{ url: string; child: ChildProcess; outcome: Promise<Outcome> }> {
  const child = start('serve', '--database', database, '--port', '0', ...args);
  running.add(child);
  const outcome = exited(child);
  const line = await Promise.race([
    once(child.stdout!, 'data').then(([chunk]) => String(chunk)),
    outcome.then(({ stderr }) => Promise.reject(new Error(stderr))),
  ]);
  expect(line).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/\n$/);
  return { url: line.trim(), child, outcome };
}

// biome-ignore lint/suspicious/noExplicitAny: whatever the server says, checked by the tests.
async function json(answer: Response | Promise<Response>): Promise<any> {
  return (await answer).json();
}

function post(url: string, body: unknown): Promise<Response> {
  const headers = { origin: new URL(url).origin, 'content-type': 'application/json' };
  return fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
}

test('a page over a campaign, until Ctrl-C', async () => {
  const { url, child, outcome } = await serve();
  const page = await fetch(url);
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(await page.text()).toMatch(/^<!doctype html>/i);
  const overview = await json(fetch(`${url}api/overview`));
  expect(overview).toMatchObject({ database, readOnly: false, campaigns: [{ id: 1, state: 'finished' }] });
  const { rows } = await json(fetch(`${url}api/divergences?engine=canary`));
  const [{ id }] = rows;
  const { explanation } = await json(fetch(`${url}api/divergences/${id}/explanation`));
  expect(explanation.standsAlone).toEqual(['canary']);
  const { scenario, profile } = await json(fetch(`${url}api/divergences/${id}`));
  const run = await json(post(`${url}api/run`, { scenario, profile, divergence: id }));
  expect(run.engines).toEqual(['reference', 'interval', 'vmx', 'svm', 'canary']);

  // What the page hears of, told by another process.
  const events = (await fetch(`${url}api/events`)).body!.getReader();
  let heard = '';
  const hearing = (async () => {
    while (!heard.includes('event: changed')) heard += Buffer.from((await events.read()).value!).toString();
  })();
  await expect.poll(() => heard).not.toBe('');
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  expect(msrdiff('triage', id, '--status', 'known', '--author', 'me', '--database', database).code).toBe(0);
  await hearing;
  expect((await json(fetch(`${url}api/overview`))).counts.known).toBe(1);
  const changed = await post(`${url}api/divergences/${id}/status`, { status: 'fixed', note: 'done', author: 'you' });
  expect(await json(changed)).toMatchObject({ status: 'fixed', history: [{ author: 'me' }, { author: 'you' }] });

  // With a stream still open.
  child.kill('SIGINT');
  expect(await outcome).toEqual({ code: 0, stdout: `${url}\n`, stderr: '' });
  expect(msrdiff('triage', id, '--database', database).stdout).toContain('fixed');
});

test('while a campaign is writing', async () => {
  const { url, child, outcome } = await serve();
  const campaign = start('fuzz', '--cases', '64', '--engines', 'reference,canary', '--database', database);
  running.add(campaign);
  const ended = exited(campaign);
  let states: string[] = [];
  await expect
    .poll(
      async () => {
        const answer = await fetch(`${url}api/overview`);
        expect(answer.status).toBe(200);
        const { campaigns } = await json(answer);
        states = campaigns.map(({ state }: { state: string }) => state);
        return states.length;
      },
      { timeout: 30_000 },
    )
    .toBe(2);
  const { rows } = await json(fetch(`${url}api/divergences`));
  expect((await post(`${url}api/divergences/${rows[0].id}/status`, { note: 'x', author: 'me' })).status).toBe(200);
  expect((await ended).stderr).not.toContain('msrdiff:');
  child.kill('SIGTERM');
  expect((await outcome).code).toBe(0);
});

test('--read-only and --token', async () => {
  const token = 'sixteen-letters-';
  const { url } = await serve('--read-only', '--token', token);
  expect((await fetch(`${url}api/overview`)).status).toBe(401);
  const first = await fetch(`${url}?token=${token}`, { redirect: 'manual' });
  expect([first.status, first.headers.get('location')]).toEqual([302, '/']);
  const cookie = first.headers.get('set-cookie')!.split(';')[0]!;
  const overview = await fetch(`${url}api/overview`, { headers: { cookie } });
  expect((await json(overview)).readOnly).toBe(true);
});

describe('refused, in one line', () => {
  const missing = join(folder, 'missing.db');
  const text = join(folder, 'text.db');
  writeFileSync(text, 'This is no database, but a text that is longer than a header of SQLite would be.'.repeat(20));
  test.each([
    [['--database', missing], /does not exist/],
    [['--database', join(text, 'x')], /does not exist/],
    [['--database', text], /is not an SQLite database/],
    [['--host', '0.0.0.0', '--database', database], /--host 0\.0\.0\.0 can be reached by others: add --token/],
    [['--host', '0.0.0.0', '--token', 'short', '--database', database], /at least 16/],
    [['--host', '203.0.113.7', '--token', 'x'.repeat(16), '--database', database], /no address of this machine/],
    [['--port', '70000', '--database', database], /from 0 to 65535/],
  ] as const)('%j', (args, pattern) => {
    const { code, stdout, stderr } = msrdiff('serve', '--port', '0', ...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(pattern);
    expect(
      stderr
        .trim()
        .split('\n')
        .filter((line) => !line.startsWith('(see')),
    ).toHaveLength(1);
    expect(existsSync(missing)).toBe(false);
  });
  test('a port in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const { code, stderr } = msrdiff('serve', '--database', database, '--port', String(port));
    other.close();
    expect(code).toBe(2);
    expect(stderr).toMatch(/^msrdiff: address 127\.0\.0\.1 port \d+ is in use: choose another --port.*\n$/);
  });
});
