import { setTimeout as pause } from 'node:timers/promises';

/**
 * Waits for the work, or until the limit says that it is not worth it, whichever is first. The limit gets a signal to
 * end by: a timer that is left holds the process.
 */
export async function unless(limit: (signal: AbortSignal) => Promise<void>, work: Promise<void>): Promise<void> {
  const over = new AbortController();
  const late = limit(over.signal).catch((error: Error) => {
    if (error.name !== 'AbortError') throw error;
  });
  await Promise.race([work, late]).finally(() => over.abort());
}

/** Waits for the work, but no longer than so many milliseconds. */
export function within(milliseconds: number, work: Promise<void>): Promise<void> {
  return unless((signal) => pause(milliseconds, undefined, { signal }), work);
}
