/** A Redis server of the bench's own, on a free port of the loopback interface; nothing is kept. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { connect } from '../../src/queue/connection.ts';

const TRIES = 50;
const PAUSE_MS = 100;

export interface RedisServer {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Throws if redis-server is not installed. */
export async function startRedis(folder: string): Promise<RedisServer> {
  const port = String(await freePort());
  const args = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder];
  const child: ChildProcess = spawn('redis-server', args, { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  let missing = false;
  child.once('error', () => {
    missing = true;
  });
  const url = `redis://127.0.0.1:${port}`;
  for (let attempt = 0; attempt < TRIES && !missing; attempt++) {
    try {
      (await connect(url)).disconnect();
      const stop = async (): Promise<void> => {
        child.kill();
        await ended;
      };
      return { url, pid: child.pid!, stop };
    } catch {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
  child.kill();
  throw new Error('redis-server does not start: install the package redis-server');
}
