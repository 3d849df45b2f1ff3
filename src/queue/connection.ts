/** Connections to Redis or Valkey, and the library that queues on it; loaded only by those who use a queue. */
import type { ChainableCommander, Redis } from 'ioredis';
import { InputError } from '../model/input-error.ts';
import { QueueError } from './queue-error.ts';

/** How long the first connection may take, in milliseconds. */
const CONNECT_MS = 5_000;
/** A command that gets no answer for so long has lost its connection: a cut cable closes nothing. */
const SILENCE_MS = 20_000;
/** Longest pause between two attempts to connect again, in milliseconds. */
const MAX_PAUSE_MS = 2_000;

/** The URL without its password, for messages. */
export function shownUrl(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//***@');
}

/** `redis://[[user]:password@]host[:port][/database]`, `rediss://` for TLS. Throws InputError. */
export function checkedUrl(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new InputError(`--queue ${JSON.stringify(shownUrl(text))} is no URL: give redis://HOST:PORT`);
  }
  if (url.protocol !== 'redis:' && url.protocol !== 'rediss:') {
    throw new InputError(`--queue ${shownUrl(text)}: give redis://HOST:PORT, or rediss:// for TLS`);
  }
  return text;
}

export async function loadBullmq(): Promise<typeof import('bullmq')> {
  // The native part of its serializer is left out (package.json): without this its absence is asked for all the same.
  process.env.MSGPACKR_NATIVE_ACCELERATION_DISABLED ??= 'true';
  try {
    return await import('bullmq');
  } catch {
    throw new QueueError('--queue needs the packages bullmq and ioredis: run "npm install bullmq ioredis"');
  }
}

/**
 * A connection that answers. Later it is made again whenever it breaks, and commands wait for that. Throws QueueError if
 * the first attempt fails.
 */
export async function connect(url: string): Promise<Redis> {
  await loadBullmq();
  const { Redis } = await import('ioredis');
  const redis = new Redis(checkedUrl(url), {
    lazyConnect: true,
    connectTimeout: CONNECT_MS,
    socketTimeout: SILENCE_MS,
    // BullMQ's workers need commands that wait for a broken connection.
    maxRetriesPerRequest: null,
    retryStrategy: (attempt) => (ready ? Math.min(attempt * 100, MAX_PAUSE_MS) : null),
  });
  let ready = false;
  let reason = 'no answer';
  // Without a listener every attempt to connect again is printed with its stack.
  redis.on('error', (error: NodeJS.ErrnoException) => {
    reason = error.code ?? error.message;
  });
  try {
    await redis.connect();
    await redis.ping();
    ready = true;
    return redis;
  } catch (error) {
    // Of a connection that has ended by itself, ioredis would wait two seconds for the end.
    if (redis.status !== 'end') redis.disconnect();
    const said = (error as Error).message;
    const why = /NOAUTH|WRONGPASS|NOPERM|ERR/.test(said) ? said : reason;
    throw new QueueError(`the queue ${shownUrl(url)} cannot be used (${why}): ${mendFor(why, url)}`);
  }
}

/** All of a MULTI, or the error of what failed in it, which `exec` only returns. */
export async function commit(transaction: ChainableCommander): Promise<void> {
  for (const [error] of (await transaction.exec()) ?? []) if (error) throw error;
}

function mendFor(why: string, url: string): string {
  if (/CERT|SIGNATURE/.test(why)) return 'name the authority that signed its certificate in NODE_EXTRA_CA_CERTS';
  if (/NOAUTH|WRONGPASS/.test(why)) return 'give user and password as redis://USER:PASSWORD@HOST:PORT';
  // A server that speaks TLS ends the connection of one who does not.
  const tls = url.startsWith('redis:') ? ', and whether it wants TLS (rediss://)' : '';
  return `check the address, and that Redis runs there${tls}`;
}
