/** GET /api/events: Server-Sent Events, `changed` whenever the database has changed. */
import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import { type ChangeFeed, type FeedEvent, MAX_CLIENTS } from './change-feed.ts';
import { refusal } from './problem.ts';

export function eventRoutes(feed: ChangeFeed): Hono {
  return new Hono().get('/events', (c) => {
    let listen: (event: FeedEvent) => void = () => {};
    const leave = feed.subscribe((event) => listen(event));
    if (!leave) throw refusal(503, `${MAX_CLIENTS} pages listen already: close some`);
    return streamSSE(c, async (stream) => {
      try {
        // The headers go out with the first byte.
        await stream.write(': listening\n\n');
        await new Promise<void>((resolve) => {
          stream.onAbort(resolve);
          listen = (event) => {
            if (event === 'closed') resolve();
            else if (event === 'changed') void stream.writeSSE({ event, data: '1' });
            else void stream.write(': still here\n\n');
          };
        });
      } finally {
        leave();
      }
    });
  });
}
