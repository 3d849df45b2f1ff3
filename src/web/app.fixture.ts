/** What the tests of the server share: a database, a page and an app over them, asked without a socket. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Hono } from 'hono';
import { atEnd } from '../../test/at-end.ts';
import { type EngineSpec, engineSpecs } from '../engines/registry.ts';
import { RunThread } from '../fuzz/run-thread.ts';
import { createCampaign, divergence, shardRecord } from '../store/store.fixture.ts';
import { Store } from '../store/store.ts';
import { hostValues } from './addresses.ts';
import { type AppOptions, createApp } from './app.ts';
import { ChangeFeed } from './change-feed.ts';
import { loadPage } from './static.ts';

export const HOST = '127.0.0.1:6174';
export const ORIGIN = `http://${HOST}`;
/** Headers of a request that the page itself would send. */
export const OWN = { host: HOST, origin: ORIGIN, 'content-type': 'application/json' };

export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'msrdiff-test-'));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A page as Vite leaves it. */
export function pageFolder(): string {
  const folder = scratchFolder();
  mkdirSync(join(folder, 'assets'));
  writeFileSync(join(folder, 'index.html'), '<!doctype html><title>page</title>');
  writeFileSync(join(folder, 'assets', 'main-1a2b3c4d.js'), `/* ${'long '.repeat(600)} */`);
  writeFileSync(join(folder, 'assets', 'icon-5e6f7a8b.png'), new Uint8Array(2000));
  return folder;
}

export interface Asked {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the server says, checked by the tests.
  readonly json: any;
}

export interface TestServer {
  readonly app: Hono;
  readonly path: string;
  readonly writer: Store;
  readonly feed: ChangeFeed;
  get(path: string, headers?: Record<string, string>): Promise<Asked>;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Asked>;
}

export interface TestServerOptions extends Partial<Pick<AppOptions, 'access' | 'engines' | 'commands' | 'thread'>> {
  readonly readOnly?: boolean;
  /** Recorded by campaign 1, with these engines. */
  readonly divergences?: readonly ReturnType<typeof divergence>[];
  readonly stored?: readonly EngineSpec[];
}

/** Goes with the test file. */
export async function testServer(options: TestServerOptions = {}): Promise<TestServer> {
  const path = join(scratchFolder(), 'test.db');
  const stored = options.stored ?? engineSpecs(['reference', 'svm'], []);
  const writer = await Store.open(path);
  const campaign = await createCampaign(writer);
  await writer.recordShard(
    shardRecord(campaign, 0, options.divergences ?? [divergence('aa01'), divergence('aa02')]),
    stored,
  );
  const reader = await Store.open(path, { readOnly: true });
  const feed = new ChangeFeed(() => reader.dataVersion(), { pollMs: 20, heartbeatMs: 10_000 });
  const thread = options.thread ?? new RunThread();
  const app = createApp({
    ...{ version: '1.2.3', database: 'test.db', reader, feed, thread },
    writer: options.readOnly ? undefined : writer,
    access: options.access ?? { hosts: hostValues({ host: '127.0.0.1', port: 6174, allowed: [] }), token: undefined },
    page: loadPage(pageFolder()),
    engines: options.engines ?? engineSpecs(['reference', 'interval', 'vmx', 'svm'], []),
    commands: options.commands ?? [],
  });
  atEnd(async () => {
    feed.close();
    await Promise.all([thread.close(), reader.close(), writer.close()]);
  });
  const ask = async (target: string, init: RequestInit): Promise<Asked> => {
    const answer = await app.request(`http://${HOST}${target}`, init);
    const text = await answer.text();
    const isJson = answer.headers.get('content-type')?.startsWith('application/json');
    return { status: answer.status, headers: answer.headers, text, json: isJson ? JSON.parse(text) : undefined };
  };
  return {
    ...{ app, path, writer, feed },
    get: (target, headers = { host: HOST }) => ask(target, { headers }),
    post: (target, body, headers = OWN) =>
      ask(target, { method: 'POST', headers, body: typeof body === 'string' ? body : JSON.stringify(body) }),
  };
}
