/** Filters from files that users name. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { MsrFilter } from '../model/filter.ts';
import { decodeFilter } from '../model/filter-binary.ts';
import { parseFilter } from '../model/filter-json.ts';
import { InputError } from '../model/input-error.ts';
import { parseJsonText } from '../model/json-text.ts';

/** A struct and 16 bitmaps take 25 KiB; JSON of them, hex digits and spaces, not much more. */
const MAX_BYTES = 16 << 20;

/**
 * A filter as JSON or as binary (docs/formats.md), told apart by content: JSON starts with a brace, which as the first
 * bytes of `struct kvm_msr_filter` would be flags that no kernel has.
 *
 * @throws InputError that names the file
 */
export function readFilterFile(path: string): MsrFilter {
  const bytes = readBytes(path);
  const start = bytes.findIndex((byte) => !WHITE_SPACE.has(byte));
  if (bytes[start] !== OPENING_BRACE) {
    if (bytes.includes(0)) return decodeFilter(bytes, path);
    throw new InputError(
      `${path}: neither JSON ({"flags": ..., "ranges": [...]}) nor a binary filter: docs/formats.md`,
    );
  }
  return parseFilter(parseJsonText(bytes.toString('utf8'), path), path);
}

const OPENING_BRACE = 0x7b;
const WHITE_SPACE: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d]);

function readBytes(path: string): Buffer {
  let bytes: Buffer;
  try {
    bytes = readFileSync(resolve(path));
  } catch (error) {
    throw new InputError(`${path} cannot be read (${(error as NodeJS.ErrnoException).code}): check the path`);
  }
  if (bytes.length > MAX_BYTES) throw new InputError(`${path} is larger than ${MAX_BYTES >> 20} MiB: no filter is`);
  return bytes;
}
