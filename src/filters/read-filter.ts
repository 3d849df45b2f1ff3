/** Filter files that a user names; docs/filters-diff.md has the forms. */
import { readLimitedFile } from '../files/read-limited.ts';
import type { MsrFilter } from '../model/filter.ts';
import { formatOf, readFilterBytes } from './formats/read.ts';

/** More than any filter takes: 16 bitmaps of 1,536 bytes, as an array in C, with comments. */
const MAX_BYTES = 4 << 20;

/** The bytes of a file that is small, as all that holds one filter is. @throws InputError */
export function readSmallFile(path: string): Uint8Array {
  return readLimitedFile(path, MAX_BYTES, 'a filter has less; check the path');
}

/** The filter in the file, whatever form it is in. @throws InputError */
export function readFilterFile(path: string): MsrFilter {
  const bytes = readSmallFile(path);
  return readFilterBytes(bytes, formatOf(bytes, path), path);
}
