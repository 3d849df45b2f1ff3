/** Filter files that a user names; docs/filters-diff.md has the forms. */
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { MsrFilter } from '../model/filter.ts';
import { InputError } from '../model/input-error.ts';
import { formatOf, readFilterBytes } from './formats/read.ts';

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

/** The filter in the file, whatever form it is in. @throws InputError */
export function readFilterFile(path: string): MsrFilter {
  const bytes = readSmallFile(path);
  return readFilterBytes(bytes, formatOf(bytes, path), path);
}
