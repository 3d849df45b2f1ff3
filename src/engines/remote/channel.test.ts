import { closeSync, fstatSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Channel } from './channel.ts';
import type { Launch } from './transport.ts';

/** A machine that is gone at once. */
const LAUNCH: Launch = {
  argv: ['sh', '-c', 'exit 3'],
  transport: {
    kind: 'mailbox',
    files: {},
    links: {},
    mailbox: 'mailbox',
    printer: 'printer',
    messages: 'messages',
    console: 'console',
  },
  startMs: 10_000,
};

test('the end of a thread closes no file of another one', async () => {
  const channel = Channel.open(LAUNCH);
  expect(channel.receive(performance.now() + 10_000)).toMatchObject({ code: 3 });
  // These get the numbers that the machine's pipe and mailbox had.
  const files = Array.from({ length: 16 }, () => openSync('/dev/null', 'r'));
  channel.close();
  await sleep(500);
  for (const file of files) expect(() => fstatSync(file)).not.toThrow();
  for (const file of files) closeSync(file);
});
