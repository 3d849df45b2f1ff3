/** Files that users name, read up to a limit: a device, a pipe or a wrong path must not fill the memory. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { resolve } from 'node:path';
import { InputError } from '../model/input-error.ts';

const CHUNK = 1 << 16;

/**
 * @param limit in bytes
 * @param mend what to do about a file that is larger, for the message
 * @throws InputError: the limit, the size as far as it is known, and `mend`
 */
export function readLimitedFile(path: string, limit: number, mend: string): Buffer {
  let file: number | undefined;
  try {
    file = openSync(resolve(path), 'r');
    const status = fstatSync(file);
    // Before it is read: a device never ends.
    if (status.isCharacterDevice() && path !== '/dev/stdin') throw new InputError(`${path} is a device: give a file`);
    if (status.size > limit) throw tooLarge(path, `${status.size}`, limit, mend);
    return readUpTo(file, limit, () => tooLarge(path, `more than ${limit}`, limit, mend));
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`${path} cannot be read (${(error as NodeJS.ErrnoException).code}): check the path`);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** What a pipe, or a file that grows, gives: its size says nothing. */
function readUpTo(file: number, limit: number, refusal: () => InputError): Buffer {
  const chunks: Buffer[] = [];
  let length = 0;
  for (;;) {
    const chunk = Buffer.allocUnsafe(CHUNK);
    const read = readSync(file, chunk);
    if (read === 0) return Buffer.concat(chunks);
    length += read;
    if (length > limit) throw refusal();
    chunks.push(chunk.subarray(0, read));
  }
}

function tooLarge(path: string, size: string, limit: number, mend: string): InputError {
  return new InputError(`${path} has ${size} bytes, and at most ${limit} are read: ${mend}`);
}
