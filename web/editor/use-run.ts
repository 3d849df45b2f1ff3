/** A scenario by every engine, again whenever it has changed. */
import { useCallback, useEffect, useState } from 'preact/hooks';
import type { RunReply, RunRequest } from '../../src/web/api.ts';
import { messageOf, post, RequestError } from '../net/request.ts';

interface Run {
  /** Of the last scenario that was run. */
  readonly reply: RunReply | undefined;
  readonly error: string | undefined;
  readonly busy: boolean;
  readonly retry: () => void;
}

const DEBOUNCE_MS = 150;
/** Only the newest run waits: HTTP status of one that has had to give way. */
const REPLACED = 409;

/** `scenario`: JSON text. `profile` empty: nothing yet. */
export function useRun({ scenario, profile, divergence }: RunRequest): Run {
  const [state, setState] = useState<Omit<Run, 'retry'>>({ reply: undefined, error: undefined, busy: true });
  const [turn, setTurn] = useState(0);
  const retry = useCallback(() => setTurn((number) => number + 1), []);
  useEffect(() => {
    if (profile === '') return;
    const controller = new AbortController();
    setState((before) => ({ ...before, busy: true }));
    const timer = setTimeout(() => {
      const body: RunRequest = { scenario, profile, ...(divergence === undefined ? {} : { divergence }) };
      post<RunReply>('/api/run', body, controller.signal).then(
        (reply) => !controller.signal.aborted && setState({ reply, error: undefined, busy: false }),
        (error: unknown) => {
          if (controller.signal.aborted) return;
          // The run of another tab, or of somebody else, has taken its place: it is not this scenario's fault.
          if (error instanceof RequestError && error.status === REPLACED) retry();
          else setState((before) => ({ ...before, error: messageOf(error), busy: false }));
        },
      );
    }, DEBOUNCE_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [scenario, profile, divergence, turn, retry]);
  return { ...state, retry };
}
