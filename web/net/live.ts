/** That something in the database has changed, as the server says it, and whether it can still be heard. */
import { useEffect, useState } from 'preact/hooks';

/** Changes that come within this time are one. */
const COALESCE_MS = 1000;
/** After the browser has given up, as when the server has ended. */
const RECONNECT_MS = 3000;

type Listener = () => void;

class LiveChanges {
  private readonly changes = new Set<Listener>();
  private readonly states = new Set<Listener>();
  private source: EventSource | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  lost = false;

  start(): void {
    // Browsers keep six connections to a server, shared by all tabs: one that is not seen must not hold one.
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'hidden') {
        this.source?.close();
        this.source = undefined;
      } else if (!this.source) {
        this.connect();
        this.changed();
      }
    });
    this.connect();
  }

  onChange(listener: Listener): () => void {
    this.changes.add(listener);
    return () => this.changes.delete(listener);
  }

  onState(listener: Listener): () => void {
    this.states.add(listener);
    return () => this.states.delete(listener);
  }

  private connect(): void {
    const source = new EventSource('/api/events');
    this.source = source;
    source.addEventListener('changed', () => this.changed());
    source.addEventListener('open', () => {
      // What happened in between was not heard.
      if (this.lost) this.changed();
      this.setLost(false);
    });
    source.addEventListener('error', () => {
      this.setLost(true);
      if (source.readyState !== EventSource.CLOSED) return;
      setTimeout(() => {
        if (this.source === source) this.connect();
      }, RECONNECT_MS);
    });
  }

  private setLost(lost: boolean): void {
    if (lost === this.lost) return;
    this.lost = lost;
    for (const listener of this.states) listener();
  }

  private changed(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      for (const listener of this.changes) listener();
    }, COALESCE_MS);
  }
}

export const liveChanges = new LiveChanges();

/** Whether the connection is lost at present. */
export function useConnectionLost(): boolean {
  const [lost, setLost] = useState(liveChanges.lost);
  useEffect(() => {
    setLost(liveChanges.lost);
    return liveChanges.onState(() => setLost(liveChanges.lost));
  }, []);
  return lost;
}
