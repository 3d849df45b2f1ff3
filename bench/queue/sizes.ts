/** What the messages of a campaign and its rows take: in Redis, on the wire, in the database. */
import { randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { CASES_PER_SHARD, Campaign } from '../../src/fuzz/campaign.ts';
import type { ShardTask } from '../../src/fuzz/shard.ts';
import { buildHash, engineHashes } from '../../src/queue/build.ts';
import { connect, loadBullmq } from '../../src/queue/connection.ts';
import { encode, encodeTask } from '../../src/queue/messages.ts';
import { Store } from '../../src/store/store.ts';
import type { Table } from '../report.ts';
import { median } from '../statistics.ts';
import type { Load, Prepared } from './prepared.ts';
import { startRedis } from './redis-server.ts';

/** The most that a campaign keeps (src/fuzz/reductions.ts). */
const MOST_SIGNATURES = 4096;
/** Jobs from which the memory of one is told. */
const JOBS = 2000;
const STORED = 1000;

const bytes = (value: number): string => Math.round(value).toLocaleString('en-US');

/** A task as it is in a campaign with so many signatures: the prepared ones again, told apart by a number. */
function withSignatures(task: ShardTask, signatures: number): ShardTask {
  const known = [...task.reductions];
  const more = Array.from({ length: signatures }, (_, i) => {
    const [signature, id] = known[i % known.length]!;
    // Ids are hashes: they do not compress as the signatures do.
    return [`${signature} ${i}`, i < known.length ? id : randomUUID().replaceAll('-', '').slice(0, 16)] as const;
  });
  return { ...task, reductions: new Map(more) };
}

export interface Sizes {
  readonly tables: readonly Table[];
  /** Bytes of a steady campaign, for the model. */
  readonly model: { readonly inFlight: number; readonly stored: number };
}

export async function measureSizes(prepared: Readonly<Record<Load, Prepared>>, folder: string): Promise<Sizes> {
  const run = randomUUID();
  const build = buildHash();
  const taskBytes = (task: ShardTask): number => encodeTask({ run, task }).length;
  const rows: string[][] = [];
  const note = (name: string, sizes: readonly number[]): void => {
    rows.push([name, bytes(median(sizes)), bytes(Math.max(...sizes))]);
  };
  for (const [load, { config, tasks, outcomes }] of Object.entries(prepared)) {
    const description = {
      ...{ token: run, run, version: '0.1.0', build, label: 'host:/path/to/msrdiff.sqlite', timeoutMs: 10_000, config },
      engineHashes: engineHashes(config.engines),
    };
    note(`description, ${load}`, [encode(description).length]);
    note(`task, ${load}`, tasks.map(taskBytes));
    note(
      `result, ${load}`,
      outcomes.map((outcome) => encode({ kind: 'shard', run, build, outcome }).length),
    );
  }
  const steady = prepared.quiet.tasks.findLast(({ knownPairs }) => knownPairs.length > 0)!;
  const told = withSignatures(prepared.diverging.tasks.at(-1)!, MOST_SIGNATURES);
  note(`task, ${MOST_SIGNATURES.toLocaleString('en-US')} signatures`, [taskBytes(told)]);
  const inFlight = await jobMemory(encodeTask({ run, task: steady }), folder);
  const inFlightTold = await jobMemory(encodeTask({ run, task: told }), folder);
  const stored = {
    quiet: await databaseBytes(prepared.quiet, folder),
    diverging: await databaseBytes(prepared.diverging, folder),
  };
  return {
    model: { inFlight, stored: stored.quiet.running },
    tables: [
      { title: 'Messages: bytes', head: ['message', 'median', 'maximum'], rows },
      {
        title: 'Memory and storage: bytes per shard',
        head: ['where', 'bytes'],
        rows: [
          ['Redis, a shard that waits', bytes(inFlight)],
          ['Redis, a shard that waits, 4,096 signatures', bytes(inFlightTold)],
          ['database, quiet, while the campaign runs', bytes(stored.quiet.running)],
          ['database, diverging, while the campaign runs', bytes(stored.diverging.running)],
        ],
      },
    ],
  };
}

async function jobMemory(data: string, folder: string): Promise<number> {
  const server = await startRedis(folder);
  const redis = await connect(server.url);
  const used = async (): Promise<number> => Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))![1]);
  try {
    const { Queue } = await loadBullmq();
    const queue = new Queue('sizes', { connection: redis });
    await queue.add('shard', data);
    const before = await used();
    for (let done = 0; done < JOBS; done += 100) {
      await queue.addBulk(Array.from({ length: 100 }, () => ({ name: 'shard', data })));
    }
    const after = await used();
    await queue.close();
    return (after - before) / JOBS;
  } finally {
    redis.disconnect();
    await server.stop();
  }
}

/** The prepared results stored as those of a longer campaign: the last half again and again. */
async function databaseBytes({ config, names, outcomes }: Prepared, folder: string): Promise<{ running: number }> {
  const path = join(folder, `${randomUUID()}.db`);
  const store = await Store.open(path);
  const campaign = await store.createCampaign(config.seed, config.profile, names, config);
  await store.checkpoint();
  const before = statSync(path).size;
  const half = outcomes.length >>> 1;
  await new Campaign().run(
    { cases: STORED * CASES_PER_SHARD, workers: 1 },
    async ({ shard }) => {
      const from = shard < outcomes.length ? shard : half + (shard % (outcomes.length - half));
      const { result, failures } = outcomes[from]!;
      return { result: { ...result, shard }, failures };
    },
    async (accepted, totals) => {
      const rows = accepted.map(({ folded, divergences }) => {
        const { shard, digest } = folded;
        return { shard, digest, result: folded, divergences };
      });
      const state = { campaign, totals: { ...totals, seconds: totals.shardSeconds } };
      await store.recordShards(rows, state, config.engines);
    },
    new AbortController().signal,
  );
  await store.checkpoint();
  const running = (statSync(path).size - before) / STORED;
  await store.close();
  return { running };
}
