/** The queue is not there, or does not do what a campaign needs: exit code 3. One line: what, and how to mend it. */
export class QueueError extends Error {
  readonly code = 'MSRDIFF_QUEUE';
  override readonly name = 'QueueError';

  constructor(message: string, options?: ErrorOptions) {
    super(message.replace(/\s*[\r\n]+\s*/g, ' '), options);
  }
}
