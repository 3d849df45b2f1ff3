/** Which campaigns are in the queue, and what is left there of those that are no more. */
import type { Redis } from 'ioredis';
import { commit, loadBullmq } from './connection.ts';
import { QUEUE_PREFIX, queueName, RUNS, resultsKey, runKey, statusKey, workersKey } from './keys.ts';
import { encode, parseRun, type RunDescription } from './messages.ts';

/** Seconds that a description stays without being renewed. */
const DESCRIPTION_SECONDS = 15;
/** What a coordinator has left that has not been heard of for so long is removed, in seconds. */
const FORGET_SECONDS = 86_400;

/** Seconds by the Redis server's clock: those of the machines may differ. */
export async function serverSeconds(redis: Redis): Promise<number> {
  return Number((await redis.time())[0]);
}

/** Tells workers of the campaign; to be repeated every few seconds. */
export async function announceRun(redis: Redis, description: RunDescription): Promise<void> {
  const { token } = description;
  const now = await serverSeconds(redis);
  await commit(redis.multi().set(runKey(token), encode(description), 'EX', DESCRIPTION_SECONDS).zadd(RUNS, now, token));
}

export async function readRun(redis: Redis, token: string): Promise<RunDescription | undefined> {
  const text = await redis.get(runKey(token));
  return text === null ? undefined : parseRun(text);
}

/** Tokens of the runs whose coordinators live, the longest unheard of first. */
export async function liveRuns(redis: Redis): Promise<string[]> {
  const now = await serverSeconds(redis);
  return redis.zrangebyscore(RUNS, now - DESCRIPTION_SECONDS, '+inf');
}

/** Removes everything of a run but its status. */
export async function removeRun(redis: Redis, token: string): Promise<void> {
  const { Queue } = await loadBullmq();
  for (const kernels of [false, true]) {
    // A queue that is only removed must not be written down first: that could come last.
    const options = { connection: redis, prefix: QUEUE_PREFIX, skipMetasUpdate: true };
    const queue = new Queue(queueName(token, kernels), options);
    await queue.obliterate({ force: true });
    await queue.close();
  }
  await redis.del(runKey(token), resultsKey(token), workersKey(token));
  await redis.zrem(RUNS, token);
}

/** Removes what coordinators left that were killed and never came back. */
export async function removeForgotten(redis: Redis): Promise<void> {
  const before = (await serverSeconds(redis)) - FORGET_SECONDS;
  for (const token of await redis.zrangebyscore(RUNS, '-inf', before)) {
    await removeRun(redis, token);
    await redis.del(statusKey(token));
  }
}
