import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lastWords } from './last-words.ts';
import { checksum, MAILBOX_GEOMETRY, MAX_CHUNK, Mailbox } from './mailbox.ts';

let folder: string;
let mailbox: Mailbox;
let machine: number;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'msrdiff-test-'));
  mailbox = new Mailbox(join(folder, 'image'));
  machine = openSync(join(folder, 'image'), 'r+');
});
afterEach(() => {
  closeSync(machine);
  mailbox.close();
  rmSync(folder, { recursive: true });
});

function read(position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  readSync(machine, bytes, 0, length, position);
  return bytes;
}

/** Fields of the header: magic, sequence, length, flags, checksum of the data, slots read, checksum of the header. */
function header(): number[] {
  const bytes = read(0, 28);
  return Array.from({ length: 7 }, (_, index) => bytes.readUInt32LE(index * 4));
}

/** As the machine does it. */
function fillSlot(slot: number, content: Uint8Array): void {
  const bytes = Buffer.alloc(8 + content.length);
  bytes.writeUInt32LE(content.length, 0);
  bytes.writeUInt32LE(checksum(content), 4);
  bytes.set(content, 8);
  writeSync(machine, bytes, 0, bytes.length, (256 + slot * 128) * 512);
}

describe('checksum', () => {
  it('is FNV-1a over words, the last filled up with zeros', () => {
    expect(checksum(new Uint8Array())).toBe(0x811c9dc5);
    expect(checksum(Uint8Array.of(1))).toBe(checksum(Uint8Array.of(1, 0, 0, 0)));
    expect(checksum(Uint8Array.of(1, 2, 3, 4))).toBe(Math.imul(0x811c9dc5 ^ 0x04030201, 0x01000193) >>> 0);
  });
});

describe('Mailbox', () => {
  it('starts without a chunk, with a checksum of the header', () => {
    const fields = header();
    expect(fields.slice(0, 6)).toEqual([0x584f424d, 0, 0, 0, 0, 0]);
    expect(fields[6]).toBe(checksum(read(0, 24)));
    const { cylinders, heads, sectors } = MAILBOX_GEOMETRY;
    expect(cylinders * heads * sectors).toBeGreaterThan(256 + 16 * 128);
  });

  it('publishes short chunks in the header, long ones after it', () => {
    const short = new Uint8Array(484).fill(5);
    mailbox.publish(short);
    expect(header().slice(1, 5)).toEqual([1, 484, 0, checksum(short)]);
    expect(read(28, 484).equals(short)).toBe(true);
    const long = new Uint8Array(MAX_CHUNK).map((_, index) => index * 7);
    mailbox.publish(long);
    expect(header().slice(1, 5)).toEqual([2, MAX_CHUNK, 0, checksum(long)]);
    expect(read(512, MAX_CHUNK).equals(long)).toBe(true);
    mailbox.publish(Uint8Array.of(9, 9, 9));
    expect(read(28, 8)).toEqual(Buffer.of(9, 9, 9, 0, 0, 0, 0, 0));
  });

  it('takes slots in turn and says so twice in each round', () => {
    for (let slot = 0; slot < 20; slot++) {
      const content = new Uint8Array(slot + 1).fill(slot + 1);
      fillSlot(slot % 16, content);
      expect(mailbox.takeSlot()).toEqual(content);
    }
    expect(header()[5]).toBe(16);
  });

  it('notices damage', () => {
    fillSlot(0, Uint8Array.of(1, 2, 3));
    writeSync(machine, Buffer.of(8), 0, 1, 256 * 512 + 9);
    expect(mailbox.takeSlot()).toBeUndefined();
    writeSync(machine, Buffer.alloc(4, 0xff), 0, 4, 256 * 512);
    expect(mailbox.takeSlot()).toBeUndefined();
  });

  it('ends', () => {
    mailbox.end();
    expect(header().slice(1, 4)).toEqual([1, 0, 1]);
  });
});

describe('lastWords', () => {
  it('prefers a panic and its cause, then what the helper says, to the last line', () => {
    const oops = '[ 1.0] BUG: kernel NULL pointer dereference, address: 0\n';
    const panic = '[ 1.1] Kernel panic - not syncing: Fatal exception\n[ 1.2] Kernel Offset: disabled\n';
    expect(lastWords(oops + panic)).toBe(
      'Kernel panic - not syncing: Fatal exception; BUG: kernel NULL pointer dereference, address: 0',
    );
    expect(lastWords(panic)).toBe('Kernel panic - not syncing: Fatal exception');
    expect(lastWords('msrdiff-kvm: module kvm_amd.ko: ...\r\n[ 2.0] reboot: Power down\r\n')).toMatch(
      /^msrdiff-kvm: module/,
    );
    expect(lastWords('first\n  last \n\n')).toBe('last');
    expect(lastWords('')).toBe('');
  });
});
