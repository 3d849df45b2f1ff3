import { expect, test } from 'vitest';
import { HOST, testServer } from './app.fixture.ts';
import { ChangeFeed, MAX_CLIENTS } from './change-feed.ts';

/** Reads until the text has come, or the stream ends. */
async function readUntil(reader: ReadableStreamDefaultReader<Uint8Array>, wanted: string): Promise<string> {
  let text = '';
  while (!text.includes(wanted)) {
    const { done, value } = await reader.read();
    if (done) break;
    text += Buffer.from(value).toString();
  }
  return text;
}

test('a change by another connection is told, and what the server does itself', async () => {
  const { app, writer, feed, post } = await testServer();
  const answer = await app.request(`http://${HOST}/api/events`, { headers: { host: HOST } });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toBe('text/event-stream');
  const reader = answer.body!.getReader();
  await readUntil(reader, ': listening\n\n');
  // Until the feed has seen how things are, nothing is a change.
  await expect.poll(() => Reflect.get(feed, 'last')).toBeDefined();
  await writer.setStatus('aa01', { note: 'seen', author: 'me' });
  expect(await readUntil(reader, '\n\n')).toBe('event: changed\ndata: 1\n\n');
  await post('/api/divergences/aa01/status', { note: 'again', author: 'me' });
  expect(await readUntil(reader, '\n\n')).toBe('event: changed\ndata: 1\n\n');
  feed.close();
  expect(await readUntil(reader, 'never')).toBe('');
});

test('one poll for all, none while nobody listens, and so many at most', async () => {
  let polls = 0;
  const feed = new ChangeFeed(async () => ++polls, { pollMs: 5, heartbeatMs: 10_000 });
  const heard: string[] = [];
  const leave = Array.from({ length: MAX_CLIENTS }, (_, i) => feed.subscribe((event) => heard.push(`${i} ${event}`)));
  expect(feed.subscribe(() => {})).toBeUndefined();
  await expect.poll(() => heard.includes('63 changed')).toBe(true);
  const changes = heard.filter((line) => line === '0 changed').length;
  expect(heard.filter((line) => line === '63 changed')).toHaveLength(changes);
  for (const stop of leave) stop!();
  const before = polls;
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(polls).toBe(before);
  expect(feed.subscribe(() => {})).toBeDefined();
  feed.close();
  expect(feed.subscribe(() => {})).toBeUndefined();
});

test('nothing changes: heartbeats alone', async () => {
  const feed = new ChangeFeed(async () => 1, { pollMs: 2, heartbeatMs: 10 });
  const heard: string[] = [];
  feed.subscribe((event) => heard.push(event));
  await expect.poll(() => heard.length).toBeGreaterThan(3);
  feed.close();
  expect(new Set(heard)).toEqual(new Set(['heartbeat', 'closed']));
  expect(heard.at(-1)).toBe('closed');
});

test('a database that is locked for a while ends nothing', async () => {
  let polls = 0;
  const feed = new ChangeFeed(
    async () => {
      if (++polls === 2) throw new Error('locked');
      return polls < 4 ? 1 : 2;
    },
    { pollMs: 2, heartbeatMs: 10_000 },
  );
  const heard: string[] = [];
  feed.subscribe((event) => heard.push(event));
  await expect.poll(() => heard).toEqual(['changed']);
  feed.close();
});
