/** Filter files that a user names: JSON, or `struct kvm_msr_filter` in binary; docs/formats.md. */
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { MsrFilter } from '../model/filter.ts';
import { decodeFilter } from '../model/filter-binary.ts';
import { parseFilter } from '../model/filter-json.ts';
import { InputError } from '../model/input-error.ts';
import { parseJsonText } from '../model/json-text.ts';

/** More than any filter takes: 16 bitmaps of 1,536 bytes, as an array in C, with comments. */
const MAX_BYTES = 4 << 20;

/** The bytes of a file that is small, as all that holds one filter is. @throws InputError */
export function readSmallFile(path: string): Uint8Array {
  let file: number | undefined;
  try {
    file = openSync(resolve(path), 'r');
    // Before it is read: a device never ends.
    const status = fstatSync(file);
    if (status.isCharacterDevice() && path !== '/dev/stdin') {
      throw new InputError(`${path} is a device: give a file`);
    }
    if (status.size > MAX_BYTES) throw tooLarge(path);
    const bytes = readFileSync(file);
    if (bytes.length > MAX_BYTES) throw tooLarge(path);
    return bytes;
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`${path} cannot be read (${(error as NodeJS.ErrnoException).code}): check the path`);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function tooLarge(path: string): InputError {
  return new InputError(`${path} is larger than ${MAX_BYTES >> 20} MiB: a filter is not; check the path`);
}

/**
 * Text starts with what a person types. The struct starts with `flags`, a u32 whose upper bytes are 0 in all that is
 * valid, and holds zeros in any case (padding, or the upper half of a file offset); JSON text has none.
 */
export function isBinary(bytes: Uint8Array): boolean {
  return bytes.includes(0);
}

/** The filter in the file. @throws InputError */
export function readFilterFile(path: string): MsrFilter {
  const bytes = readSmallFile(path);
  if (isBinary(bytes)) return decodeFilter(bytes, path);
  return parseFilter(parseJsonText(textOf(bytes, path), path), path);
}

/** @throws InputError if the bytes are not UTF-8 */
export function textOf(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new InputError(`${path} is neither text (UTF-8) nor a struct kvm_msr_filter: check the file`);
  }
}
