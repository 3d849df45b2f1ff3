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
    // File names and system errors end up in messages, and may hold line breaks.
    super(message.replace(/\s*[\r\n]+\s*/g, ' '), options);
  }
}
