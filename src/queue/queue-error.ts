/** The queue is not there, or does not do what a campaign needs: exit code 3. One line: what, and how to mend it. */
export class QueueError extends Error {
  readonly code = 'MSRDIFF_QUEUE';
  override readonly name = 'QueueError';

  constructor(message: string, options?: ErrorOptions) {
    super(message.replace(/\s*[\r\n]+\s*/g, ' '), options);
  }
}

/** What Redis answers instead of a result (`NOPERM`, `OOM`, `READONLY`) as a QueueError; other errors as they are. */
export function queueFault(error: unknown): unknown {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return error;
  const mend = error.message.startsWith('NOPERM')
    ? 'give the user the permissions that docs/scaling.md names'
    : 'mend that, and start again (a campaign with --resume)';
  return new QueueError(`the queue refuses (${error.message.split('\n')[0]}): ${mend}`);
}
