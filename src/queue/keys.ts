/** Where in Redis a campaign's things are. Everything of a run carries its token. */

/** Of BullMQ's own keys. */
export const QUEUE_PREFIX = 'msrdiff:queue';

/** Runs by the Redis server's time in seconds when they were last heard of (sorted set). */
export const RUNS = 'msrdiff:runs';

/** Jobs for any worker, or for those that have the campaign's kernels. */
export function queueName(token: string, kernels: boolean): string {
  return kernels ? `${token}-kernels` : token;
}

/** What the campaign is: a `RunDescription`. Gone when its coordinator is. */
export function runKey(token: string): string {
  return `msrdiff:run:${token}`;
}

/** Results that the coordinator has not taken yet (list). */
export function resultsKey(token: string): string {
  return `msrdiff:results:${token}`;
}

/** What workers say of themselves, by name (hash of `WorkerStatement`). */
export function workersKey(token: string): string {
  return `msrdiff:workers:${token}`;
}

/** How far the campaign is: a `RunStatus`. */
export function statusKey(token: string): string {
  return `msrdiff:status:${token}`;
}
