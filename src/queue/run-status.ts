/** How far a campaign is, for those that follow it from elsewhere. */
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { statusKey } from './keys.ts';
import { QueueError } from './queue-error.ts';

/** Seconds that a status stays without being renewed: a coordinator that is killed is missed after that. */
const RUNNING_SECONDS = 15;
/** Seconds that the status of an ended campaign stays. */
const ENDED_SECONDS = 3_600;

export interface RunStatus {
  readonly state: 'running' | 'finished' | 'interrupted';
  /** As `msrdiff fuzz --json` prints it. */
  readonly summary: unknown;
}

const STATUS = z.object({ state: z.enum(['running', 'finished', 'interrupted']), summary: z.unknown() });

function parseStatus(text: string): RunStatus {
  try {
    return STATUS.parse(JSON.parse(text));
  } catch {
    throw new QueueError("the campaign's status in the queue cannot be read: is it of another version?");
  }
}

export async function writeStatus(redis: Redis, token: string, status: RunStatus): Promise<void> {
  const seconds = status.state === 'running' ? RUNNING_SECONDS : ENDED_SECONDS;
  await redis.set(statusKey(token), JSON.stringify(status), 'EX', seconds);
}

/** undefined: there is none. Throws QueueError. */
export async function readStatus(redis: Redis, token: string): Promise<RunStatus | undefined> {
  const text = await redis.get(statusKey(token));
  return text === null ? undefined : parseStatus(text);
}
