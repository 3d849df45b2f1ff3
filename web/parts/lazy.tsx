import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Problem } from './problem.tsx';

/** A component whose code is loaded when it is first shown. `load` is called again after it has failed. */
export function lazy<Props extends object>(load: () => Promise<ComponentType<Props>>): ComponentType<Props> {
  let loaded: ComponentType<Props> | undefined;
  return function Lazy(props: Props) {
    const [ready, setReady] = useState(loaded !== undefined);
    const [failed, setFailed] = useState(false);
    const [turn, setTurn] = useState(0);
    useEffect(() => {
      if (loaded) return;
      setFailed(false);
      load().then(
        (component) => {
          loaded = component;
          setReady(true);
        },
        () => setFailed(true),
      );
    }, [turn]);
    if (ready && loaded) {
      const Loaded = loaded;
      return <Loaded {...props} />;
    }
    if (failed) return <Problem message="this part of the page could not be loaded" retry={() => setTurn(turn + 1)} />;
    return <p class="busy">Loading…</p>;
  };
}
