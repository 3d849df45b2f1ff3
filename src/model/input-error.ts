/** Most characters of a message: what a user gave is part of it, and may be of any length. */
const MAX_MESSAGE = 1000;
const KEPT_AT_END = 400;

/**
 * A message on one line, without what a terminal would act on, and not endless: file names, keys, system errors and
 * what other programs say end up in messages. Cut in the middle, for the start says where and the end how to mend it.
 */
export function oneLine(message: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what has to go.
  const line = message.replace(/[\s\u0000-\u001f]*[\u0000-\u001f\u007f-\u009f\u2028\u2029]+\s*/g, ' ');
  if (line.length <= MAX_MESSAGE) return line;
  return `${line.slice(0, MAX_MESSAGE - KEPT_AT_END - 5)} ... ${line.slice(-KEPT_AT_END)}`;
}

/**
 * What a user gave msrdiff cannot be used: a file, a field of it, or an option. Every parser throws this and
 * nothing else, so that the command line can print the message without a stack trace.
 *
 * The message is one line: where (file, line, field path), what is wrong, and what would be right.
 */
export class InputError extends Error {
  readonly code = 'MSRDIFF_INPUT';
  override readonly name = 'InputError';

  constructor(message: string, options?: ErrorOptions) {
    super(oneLine(message), options);
  }
}
