/** Files of kernels that are packed with gzip. */
import { gunzipSync } from 'node:zlib';
import { EngineUnavailable } from '../engine-unavailable.ts';

/** Most bytes that a kernel or a module unpacks to: a vmlinux with debug information has less. */
export const MAX_UNPACKED_BYTES = 1 << 30;

/** Throws EngineUnavailable if it is damaged or unpacks to too much; `name` is for the message. */
export function unpackedGzip(bytes: Uint8Array, name: string): Buffer {
  try {
    return gunzipSync(bytes, { maxOutputLength: MAX_UNPACKED_BYTES });
  } catch (cause) {
    const tooLarge = (cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    const why = tooLarge ? `unpacks to more than ${MAX_UNPACKED_BYTES >> 20} MiB` : (cause as Error).message;
    throw new EngineUnavailable(`${name} cannot be unpacked (${why}): get it again`, { cause });
  }
}
