import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { deliver } from './webhook.ts';

interface Received {
  readonly method: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** Answers the nth request with the nth status, the last one for all that follow; 0: not at all. */
async function receiver(...statuses: number[]): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = [];
  server = createServer((request: IncomingMessage, response: ServerResponse) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      const status = statuses[Math.min(received.length, statuses.length - 1)]!;
      received.push({ method: request.method, headers: request.headers, body });
      if (status !== 0) response.writeHead(status, status === 302 ? { Location: '/elsewhere' } : {}).end('thanks');
    });
  });
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, received };
}

const quick = { timeoutMs: 20_000, backoffMs: [1, 1], environment: { SECRET: 'key' } };

it('posts JSON', async () => {
  const { url, received } = await receiver(204);
  expect(await deliver({ url }, '{"a":1}', quick)).toBeNull();
  expect(received).toMatchObject([
    { method: 'POST', body: '{"a":1}', headers: { 'content-type': 'application/json' } },
  ]);
  expect(received[0]!.headers).not.toHaveProperty('x-msrdiff-signature-256');
});

it('signs what it posts', async () => {
  const { url, received } = await receiver(200);
  expect(await deliver({ url, secretEnv: 'SECRET' }, '{"ä":1}', quick)).toBeNull();
  const hmac = createHmac('sha256', 'key').update(Buffer.from('{"ä":1}')).digest('hex');
  expect(received[0]!.headers['x-msrdiff-signature-256']).toBe(`sha256=${hmac}`);
});

it('sends nothing unsigned where a signature is asked for', async () => {
  const { url, received } = await receiver(200);
  expect(await deliver({ url, secretEnv: 'OTHER' }, '{}', quick)).toContain('the environment has no OTHER');
  expect(received).toEqual([]);
});

it('tries three times while the receiver fails', async () => {
  const first = await receiver(503, 429, 200);
  expect(await deliver({ url: first.url }, '{}', quick)).toBeNull();
  expect(first.received).toHaveLength(3);
  server!.close();
  const second = await receiver(500);
  expect(await deliver({ url: second.url }, '{}', quick)).toMatch(
    /^webhook at 127\.0\.0\.1:\d+: answers with status 500$/,
  );
  expect(second.received).toHaveLength(3);
});

it.each([404, 302])('does not insist on what is refused: %d', async (status) => {
  const { url, received } = await receiver(status);
  expect(await deliver({ url }, '{}', quick)).toContain(`status ${status}`);
  expect(received).toHaveLength(1);
});

it('does not wait for ever', async () => {
  const { url, received } = await receiver(0);
  expect(await deliver({ url }, '{}', { ...quick, timeoutMs: 1_000 })).toContain('no answer within 1 s');
  expect(received).toHaveLength(3);
});

it('tells of a receiver that is not there, without the path of its address', async () => {
  const { url } = await receiver(200);
  server!.close();
  await new Promise((resolve) => server!.once('close', resolve));
  const problem = await deliver({ url }, '{}', quick);
  expect(problem).toContain('ECONNREFUSED');
  expect(problem).not.toContain('/hook');
});
