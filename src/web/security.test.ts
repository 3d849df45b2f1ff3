import { describe, expect, test } from 'vitest';
import { hostValues } from './addresses.ts';
import { HOST, ORIGIN, OWN, testServer } from './app.fixture.ts';

const TOKEN = 'a-token-of-24-characters';
const note = { note: 'seen', author: 'me' };
const server = await testServer();
const locked = await testServer({
  access: { hosts: hostValues({ host: '127.0.0.1', port: 6174, allowed: [] }), token: TOKEN },
});
const readOnly = await testServer({ readOnly: true });

test.each(['/', '/api/overview', '/api/divergences/ff', '/api/nothing', '/missing.js', '/api/divergences?limit=x'])(
  'headers on every answer: %s',
  async (path) => {
    const { headers } = await server.get(path);
    const policy = headers.get('content-security-policy');
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:");
    expect(policy).toContain("connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('cross-origin-opener-policy')).toBe('same-origin');
    expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
    if (path.startsWith('/api')) expect(headers.get('cache-control')).toBe('no-store');
  },
);

test('a refused Host has the headers too', async () => {
  const { status, headers } = await server.get('/', { host: 'evil.example' });
  expect(status).toBe(403);
  expect(headers.get('content-security-policy')).toContain("default-src 'none'");
});

describe('Host', () => {
  test.each([HOST, 'localhost:6174', 'LocalHost:6174', '[::1]:6174'])('%s is answered', async (host) => {
    expect((await server.get('/api/profiles', { host })).status).toBe(200);
  });
  test.each(['rebound.example:6174', '127.0.0.1', '127.0.0.1:80', 'localhost', '', '127.0.0.1:6174.evil.example'])(
    'rebinding: %j is refused',
    async (host) => {
      const { status, json } = await server.get('/api/overview', { host });
      expect(status).toBe(403);
      expect(Object.keys(json)).toEqual(['error']);
    },
  );
  test('without the header', async () => {
    expect((await server.get('/api/overview', {})).status).toBe(403);
  });
  test('names that are allowed, and IPv6', () => {
    const values = hostValues({ host: 'fe80::1', port: 8080, allowed: ['Triage.Example', 'other.example:9'] });
    expect([...values].sort()).toEqual(
      [
        ...['127.0.0.1:8080', 'localhost:8080', '[::1]:8080', '[fe80::1]:8080'],
        ...['triage.example', 'triage.example:8080', 'other.example:9'],
      ].sort(),
    );
  });
});

describe('origin', () => {
  test.each(['http://evil.example', 'http://localhost:6174', 'null', 'http://127.0.0.1:1', `${ORIGIN}.evil.example`])(
    'GET from %s is refused',
    async (origin) => {
      expect((await server.get('/api/overview', { host: HOST, origin })).status).toBe(403);
    },
  );
  test('a request of another site without an origin is refused, a link to the page is not', async () => {
    const site = { host: HOST, 'sec-fetch-site': 'cross-site' };
    expect((await server.get('/api/overview', { ...site, 'sec-fetch-mode': 'no-cors' })).status).toBe(403);
    expect((await server.get('/api/overview', { ...site, 'sec-fetch-mode': 'navigate' })).status).toBe(403);
    expect((await server.get('/', { ...site, 'sec-fetch-mode': 'no-cors' })).status).toBe(403);
    expect((await server.get('/', { ...site, 'sec-fetch-mode': 'navigate' })).status).toBe(200);
  });
});

describe('POST', () => {
  const path = '/api/divergences/aa01/status';
  test('of the page itself', async () => {
    expect((await server.post(path, note)).status).toBe(200);
    const fetched = { host: HOST, 'sec-fetch-site': 'same-origin', 'content-type': 'application/json; charset=utf-8' };
    expect((await server.post(path, note, fetched)).status).toBe(200);
  });
  test.each([
    ['another origin', { ...OWN, origin: 'http://evil.example' }, 403],
    ['no origin', { host: HOST, 'content-type': 'application/json' }, 403],
    ['another site, as the browser says', { ...OWN, 'sec-fetch-site': 'cross-site' }, 403],
    ['no origin, typed by the user', { host: HOST, 'content-type': 'application/json', 'sec-fetch-site': 'none' }, 403],
    ['text/plain, which needs no preflight', { ...OWN, 'content-type': 'text/plain' }, 415],
    ['a form', { ...OWN, 'content-type': 'application/x-www-form-urlencoded' }, 415],
    ['text/plain that mentions JSON', { ...OWN, 'content-type': 'text/plain; application/json' }, 415],
  ])('%s', async (_, headers, status) => {
    const before = await server.writer.history('aa01');
    for (const target of [path, '/api/run']) {
      const answer = await server.post(target, note, headers);
      expect(answer.status).toBe(status);
      expect(Object.keys(answer.json)).toEqual(['error']);
    }
    expect(await server.writer.history('aa01')).toEqual(before);
  });
  test('a body that is too large', async () => {
    const { status, json } = await server.post('/api/run', `"${'x'.repeat(8 << 20)}"`);
    expect(status).toBe(413);
    expect(json.error).toContain('8 MiB');
  });
});

describe('token', () => {
  test.each(['/', '/api/overview', '/assets/main-1a2b3c4d.js', '/api/events'])('%s needs it', async (path) => {
    const { status, text } = await locked.get(path);
    expect(status).toBe(401);
    expect(text).not.toContain(TOKEN);
  });
  test('as a bearer', async () => {
    const bearer = (token: string) => ({ host: HOST, authorization: `Bearer ${token}` });
    expect((await locked.get('/api/overview', bearer(TOKEN))).status).toBe(200);
    for (const wrong of [`${TOKEN}x`, TOKEN.slice(1), TOKEN.toUpperCase(), '']) {
      expect((await locked.get('/api/overview', bearer(wrong))).status).toBe(401);
    }
  });
  test('at the first visit, then as a cookie', async () => {
    const { status, headers } = await locked.get(`/campaigns/1?token=${TOKEN}&tab=2`);
    expect(status).toBe(302);
    expect(headers.get('location')).toBe('/campaigns/1?tab=2');
    const cookie = headers.get('set-cookie')!;
    expect(cookie).toMatch(/; HttpOnly/);
    expect(cookie).toMatch(/; SameSite=Strict/);
    expect(cookie).not.toContain(TOKEN);
    const pair = cookie.split(';')[0]!;
    expect((await locked.get('/api/overview', { host: HOST, cookie: pair })).status).toBe(200);
    expect((await locked.get('/api/overview', { host: HOST, cookie: `${pair}x` })).status).toBe(401);
    expect((await locked.get('/api/overview', { host: HOST, cookie: `msrdiff-6174=${TOKEN}` })).status).toBe(401);
  });
  test('in the address of data it is nothing', async () => {
    expect((await locked.get(`/api/overview?token=${TOKEN}`)).status).toBe(401);
  });
  test('never sends the browser to another host', async () => {
    const { headers } = await locked.get(`//evil.example/?token=${TOKEN}`);
    expect(headers.get('location')).toBe('/evil.example/');
  });
  test('does not replace the origin', async () => {
    const headers = { ...OWN, authorization: `Bearer ${TOKEN}`, origin: 'http://evil.example' };
    expect((await locked.post('/api/divergences/aa01/status', note, headers)).status).toBe(403);
  });
});

test('read-only', async () => {
  const { status, json } = await readOnly.post('/api/divergences/aa01/status', note);
  expect(status).toBe(403);
  expect(json.error).toContain('read-only');
  expect((await readOnly.get('/api/overview')).json.readOnly).toBe(true);
});
