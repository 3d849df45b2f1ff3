/** A Redis server of a test's own, and workers on it. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { atEnd } from '../at-end.ts';
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

/** Why there is none with TLS; empty if there is. */
export const NO_TLS_REDIS = ((): string => {
  if (NO_REDIS !== '') return NO_REDIS;
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return '';
  } catch {
    return 'skipped: openssl is not installed (Debian: apt-get install openssl)';
  }
})();

export interface RedisServer {
  readonly url: string;
  readonly redis: Redis;
}

export interface TlsServer {
  /** HOST:PORT */
  readonly address: string;
  /** Path of its certificate, PEM. */
  readonly certificate: string;
}

/** Ends with the test file. */
export function startRedis(folder: string): Promise<RedisServer> {
  const rest = ['--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder];
  return serve((port) => ({ options: ['--port', String(port), ...rest], url: `redis://127.0.0.1:${port}` }));
}

/** One that speaks only TLS, with a certificate of its own, and knows only these users (as in redis.conf). */
export async function startTlsRedis(folder: string, users: readonly string[]): Promise<TlsServer> {
  const [certificate, key] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  const made = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', certificate, '-days', '2'];
  execFileSync('openssl', [...made, ...names], { stdio: 'ignore' });
  const lines = [
    ...['port 0', 'bind 127.0.0.1', 'save ""', `dir ${folder}`],
    ...[
      `tls-cert-file ${certificate}`,
      `tls-key-file ${key}`,
      'tls-auth-clients no',
      `tls-ca-cert-file ${certificate}`,
    ],
    ...['user default on >test ~* &* +@all', ...users],
  ];
  const config = join(folder, 'redis-tls.conf');
  writeFileSync(config, `${lines.join('\n')}\n`);
  const connection = { password: 'test', tls: { ca: readFileSync(certificate) } };
  const { url } = await serve((port) => ({
    options: [config, '--tls-port', String(port)],
    url: `rediss://localhost:${port}`,
    connection,
  }));
  return { address: new URL(url).host, certificate };
}

interface RedisSecurity {
  readonly password?: string;
  readonly tls?: { readonly ca: Buffer };
}

interface Service {
  readonly options: readonly string[];
  readonly url: string;
  readonly connection?: RedisSecurity;
}

/** A port that is free may be taken by another program before the server has it. */
async function serve(on: (port: number) => Service): Promise<RedisServer> {
  for (let attempts = 1; ; attempts++) {
    const service = on(await freePort());
    const server = spawn('redis-server', service.options, { stdio: 'ignore' });
    const closed = once(server, 'close');
    const redis = new Redis(service.url, { ...service.connection, maxRetriesPerRequest: null });
    redis.on('error', () => {});
    atEnd(async () => {
      redis.disconnect();
      server.kill('SIGKILL');
      await closed;
    });
    const info = await Promise.race([redis.info('server'), closed.then(() => '')]);
    if (info.includes(`process_id:${server.pid}\r`)) return { url: service.url, redis };
    redis.disconnect();
    if (attempts === 5) throw new Error(`redis-server does not start: ${service.options.join(' ')}`);
  }
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

/** `msrdiff` with one thread unless asked for otherwise, gone at the latest with the test file. */
export function startProcess(...args: string[]): WorkerProcess {
  const child = start(...args);
  const ended = exited(child);
  atEnd(() => child.kill('SIGKILL'));
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
