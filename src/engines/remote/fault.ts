/** What can go wrong with an engine's process, as lines that are the same for the same cause. */
import type { Incident } from '../contract.ts';
import type { Ended } from './transport.ts';

/** A failure of the process: it is of no more use. */
export class Fault extends Error {
  readonly kind: Incident['kind'];
  /** A signal has ended the process. */
  readonly killed: boolean;

  constructor(kind: Incident['kind'], message: string, killed = false) {
    super(message);
    this.kind = kind;
    this.killed = killed;
  }
}

const MAX_QUOTE = 200;

/** One line of text from an engine, without what differs from run to run (addresses, process ids) or moves a cursor. */
export function quote(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
      .replace(/\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]/g, '')
      .replace(/\s+/g, ' ')
      .replace(/0x[0-9a-f]{6,}/gi, '0x...')
      .replace(/\b\d{4,}\b/g, '#')
      .trim()
      .slice(0, MAX_QUOTE)
  );
}

/** A shell that waits for the engine says so by a code above 128 (POSIX, Shell Command Language, 2.8.2). */
export function endedBySignal({ code, signal }: Pick<Ended, 'code' | 'signal'>): boolean {
  return signal !== null || (code !== null && code > 128);
}

export function describeEnd({ code, signal, lastLine, startError }: Ended): string {
  if (startError !== undefined) return `the process cannot be started (${startError})`;
  const how = signal === null ? `the process exited with code ${code}` : `the process was ended by ${signal}`;
  const said = quote(lastLine);
  return said === '' ? how : `${how}: ${said}`;
}
