import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MAX_CHUNK } from './mailbox.ts';
import type { Ended, MailboxMachine } from './transport.ts';
import { MailboxTransport } from './transport-mailbox.ts';

/** The machine's side, as native/transfer-mailbox.c has it: echoes, and does what a chunk of these words asks for. */
const MACHINE = `
const { openSync, readSync, writeSync, writeFileSync } = require('node:fs');
const image = openSync('mailbox', 'r+');
const printer = openSync('printer', 'w');
const ring = (text) => writeSync(printer, text);
const read = (position, length) => {
  const bytes = Buffer.alloc(length);
  readSync(image, bytes, 0, length, position);
  return bytes;
};
const sum = (bytes) => {
  let hash = 0x811c9dc5;
  const padded = Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
  for (let i = 0; i < padded.length; i += 4) hash = Math.imul(hash ^ padded.readUInt32LE(i), 0x01000193);
  return hash >>> 0;
};
let sequence = 0;
let produced = 0;
const send = (content, damage) => {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(content.length, 0);
  header.writeUInt32LE((sum(content) ^ damage) >>> 0, 4);
  while (produced - read(0, 28).readUInt32LE(20) >= 16);
  writeSync(image, Buffer.concat([header, content]), 0, 8 + content.length, (256 + (produced++ % 16) * 128) * 512);
  ring('S');
};
ring('!R');
for (let polls = 0; ; polls++) {
  const header = read(0, 512);
  if (header.readUInt32LE(24) !== sum(header.subarray(0, 24)) || header.readUInt32LE(4) === sequence) {
    if (polls > 100) ring('.'.repeat(64));
    continue;
  }
  polls = 0;
  sequence = header.readUInt32LE(4);
  const length = header.readUInt32LE(8);
  if (header.readUInt32LE(12) & 1) process.exit(1);
  const chunk = length <= 484 ? header.subarray(28, 28 + length) : read(512, length);
  if (sum(chunk) !== header.readUInt32LE(16)) ring('B');
  ring('T');
  const word = chunk.length < 20 ? chunk.toString() : '';
  if (word === 'reset') ring('!');
  if (word === 'damage') send(chunk, 1);
  if (word === 'panic') {
    writeFileSync('console', '[ 1.0] Kernel panic - not syncing: Oh\\n[ 1.1] Kernel Offset: disabled\\n');
    process.exit(1);
  }
  if (word === 'bochs') {
    writeFileSync('messages', '00000p[CPU0  ] >>PANIC<< not implemented\\n');
    process.exit(1);
  }
  for (let at = 0; at < chunk.length; at += 65528) send(chunk.subarray(at, at + 65528), 0);
}
`;

let folder: string;
let before: string | undefined;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'msrdiff-test-'));
  writeFileSync(join(folder, 'machine.cjs'), MACHINE);
  before = process.env.TMPDIR;
  process.env.TMPDIR = folder;
});
afterAll(() => {
  if (before === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = before;
  rmSync(folder, { recursive: true });
});

const machine: MailboxMachine = {
  kind: 'mailbox',
  files: { settings: 'text\n' },
  links: {},
  mailbox: 'mailbox',
  printer: 'printer',
  messages: 'messages',
  console: 'console',
};

function start(argv = [process.execPath, join(folder, 'machine.cjs')]) {
  const received: Buffer[] = [];
  let wake = () => {};
  let ended: Ended | undefined;
  const events = {
    onData: (chunk: Uint8Array) => {
      received.push(Buffer.from(chunk));
      wake();
    },
    onEnd: (end: Ended) => {
      ended = end;
      wake();
    },
  };
  const transport = new MailboxTransport({ argv, transport: machine, startMs: 0 }, machine, events);
  const until = async (done: () => boolean) => {
    while (!done()) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return {
    transport,
    send: (text: string) => transport.write(Buffer.from(text)),
    bytes: async (count: number) => {
      await until(() => received.reduce((sum, { length }) => sum + length, 0) >= count || ended !== undefined);
      return Buffer.concat(received);
    },
    end: async () => {
      await until(() => ended !== undefined);
      return ended!;
    },
  };
}

const leftovers = () => readdirSync(folder).filter((name) => name.startsWith('.msrdiff-'));

describe('MailboxTransport', () => {
  it('moves bytes of all sizes in order, wakes the machine up, and cleans up at the end', async () => {
    const { transport, bytes, end } = start();
    expect(leftovers()).toHaveLength(1);
    expect(existsSync(join(folder, leftovers()[0]!, 'settings'))).toBe(true);
    const sent: Buffer[] = [];
    for (const size of [1, 484, 485, 3, MAX_CHUNK, 3 * MAX_CHUNK + 5, 7]) {
      sent.push(Buffer.from(Uint8Array.from({ length: size }, (_, index) => index * 13 + size)));
      await transport.write(sent.at(-1)!);
    }
    const all = Buffer.concat(sent);
    expect((await bytes(all.length)).equals(all)).toBe(true);
    // Long enough for the pipe to be full of the machine's waiting.
    await new Promise((resolve) => setTimeout(resolve, 500));
    await transport.write(Buffer.from('more'));
    expect((await bytes(all.length + 4)).length).toBe(all.length + 4);
    transport.finish();
    expect(await end()).toMatchObject({ code: 1, signal: null });
    expect(leftovers()).toEqual([]);
  });

  it.each([
    ['reset', /^the machine was reset/],
    ['damage', /^bytes from the machine fail their checksum$/],
    ['panic', /^Kernel panic - not syncing: Oh$/],
    ['bochs', /^Bochs: not implemented$/],
  ])('tells the reason of an end: %s', async (word, reason) => {
    const { send, end } = start();
    await send(word);
    expect((await end()).lastLine).toMatch(reason);
    expect(leftovers()).toEqual([]);
  });

  it('ends a machine that is idle when it is told to', async () => {
    const { transport, send, bytes, end } = start();
    await send('hello');
    await bytes(5);
    await new Promise((resolve) => setTimeout(resolve, 300));
    transport.kill();
    expect(await end()).toEqual({ code: null, signal: 'SIGKILL', lastLine: '' });
    expect(leftovers()).toEqual([]);
  });

  it('tells that a program cannot be started', async () => {
    expect(await start(['/nonexistent/bochs']).end()).toMatchObject({ startError: 'ENOENT' });
    expect(leftovers()).toEqual([]);
  });
});
