/** Ctrl-C and SIGTERM, for a command that has something to finish: the first asks for an end, the second is one. */
import { Exit } from '../model/exit.ts';

export class StopSignals {
  private readonly controller = new AbortController();
  private readonly onSignal = (): void => {
    if (this.signal.aborted) process.exit(Exit.INTERRUPTED);
    this.controller.abort();
  };

  /** From now on no signal ends the process by itself. */
  constructor() {
    process.on('SIGINT', this.onSignal).on('SIGTERM', this.onSignal);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  close(): void {
    process.off('SIGINT', this.onSignal).off('SIGTERM', this.onSignal);
  }
}
