import { oneLine } from '../model/input-error.ts';

/** An engine that is not there or does not load: exit code 3. The message is one line: what, and how to mend it. */
export class EngineUnavailable extends Error {
  readonly code = 'MSRDIFF_ENGINE';

  constructor(message: string, options?: ErrorOptions) {
    super(oneLine(message), options);
  }
}
