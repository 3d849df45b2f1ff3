/** What workers cost that do nothing: their polls at Redis, and their statements at the coordinator. */
import { connect } from '../../src/queue/connection.ts';
import { parseStatement } from '../../src/queue/messages.ts';
import { processorSeconds } from './processor.ts';
import { startRedis } from './redis-server.ts';

const CONNECTIONS = 50;
const POLLS = 400;
const DESCRIPTION_BYTES = 1300;
const STATEMENTS = 2000;
const LOOKS = 50;

export interface PollTimes {
  /** Seconds of Redis for one poll. */
  readonly pollSeconds: number;
  /** Seconds of the coordinator for what one worker says of itself. */
  readonly statementSeconds: number;
}

export async function measurePolls(folder: string): Promise<PollTimes> {
  const server = await startRedis(folder);
  const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => connect(server.url)));
  const [redis] = connections as [(typeof connections)[number]];
  try {
    await redis.set('description', 'x'.repeat(DESCRIPTION_BYTES));
    const before = processorSeconds(server.pid);
    const poll = async (connection: typeof redis): Promise<void> => {
      for (let i = 0; i < POLLS; i++) await connection.get('description');
    };
    await Promise.all(connections.map(poll));
    const pollSeconds = (processorSeconds(server.pid) - before) / (CONNECTIONS * POLLS);
    const statement = { at: 1_700_000_000, version: '0.1.0', build: '0'.repeat(64), threads: 2, kernels: false };
    for (let i = 0; i < STATEMENTS; i++) await redis.hset('workers', `host-${i}`, JSON.stringify(statement));
    const { user, system } = process.cpuUsage();
    for (let i = 0; i < LOOKS; i++) Object.values(await redis.hgetall('workers')).map(parseStatement);
    const after = process.cpuUsage({ user, system });
    return { pollSeconds, statementSeconds: (after.user + after.system) / 1e6 / (STATEMENTS * LOOKS) };
  } finally {
    for (const connection of connections) connection.disconnect();
    await server.stop();
  }
}
