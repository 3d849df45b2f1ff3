/** What the hunt throws inputs at, and how it judges what comes back. */
import { InputError } from '../../src/model/input-error.ts';

/** Something that reads what it is given. */
export interface Target {
  readonly name: string;
  /** How inputs are varied: as bytes, as text, or as JSON of which every part can be exchanged. */
  readonly form: 'bytes' | 'text' | 'json';
  /** Good inputs to start from. */
  readonly seeds: readonly (string | Uint8Array)[];
  /** Words of the format. */
  readonly words: readonly string[];
  /** Sources whose blocks guide the search, as parts of their paths: `src/model/filter-json`. */
  readonly sources: readonly string[];
  /** Throws where it finds a fault; what is refused as documented is none. */
  run(input: Uint8Array): void | Promise<void>;
}

/** A fault: what was expected, and what was found. */
export class Fault extends Error {
  override readonly name = 'Fault';
}

export function expect(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Fault(otherwise);
}

/** Most characters of a refusal. */
const MAX_MESSAGE = 1000;

/** One line that a terminal shows as it is, and that is not endless. `where`: what it has to name. */
export function checkMessage(message: string, where = ''): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  expect(!/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(message), 'a refusal with control characters');
  expect(message.length <= MAX_MESSAGE, `a refusal of ${message.length} characters`);
  expect(message.length >= 8, `a refusal that says nothing: ${JSON.stringify(message)}`);
  expect(message.includes(where), `a refusal that does not name ${where}: ${JSON.stringify(message)}`);
}

/** What was read, or undefined if it was refused as documented: by an InputError, or an error of another `kind`. */
export function accepted<T>(
  read: () => T,
  where = '',
  kind: new (...given: never[]) => Error = InputError,
): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof kind)) throw error;
    checkMessage(error.message, where);
    return undefined;
  }
}

/** {@link accepted} for what takes time. */
export async function acceptedLater<T>(
  read: () => Promise<T>,
  where = '',
  kind: new (...given: never[]) => Error = InputError,
): Promise<T | undefined> {
  const outcome = await read().then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ('value' in outcome) return outcome.value;
  return accepted(
    () => {
      throw outcome.error;
    },
    where,
    kind,
  );
}

const decoder = new TextDecoder();

/** As UTF-8; bytes that are none become U+FFFD. */
export function asText(input: Uint8Array): string {
  return decoder.decode(input);
}
