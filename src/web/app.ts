/** The triage server: what answers which path, and what every answer has. */
import { Hono } from 'hono';
import type { EngineSpec } from '../engines/registry.ts';
import type { RunThread } from '../fuzz/run-thread.ts';
import type { Store } from '../store/store.ts';
import type { ChangeFeed } from './change-feed.ts';
import { eventRoutes } from './events.ts';
import { explainer, explanationRoutes } from './explanation.ts';
import { exportRoutes } from './export.ts';
import { problemOf, refusal } from './problem.ts';
import { readingRoutes } from './reading.ts';
import { runRoutes } from './run.ts';
import { type Access, guard, guardPost, headers } from './security.ts';
import { type Page, servePage } from './static.ts';
import { statusRoutes } from './status.ts';

export interface AppOptions {
  /** Of msrdiff. */
  readonly version: string;
  /** Path as given on the command line. */
  readonly database: string;
  readonly reader: Store;
  /** Sets statuses; undefined: read-only. */
  readonly writer: Store | undefined;
  readonly access: Access;
  readonly page: Page;
  readonly feed: ChangeFeed;
  readonly thread: RunThread;
  /** Engines that run every edited scenario. */
  readonly engines: readonly EngineSpec[];
  /** Engine commands that may be run where a stored divergence names them. */
  readonly commands: readonly string[];
}

export function createApp(options: AppOptions): Hono {
  const { version, database, reader, writer, access, page, feed, thread, engines, commands } = options;
  const explain = explainer(commands);
  const app = new Hono();
  app.use(headers, guard(access));
  app.use('/api/*', guardPost, async (c, next) => {
    c.header('Cache-Control', 'no-store');
    await next();
  });
  app.route('/api', readingRoutes({ store: reader, version, database, readOnly: writer === undefined }));
  app.route('/api', statusRoutes(reader, writer));
  app.route('/api', explanationRoutes(reader, explain));
  app.route('/api', exportRoutes(reader, version, explain));
  app.route('/api', runRoutes({ store: reader, thread, engines, commands }));
  app.route('/api', eventRoutes(feed));
  app.all('/api/*', () => {
    throw refusal(404, 'there is no such route: see docs/serve.md');
  });
  app.get('*', servePage(page));
  app.notFound(() => {
    throw refusal(404, 'there is no such page: see /');
  });
  app.onError((error, c) => {
    const { status, reply } = problemOf(error);
    if (c.req.path.startsWith('/api')) return c.json(reply, status, { 'Cache-Control': 'no-store' });
    return c.text(`${reply.error}\n`, status, { 'Cache-Control': 'no-store' });
  });
  return app;
}
