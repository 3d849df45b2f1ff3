import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { engineSpecs } from '../../../src/engines/registry.ts';
import type { RunThread } from '../../../src/fuzz/run-thread.ts';
import { createApp } from '../../../src/web/app.ts';
import { ChangeFeed } from '../../../src/web/change-feed.ts';
import { loadPage } from '../../../src/web/static.ts';
import { openRows, ROWS_SEED } from '../rows-database.ts';
import { asText, checkMessage, expect, type Target } from '../target.ts';
import { SCENARIO_SEEDS, SCENARIO_WORDS } from './scenario.ts';

const HOST = '127.0.0.1:6174';
const TOKEN = 'token';
const STATUSES = [200, 302, 304, 400, 401, 403, 404, 405, 409, 413, 415, 503];

const page = mkdtempSync(join(tmpdir(), 'msrdiff-hunt-'));
process.on('exit', () => rmSync(page, { recursive: true, force: true }));
mkdirSync(join(page, 'assets'));
writeFileSync(join(page, 'index.html'), '<!doctype html><title>page</title>');
writeFileSync(join(page, 'assets', 'main-1a2b3c4d.js'), '// script');

const store = (await openRows(ROWS_SEED))!;
const feed = new ChangeFeed(() => store.dataVersion(), { pollMs: 3_600_000, heartbeatMs: 3_600_000 });
// What runs is tested elsewhere; here it is what comes in.
const thread = { run: async () => ({ engines: [], accesses: [], pages: [], absent: [] }) } as unknown as RunThread;

function server(token: string | undefined) {
  return createApp({
    ...{ version: '1', database: 'test.db', reader: store, writer: store, feed, thread },
    access: { hosts: new Set([HOST]), token },
    page: loadPage(page),
    engines: engineSpecs(['reference'], []),
    commands: [],
  });
}

const open = server(undefined);
const closed = server(TOKEN);

function request(method: string, path: string, headers: Record<string, string> = {}, body?: unknown): string {
  return JSON.stringify({ method, path, token: false, headers, ...(body === undefined ? {} : { body }) });
}

const POST = { origin: `http://${HOST}`, 'content-type': 'application/json' };
const RUN = { scenario: SCENARIO_SEEDS[0], profile: '6.1', divergence: 'aa01' };

interface Given {
  readonly method?: unknown;
  readonly path?: unknown;
  readonly token?: unknown;
  readonly headers?: unknown;
  readonly body?: unknown;
}

/** Undefined where the parts are none that a client could send: fetch's own Request refuses them. */
function requestOf({ method, path, headers, body }: Given): Request | undefined {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const entries = Object.entries(typeof headers === 'object' && headers !== null ? headers : {});
  try {
    const address = new URL(`http://${HOST}/`);
    const [pathname, query] = String(path).split('?', 2);
    address.pathname = pathname!;
    if (query !== undefined) address.search = query;
    return new Request(address, {
      method: String(method),
      headers: [['host', HOST], ...entries.map(([name, value]): [string, string] => [name, String(value)])].filter(
        ([name], i, all) => all.findLastIndex(([other]) => other!.toLowerCase() === name!.toLowerCase()) === i,
      ) as [string, string][],
      ...(text === undefined || ['GET', 'HEAD'].includes(String(method).toUpperCase()) ? {} : { body: text }),
    });
  } catch {
    return undefined;
  }
}

/** Every route, method, header, query and body, asked of the server in this process. */
export const target: Target = {
  name: 'http',
  form: 'json',
  seeds: [
    request('GET', '/api/overview'),
    request('GET', '/api/profiles'),
    request('GET', '/api/campaigns/1/progress'),
    request('GET', '/api/divergences?status=new,fixed&msr=IA32_TSC&order=size&limit=10&offset=0&reopened=1&verdict=gp'),
    request('GET', '/api/divergences?engine=svm&between=a,b&rule=x&profile=6.1&campaign=1&text=a&kind=verdict'),
    request('GET', '/api/divergences/aa01'),
    request('GET', '/api/divergences/aa01/explanation'),
    ...['json', 'binary', 'vitest', 'c', 'kselftest', 'markdown'].map((format) =>
      request('GET', `/api/divergences/aa01/export/${format}`),
    ),
    request('GET', '/api/events'),
    request('GET', '/assets/main-1a2b3c4d.js', { 'accept-encoding': 'gzip', 'if-none-match': '"x"' }),
    request('GET', '/?token=token', { 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate' }),
    request('POST', '/api/divergences/aa01/status', POST, { status: 'known', note: 'n', author: 'a' }),
    request('POST', '/api/run', POST, RUN),
  ],
  words: [
    ...[
      'method',
      'path',
      'headers',
      'body',
      'host',
      'origin',
      'sec-fetch-site',
      'sec-fetch-mode',
      'content-type',
      'cookie',
    ],
    ...[
      'content-length',
      'authorization',
      'Bearer token',
      'application/json; x',
      'same-origin',
      'navigate',
      'if-none-match',
    ],
    ...[
      'GET',
      'POST',
      'PUT',
      'DELETE',
      'HEAD',
      'OPTIONS',
      'PATCH',
      '/api/',
      '/api',
      '//',
      '/%2e%2e/',
      '/assets/',
      '*',
      '"*"',
    ],
    ...[
      'status',
      'note',
      'author',
      'scenario',
      'profile',
      'divergence',
      '?limit=0',
      '&limit=201',
      '?x=1&x=2',
      '?msr=%',
    ],
    ...SCENARIO_WORDS,
  ],
  sources: ['src/web/'],
  async run(input) {
    let given: Given;
    try {
      given = JSON.parse(asText(input));
    } catch {
      return;
    }
    if (typeof given !== 'object' || given === null) return;
    const asked = requestOf(given);
    if (!asked) return;
    const answer = await (given.token === true ? closed : open).fetch(asked);
    const { status } = answer;
    if (answer.headers.get('content-type')?.startsWith('text/event-stream')) {
      await answer.body?.cancel();
      return;
    }
    const text = await answer.text();
    expect(STATUSES.includes(status), `the status ${status}: ${text}`);
    expect(answer.headers.get('x-frame-options') === 'DENY', 'an answer without its headers');
    if (status < 400 || text === '') return;
    const isJson = answer.headers.get('content-type')?.startsWith('application/json');
    checkMessage(isJson ? String(JSON.parse(text).error) : text.trimEnd());
  },
};
