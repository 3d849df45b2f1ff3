/**
 * The disk image through which an emulated machine exchanges bytes. native/transfer-mailbox.c says how, and is the other
 * side.
 */
import { closeSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';

const SECTOR = 512;
const INBOX = 1 * SECTOR;
const OUTBOX = 256 * SECTOR;
const SLOTS = 16;
const SLOT_SIZE = 128 * SECTOR;
/** Length and checksum of a slot. */
const SLOT_HEADER = 8;
const HEADER = 28;
const MAGIC = 0x584f424d;
const FLAG_END = 1;

/** Most bytes of a chunk. */
export const MAX_CHUNK = 128 * SECTOR;
/** Much larger than what is used: how long Bochs takes to seek is a matter of the part of the disk that lies between. */
export const MAILBOX_GEOMETRY = { cylinders: 64, heads: 16, sectors: 63 } as const;
const SIZE = MAILBOX_GEOMETRY.cylinders * MAILBOX_GEOMETRY.heads * MAILBOX_GEOMETRY.sectors * SECTOR;

/** What the machine prints, a byte each. */
export const Bell = {
  BOOT: 0x21,
  READY: 0x52,
  IDLE: 0x2e,
  SLOT: 0x53,
  TAKEN: 0x54,
  BROKEN: 0x42,
} as const;

/** FNV-1a over 32-bit words; the last is filled up with zeros. */
export function checksum(bytes: Uint8Array): number {
  const padded = new Uint8Array((bytes.length + 3) & ~3);
  padded.set(bytes);
  const words = new Uint32Array(padded.buffer);
  let hash = 0x811c9dc5;
  for (const word of words) hash = Math.imul(hash ^ word, 0x01000193);
  return hash >>> 0;
}

/** The host's side of a mailbox. Throws what the file system throws. */
export class Mailbox {
  private readonly file: number;
  private readonly header = Buffer.alloc(SECTOR);
  private sequence = 0;
  private consumed = 0;

  /** Makes the image. */
  constructor(path: string) {
    this.file = openSync(path, 'wx+', 0o600);
    ftruncateSync(this.file, SIZE);
    this.writeHeader();
  }

  /** Publishes a chunk of 1 to MAX_CHUNK bytes. The one before must have been taken. */
  publish(chunk: Uint8Array): void {
    const short = chunk.length <= SECTOR - HEADER;
    this.header.fill(0, HEADER);
    if (short) {
      this.header.set(chunk, HEADER);
    } else {
      // Zeros up to the end of the last word, for the checksum.
      const padded = Buffer.alloc((chunk.length + 3) & ~3);
      padded.set(chunk);
      writeSync(this.file, padded, 0, padded.length, INBOX);
    }
    this.announce(chunk.length, 0, checksum(chunk));
  }

  /** Tells the machine that nothing follows. */
  end(): void {
    this.announce(0, FLAG_END, 0);
  }

  /** Bytes of the slot that is next; undefined if they are damaged. */
  takeSlot(): Uint8Array | undefined {
    const position = OUTBOX + (this.consumed % SLOTS) * SLOT_SIZE;
    const header = Buffer.alloc(SLOT_HEADER);
    readSync(this.file, header, 0, SLOT_HEADER, position);
    const length = header.readUInt32LE(0);
    if (length === 0 || length > SLOT_SIZE - SLOT_HEADER) return undefined;
    const bytes = new Uint8Array(length);
    readSync(this.file, bytes, 0, length, position + SLOT_HEADER);
    if (checksum(bytes) !== header.readUInt32LE(4)) return undefined;
    this.consumed = (this.consumed + 1) >>> 0;
    // The machine waits for this only if it is a whole round ahead.
    if (this.consumed % (SLOTS / 2) === 0) this.writeHeader();
    return bytes;
  }

  close(): void {
    closeSync(this.file);
  }

  private announce(length: number, flags: number, sum: number): void {
    this.sequence = (this.sequence + 1) >>> 0;
    const { header } = this;
    header.writeUInt32LE(this.sequence, 4);
    header.writeUInt32LE(length, 8);
    header.writeUInt32LE(flags, 12);
    header.writeUInt32LE(sum, 16);
    this.writeHeader();
  }

  private writeHeader(): void {
    const { header } = this;
    header.writeUInt32LE(MAGIC, 0);
    header.writeUInt32LE(this.consumed, 20);
    header.writeUInt32LE(checksum(header.subarray(0, 24)), 24);
    writeSync(this.file, header, 0, SECTOR, 0);
  }
}
