import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { HOST, pageFolder, scratchFolder, testServer } from './app.fixture.ts';
import { loadPage } from './static.ts';

const { app, get } = await testServer();
const SCRIPT = '/assets/main-1a2b3c4d.js';

test.each(['/', '/index.html', '/divergences/aa01', '/campaigns/1/'])('%s is the page', async (path) => {
  const { status, headers, text } = await get(path);
  expect(status).toBe(200);
  expect(headers.get('content-type')).toMatch(/^text\/html/);
  expect(headers.get('cache-control')).toBe('no-cache');
  expect(text).toContain('<title>page</title>');
});

test('assets are kept for good', async () => {
  const { headers, text } = await get(SCRIPT);
  expect(headers.get('content-type')).toMatch(/javascript/);
  expect(headers.get('cache-control')).toContain('immutable');
  expect(headers.get('content-encoding')).toBeNull();
  const etag = headers.get('etag')!;
  expect((await get(SCRIPT, { host: HOST, 'if-none-match': etag })).status).toBe(304);
  expect((await get(SCRIPT, { host: HOST, 'if-none-match': '"other"' })).text).toBe(text);
});

test.each([
  ['gzip, deflate, br', 'br', brotliDecompressSync],
  ['gzip;q=0.5', 'gzip', gunzipSync],
] as const)('packed for %s', async (accepted, coding, unpack) => {
  const answer = await app.request(`http://${HOST}${SCRIPT}`, { headers: { host: HOST, 'accept-encoding': accepted } });
  expect(answer.headers.get('content-encoding')).toBe(coding);
  expect(answer.headers.get('vary')).toContain('Accept-Encoding');
  expect(answer.headers.get('etag')).toMatch(new RegExp(`-${coding}"$`));
  expect(unpack(Buffer.from(await answer.arrayBuffer())).toString()).toBe((await get(SCRIPT)).text);
});

test('a picture is not packed again', async () => {
  const { headers } = await get('/assets/icon-5e6f7a8b.png', { host: HOST, 'accept-encoding': 'br' });
  expect(headers.get('content-encoding')).toBeNull();
});

test.each([
  '/missing.js',
  '/assets/../../package.json',
  '/%2e%2e/%2e%2e/package.json',
  '/..%2f..%2fpackage.json',
  '/assets/%2e%2e%2findex.html.bak',
  '/..%5c..%5cpackage.json',
])('%s is not there', async (path) => {
  const { status, text } = await get(path);
  expect(status).toBe(404);
  expect(text.trim().split('\n')).toHaveLength(1);
});

test('other methods', async () => {
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    expect((await app.request(`http://${HOST}/`, { method, headers: { host: HOST } })).status).toBe(404);
  }
  const head = await app.request(`http://${HOST}/`, { method: 'HEAD', headers: { host: HOST } });
  expect(head.status).toBe(200);
  expect(await head.text()).toBe('');
});

test('what is added later is not served', async () => {
  const folder = pageFolder();
  const page = loadPage(folder);
  writeFileSync(join(folder, 'late.txt'), 'late');
  expect([...page.keys()].sort()).toEqual(['/assets/icon-5e6f7a8b.png', SCRIPT, '/index.html']);
});

test('a page that is not built', () => {
  expect(() => loadPage(join(scratchFolder(), 'nothing'))).toThrow(/npm run build/);
  expect(() => loadPage(scratchFolder())).toThrow(/npm run build/);
});
