/**
 * Code of other people's in the calling thread, under a time limit. Node can end JavaScript that runs within a call
 * into `vm` when its time is over, wherever its functions come from; nothing that the code catches or defers stops it.
 * What it cannot end is native code that does not return, and a thread that sleeps (`Atomics.wait`).
 * Source: Node.js API, vm, `script.runInContext`, option `timeout`.
 */
import { createContext, Script } from 'node:vm';

/** By how much a timer may be early. */
const EARLY_MS = 5;

const CALL = new Script('call()');
const GLOBALS: { call?: () => unknown } = createContext({});

/** To be called by the code whenever it gets on: the limit starts anew. */
export type Beat = () => void;

/**
 * What the code returns, or `lost` if it did not call its beat for so long. A run that is only long is begun again
 * with twice the time: the code must do the same every time, and start from nothing.
 *
 * @param beatingMs given on top of the limit, so that most runs of code that has a beat need one attempt
 * @throws what the code throws
 */
export function interruptible<T>(
  code: (beat: Beat) => T,
  limitMs: number,
  beatingMs = 0,
): { readonly value: T } | 'lost' {
  for (let timeout = limitMs + beatingMs; ; timeout *= 2) {
    let since = performance.now();
    let value: { readonly value: T } | undefined;
    const beat = (): void => {
      since = performance.now();
    };
    try {
      bounded(() => {
        value = { value: code(beat) };
      }, timeout);
      return value!;
    } catch (error) {
      if ((error as NodeJS.ErrnoException | undefined)?.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
      // It came back just as the time was over.
      const done = value as { readonly value: T } | undefined;
      if (done !== undefined) return done;
      // Timers may be a little early.
      if (performance.now() - since >= limitMs - EARLY_MS) return 'lost';
    }
  }
}

function bounded(call: () => void, timeoutMs: number): void {
  const outer = GLOBALS.call;
  GLOBALS.call = call;
  try {
    CALL.runInContext(GLOBALS, { timeout: Math.ceil(timeoutMs) });
  } finally {
    if (outer) GLOBALS.call = outer;
    else delete GLOBALS.call;
  }
}
