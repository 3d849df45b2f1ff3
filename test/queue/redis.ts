/** A Redis server of a test's own, and workers on it. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { Redis } from 'ioredis';
import { afterAll } from 'vitest';
import { exited, type Outcome, start } from '../e2e/cli.ts';

/** Why there is none; empty if there is. */
export const NO_REDIS = ((): string => {
  try {
    execFileSync('redis-server', ['--version'], { stdio: 'ignore' });
    return '';
  } catch {
    return 'skipped: redis-server is not installed (Debian: apt-get install redis-server)';
  }
})();

export interface RedisServer {
  readonly url: string;
  readonly redis: Redis;
}

/** Ends with the test file. */
export async function startRedis(folder: string): Promise<RedisServer> {
  const port = await freePort();
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder];
  const server = spawn('redis-server', options, { stdio: 'ignore' });
  const url = `redis://127.0.0.1:${port}`;
  const redis = new Redis(url, { maxRetriesPerRequest: null });
  redis.on('error', () => {});
  afterAll(async () => {
    redis.disconnect();
    server.kill('SIGKILL');
    if (server.exitCode === null) await once(server, 'close');
  });
  await redis.ping();
  return { url, redis };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

export interface WorkerProcess {
  readonly process: ChildProcess;
  readonly ended: Promise<Outcome>;
}

const living = new Set<ChildProcess>();
afterAll(() => {
  for (const child of living) child.kill('SIGKILL');
});

/** `msrdiff` with one thread unless asked for otherwise, gone at the latest with the test file. */
export function startProcess(...args: string[]): WorkerProcess {
  const child = start(...args);
  living.add(child);
  const ended = exited(child).finally(() => living.delete(child));
  return { process: child, ended };
}

export function startWorker(url: string, ...args: string[]): WorkerProcess {
  return startProcess('worker', '--queue', url, '--workers', '1', ...args);
}

/** Waits until the text has come from the process. */
export function told({ process }: WorkerProcess, pattern: RegExp): Promise<void> {
  let text = '';
  return new Promise((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      text += chunk.toString();
      if (pattern.test(text)) resolve();
    };
    process.stdout!.on('data', read);
    process.stderr!.on('data', read);
    process.once('close', () => reject(new Error(`ended without ${pattern}: ${text}`)));
  });
}
