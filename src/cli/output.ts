/** Where a command's result goes: a file that the user names, or standard output. */
import { writeFileSync } from 'node:fs';
import { InputError } from '../model/input-error.ts';

/** Writes a file. @throws InputError */
export function writeOutput(path: string, bytes: string | Uint8Array): void {
  try {
    writeFileSync(path, bytes);
  } catch (error) {
    throw new InputError(`${path} cannot be written (${(error as NodeJS.ErrnoException).code}): check the path`);
  }
}

/** @throws InputError if binary data would go to a terminal */
export function refuseTerminal(binary: boolean, out: string | undefined): void {
  if (binary && out === undefined && process.stdout.isTTY) {
    throw new InputError('binary data is not for a terminal: name a file with --out');
  }
}
