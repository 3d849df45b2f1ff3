/** Tells that the database has changed: one poll for all who want to know, and none while nobody does. */

/** How often the database is looked at, which is also how often a change is told at most, in milliseconds. */
const POLL_MS = 1_000;
/** A proxy may close a connection on which nothing is said, and a client that is gone is noticed by writing to it. */
const HEARTBEAT_MS = 15_000;
export const MAX_CLIENTS = 64;

export type FeedEvent = 'changed' | 'heartbeat' | 'closed';

export class ChangeFeed {
  private readonly version: () => Promise<unknown>;
  private readonly pollMs: number;
  private readonly heartbeatMs: number;
  private readonly listeners = new Set<(event: FeedEvent) => void>();
  private timers: NodeJS.Timeout[] = [];
  private last: unknown;
  private polling = false;
  private closed = false;

  /** `version`: changes with the database. */
  constructor(version: () => Promise<unknown>, { pollMs = POLL_MS, heartbeatMs = HEARTBEAT_MS } = {}) {
    this.version = version;
    this.pollMs = pollMs;
    this.heartbeatMs = heartbeatMs;
  }

  /** What takes the listener off again; undefined if there are too many, or the feed has ended. */
  subscribe(listener: (event: FeedEvent) => void): (() => void) | undefined {
    if (this.closed || this.listeners.size >= MAX_CLIENTS) return undefined;
    this.listeners.add(listener);
    if (this.listeners.size === 1) this.start();
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size === 0) this.stop();
    };
  }

  /** Ends every stream. */
  close(): void {
    this.closed = true;
    this.stop();
    this.tell('closed');
    this.listeners.clear();
  }

  private start(): void {
    void this.poll();
    this.timers = [
      setInterval(() => void this.poll(), this.pollMs),
      setInterval(() => this.tell('heartbeat'), this.heartbeatMs),
    ];
  }

  private stop(): void {
    for (const timer of this.timers) clearInterval(timer);
    this.timers = [];
  }

  private async poll(): Promise<void> {
    if (this.polling) return;
    this.polling = true;
    try {
      const version = await this.version();
      const changed = this.last !== undefined && version !== this.last;
      this.last = version;
      if (changed) this.tell('changed');
    } catch {
      // Locked, or closed: the requests that follow say so.
    } finally {
      this.polling = false;
    }
  }

  private tell(event: FeedEvent): void {
    for (const listener of [...this.listeners]) listener(event);
  }
}
