/**
 * A process of workers that run nothing: `node simulated-workers.js URL OUTCOMES WORKERS NAMES MS`. Each is a worker
 * of BullMQ with a connection of its own, takes jobs as a real one does, and answers after so many milliseconds with an
 * outcome that was prepared. Ends when its input does.
 */
import { readFileSync } from 'node:fs';
import type { Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { connect, loadBullmq } from '../../src/queue/connection.ts';
import { QUEUE_PREFIX, queueName, resultsKey, workersKey } from '../../src/queue/keys.ts';
import { encode, type RunDescription } from '../../src/queue/messages.ts';
import { LOCK_MS, MAX_STALLED, STALLED_MS } from '../../src/queue/run-service.ts';
import { liveRuns, readRun, serverSeconds } from '../../src/queue/runs.ts';

const LOOK_MS = 100;
const STATEMENT_MS = 5_000;
const SHARD = /^\{"result":\{"shard":\d+/;

const [url, path, count, names, delay] = process.argv.slice(2) as [string, string, string, string, string];
/** What follows a shard's number. */
const tails = readFileSync(path, 'utf8')
  .split('\n')
  .map((line) => line.replace(SHARD, ''));

async function description(redis: Redis): Promise<RunDescription> {
  for (;;) {
    const [token] = await liveRuns(redis);
    const found = token === undefined ? undefined : await readRun(redis, token);
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** The first results are those of the first shards; later ones take turns with the last half. */
function tailOf(shard: number): string {
  const half = tails.length >>> 1;
  return tails[shard < tails.length ? shard : half + (shard % (tails.length - half))]!;
}

const redis = await connect(url);
const { token, run, build, version } = await description(redis);
const key = resultsKey(token);
const head = `{"kind":"shard","run":"${run}","build":"${build}","outcome":{"result":{"shard":`;

async function work(id: string): Promise<void> {
  const engines = { kind: 'engines', run, build, engines: { names: names.split(','), kernels: {} } };
  const shard = Number(id.slice(id.indexOf('-') + 1));
  const text = id === 'engines' ? encode(engines) : `${head}${shard}${tailOf(shard)}}`;
  if (Number(delay) > 0) await new Promise((resolve) => setTimeout(resolve, Number(delay)));
  await redis.multi().rpush(key, text).expire(key, 86_400).exec();
}

async function state(): Promise<void> {
  const statement = { at: await serverSeconds(redis), version, build, threads: 1, kernels: false };
  await redis.hset(workersKey(token), `simulated-${process.pid}`, JSON.stringify(statement));
}

const { Worker: QueueWorker } = await loadBullmq();
const workers: Worker[] = [];
for (let i = 0; i < Number(count); i++) {
  const worker = new QueueWorker(queueName(token, false), (job) => work(job.id!), {
    ...{ connection: redis, prefix: QUEUE_PREFIX, concurrency: 1 },
    ...{ lockDuration: LOCK_MS, stalledInterval: STALLED_MS, maxStalledCount: MAX_STALLED },
  });
  worker.on('error', () => {});
  workers.push(worker);
}
await state();
const statements = setInterval(() => void state().catch(() => {}), STATEMENT_MS);
process.stdin.resume().once('end', () => {
  clearInterval(statements);
  process.exit(0);
});
