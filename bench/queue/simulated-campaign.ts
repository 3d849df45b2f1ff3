/**
 * A coordinator as `msrdiff fuzz --queue` runs it, in a process of its own: `node simulated-campaign.js OPTIONS`, JSON of
 * `CampaignOptions`. Prints JSON of `CampaignFigures` for the shards between two marks, when every window is full.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { CASES_PER_SHARD, Campaign, type ShardSink } from '../../src/fuzz/campaign.ts';
import type { WorkerConfig } from '../../src/fuzz/worker-protocol.ts';
import { connect } from '../../src/queue/connection.ts';
import { Coordinator } from '../../src/queue/coordinator.ts';
import { Store } from '../../src/store/store.ts';
import { processorSeconds } from './processor.ts';

export interface CampaignOptions {
  readonly url: string;
  readonly config: WorkerConfig;
  readonly names: readonly string[];
  readonly ahead: number;
  /** Measured are the shards from the first mark to the second. */
  readonly from: number;
  readonly to: number;
  /** The measured shards begin no sooner, in seconds: workers are being connected. */
  readonly notBefore: number;
  /** The measurement ends after so long, in seconds, however many shards there were. */
  readonly seconds: number;
  /** Where the database is made; left out, nothing is stored. */
  readonly folder?: string;
  readonly redis: number;
  readonly workers: number;
}

interface RedisCounts {
  readonly commands: Readonly<Record<string, number>>;
  readonly received: number;
  readonly sent: number;
  readonly memory: number;
}

export interface CampaignFigures {
  readonly shards: number;
  readonly seconds: number;
  /** Seconds of the processor. */
  readonly processor: { readonly coordinator: number; readonly redis: number; readonly workers: number };
  readonly before: RedisCounts;
  readonly after: RedisCounts;
  /** MiB. */
  readonly resident: number;
  readonly digest: string;
}

async function countsOf(redis: Redis): Promise<RedisCounts> {
  const text = await redis.info('everything');
  const value = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(text)?.[1]);
  const commands: Record<string, number> = {};
  for (const [, name, calls] of text.matchAll(/^cmdstat_(\S+?):calls=(\d+)/gm)) commands[name!] = Number(calls);
  const [received, sent] = [value('total_net_input_bytes'), value('total_net_output_bytes')];
  return { commands, received, sent, memory: value('used_memory') };
}

const options = JSON.parse(process.argv[2]!) as CampaignOptions;
const { url, config, names, ahead, from, to, seconds, folder } = options;
const redis = await connect(url);
const store = folder === undefined ? undefined : await Store.open(join(folder, `${randomUUID()}.db`));
const id = await store?.createCampaign(config.seed, config.profile, names, config);
const coordinator = await Coordinator.open(url, randomUUID(), 'bench', config, {
  timeoutMs: 10_000,
  version: 'bench',
  onNotice: (text) => process.stderr.write(`${text}\n`),
});
await coordinator.load();
const campaign = new Campaign(ahead);

const mark = async () => {
  const counts = await countsOf(redis);
  const { user, system } = process.cpuUsage();
  const others = { redis: processorSeconds(options.redis), workers: processorSeconds(options.workers) };
  return { at: performance.now(), processor: { coordinator: (user + system) / 1e6, ...others }, counts };
};

const begun = performance.now();
let first: (Awaited<ReturnType<typeof mark>> & { shards: number }) | undefined;
const stop = new AbortController();
const sink: ShardSink = async (accepted, totals, coverage) => {
  if (store) {
    const state = {
      ...{ campaign: id!, totals: { ...totals, seconds: totals.shardSeconds } },
      covered: { features: coverage.featuresSeen(), pairs: coverage.pairsSeen() },
    };
    const rows = accepted.map(({ folded, divergences }) => {
      const { shard, digest } = folded;
      return { shard, digest, result: folded, divergences };
    });
    await store.recordShards(rows, state, config.engines);
  }
  if (first) {
    if (totals.shards < to && performance.now() - first.at < seconds * 1000) return;
    if (stop.signal.aborted) return;
    const last = await mark();
    const { coordinator: ours, redis: theirs, workers } = last.processor;
    const before = first.processor;
    const figures: CampaignFigures = {
      shards: totals.shards - first.shards,
      seconds: (last.at - first.at) / 1000,
      processor: {
        coordinator: ours - before.coordinator,
        redis: theirs - before.redis,
        workers: workers - before.workers,
      },
      ...{ before: first.counts, after: last.counts },
      resident: process.memoryUsage.rss() / 2 ** 20,
      digest: totals.digest,
    };
    process.stdout.write(`${JSON.stringify(figures)}\n`);
    stop.abort();
    coordinator.cancel();
  } else if (totals.shards >= from && performance.now() - begun > options.notBefore * 1000) {
    first = { ...(await mark()), shards: totals.shards };
  }
};
const limits = { cases: Number.MAX_SAFE_INTEGER - CASES_PER_SHARD, workers: Number.POSITIVE_INFINITY };
await campaign.run(limits, (task) => coordinator.run(task), sink, stop.signal);
await coordinator.close();
await store?.close();
redis.disconnect();
