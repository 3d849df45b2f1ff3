/**
 * The records in the pages of a database file, whether or not a tree still leads to them: where the root of a tree is
 * lost, its leaves are still there. The file's format: https://www.sqlite.org/fileformat.html, "B-tree Pages", "Record
 * Format", "The Freelist".
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { SqlValue } from '../../store/driver.ts';

/** Types of pages that hold rows: of tables with a rowid in leaves alone, of WITHOUT ROWID in inner pages as well. */
const TABLE_LEAF = 0x0d;
const INDEX_LEAF = 0x0a;
const INDEX_INNER = 0x02;
/** In the header of the database. */
const FREELIST_AT = 32;
/** Holds no rows of ours. */
const SCHEMA_PAGE = 1;

export interface PageRecord {
  /** Undefined in tables WITHOUT ROWID, and in indexes. */
  readonly rowid: number | undefined;
  readonly values: readonly SqlValue[];
}

class DamagedPage extends Error {}

export class DatabasePages {
  private readonly file: number;
  private readonly pageBytes: number;
  readonly count: number;

  constructor(path: string, pageBytes: number) {
    this.file = openSync(path, 'r');
    this.pageBytes = pageBytes;
    this.count = Math.floor(fstatSync(this.file).size / pageBytes);
  }

  close(): void {
    closeSync(this.file);
  }

  /** Records of all pages that are in use; what makes no sense is left out. */
  *records(): Generator<PageRecord> {
    const free = this.freePages();
    for (let number = SCHEMA_PAGE + 1; number <= this.count; number++) {
      if (!free.has(number)) yield* this.recordsOf(this.page(number));
    }
  }

  /** Numbered from 1. */
  private page(number: number): Buffer {
    if (number < 1 || number > this.count) throw new DamagedPage();
    const page = Buffer.alloc(this.pageBytes);
    readSync(this.file, page, 0, this.pageBytes, (number - 1) * this.pageBytes);
    return page;
  }

  /** Their content is of the past. */
  private freePages(): Set<number> {
    const free = new Set<number>();
    try {
      for (let trunk = this.page(1).readUInt32BE(FREELIST_AT); trunk !== 0 && !free.has(trunk); ) {
        free.add(trunk);
        const page = this.page(trunk);
        const leaves = page.readUInt32BE(4);
        for (let leaf = 0; leaf < leaves; leaf++) free.add(page.readUInt32BE(8 + 4 * leaf));
        trunk = page.readUInt32BE(0);
      }
    } catch {
      // The list is damaged: what was found of it is free.
    }
    return free;
  }

  private *recordsOf(page: Buffer): Generator<PageRecord> {
    const type = page[0]!;
    if (type !== TABLE_LEAF && type !== INDEX_LEAF && type !== INDEX_INNER) return;
    const cells = page.readUInt16BE(3);
    const pointers = type === INDEX_INNER ? 12 : 8;
    for (let cell = 0; cell < cells && pointers + 2 * cell + 2 <= page.length; cell++) {
      try {
        yield this.cell(page, type, page.readUInt16BE(pointers + 2 * cell));
      } catch (error) {
        if (!(error instanceof DamagedPage || error instanceof RangeError)) throw error;
      }
    }
  }

  private cell(page: Buffer, type: number, start: number): PageRecord {
    if (start < pointersEnd(type) || start >= page.length) throw new DamagedPage();
    let [bytes, at] = varint(page, start + (type === INDEX_INNER ? 4 : 0));
    let rowid: number | undefined;
    if (type === TABLE_LEAF) [rowid, at] = varint(page, at);
    const usable = page.length;
    const most = type === TABLE_LEAF ? usable - 35 : Math.floor(((usable - 12) * 64) / 255) - 23;
    const least = Math.floor(((usable - 12) * 32) / 255) - 23;
    if (bytes > this.count * usable) throw new DamagedPage();
    let local = bytes;
    if (bytes > most) {
      local = least + ((bytes - least) % (usable - 4));
      if (local > most) local = least;
    }
    if (at + local > page.length) throw new DamagedPage();
    const parts = [page.subarray(at, at + local)];
    bytes -= local;
    if (bytes > 0) parts.push(...this.overflow(page.readUInt32BE(at + local), bytes));
    return { rowid, values: record(Buffer.concat(parts)) };
  }

  private overflow(first: number, bytes: number): Buffer[] {
    const parts: Buffer[] = [];
    for (let next = first; bytes > 0; ) {
      const page = this.page(next);
      const part = page.subarray(4, 4 + Math.min(bytes, page.length - 4));
      parts.push(part);
      bytes -= part.length;
      next = page.readUInt32BE(0);
    }
    return parts;
  }
}

const pointersEnd = (type: number): number => (type === INDEX_INNER ? 12 : 8);

/** A varint and where it ends. Those of more than 53 bits are in no database of msrdiff. */
function varint(bytes: Buffer, start: number): [value: number, end: number] {
  let value = 0;
  for (let i = 0; i < 8; i++) {
    const byte = bytes[start + i];
    if (byte === undefined) throw new DamagedPage();
    value = value * 128 + (byte & 0x7f);
    if (byte < 0x80) {
      if (!Number.isSafeInteger(value)) throw new DamagedPage();
      return [value, start + i + 1];
    }
  }
  throw new DamagedPage();
}

/** Bytes of integers by serial type. */
const INTEGER_BYTES = [0, 1, 2, 3, 4, 6, 8];

function record(bytes: Buffer): SqlValue[] {
  let [headerEnd, at] = varint(bytes, 0);
  if (headerEnd > bytes.length) throw new DamagedPage();
  const header = bytes.subarray(0, headerEnd);
  const values: SqlValue[] = [];
  let body = headerEnd;
  while (at < headerEnd) {
    let type: number;
    [type, at] = varint(header, at);
    const size = type >= 12 ? Math.floor((type - 12) / 2) : type === 7 ? 8 : (INTEGER_BYTES[type] ?? 0);
    if (type === 10 || type === 11 || body + size > bytes.length) throw new DamagedPage();
    values.push(value(type, bytes.subarray(body, body + size)));
    body += size;
  }
  if (body !== bytes.length) throw new DamagedPage();
  return values;
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

function value(type: number, bytes: Buffer): SqlValue {
  if (type === 0) return null;
  if (type === 8 || type === 9) return type - 8;
  if (type === 7) return bytes.readDoubleBE(0);
  if (type === 6) {
    const wide = Number(bytes.readBigInt64BE(0));
    if (!Number.isSafeInteger(wide)) throw new DamagedPage();
    return wide;
  }
  if (type < 7) return bytes.readIntBE(0, bytes.length);
  if (type % 2 === 0) return Uint8Array.from(bytes);
  try {
    return UTF8.decode(bytes);
  } catch {
    throw new DamagedPage();
  }
}
