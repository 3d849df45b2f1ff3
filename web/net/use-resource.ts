/** What a GET request answers, fetched again when its address or the database changes. */
import { useCallback, useEffect, useState } from 'preact/hooks';
import { liveChanges } from './live.ts';
import { get, messageOf } from './request.ts';

export interface Resource<Reply> {
  /** Of the last request that was answered, even if a later one was not. */
  readonly data: Reply | undefined;
  readonly error: string | undefined;
  readonly busy: boolean;
  readonly reload: () => void;
  /** Replaces the data by what another request has answered. */
  readonly replace: (data: Reply) => void;
}

/** `path` null: nothing yet. `live`: fetch again on changes. */
export function useResource<Reply>(path: string | null, live = true): Resource<Reply> {
  const [state, setState] = useState<{ data?: Reply; error?: string; busy: boolean }>({ busy: path !== null });
  const [turn, setTurn] = useState(0);
  const reload = useCallback(() => setTurn((number) => number + 1), []);
  const replace = useCallback((data: Reply) => setState({ data, busy: false }), []);
  useEffect(() => (live ? liveChanges.onChange(reload) : undefined), [live, reload]);
  useEffect(() => {
    if (path === null) return;
    const controller = new AbortController();
    setState(({ data, error }) => ({ ...(data ? { data } : {}), ...(error ? { error } : {}), busy: true }));
    get<Reply>(path, controller.signal).then(
      (data) => !controller.signal.aborted && setState({ data, busy: false }),
      (error: unknown) =>
        !controller.signal.aborted &&
        setState(({ data }) => ({ ...(data ? { data } : {}), error: messageOf(error), busy: false })),
    );
    return () => controller.abort();
  }, [path, turn]);
  return { data: state.data, error: state.error, busy: state.busy, reload, replace };
}
