/** Shards per second through one Redis and one coordinator, with workers that answer at once. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Prepared } from './prepared.ts';
import { startRedis } from './redis-server.ts';
import type { CampaignFigures, CampaignOptions } from './simulated-campaign.ts';

const WORKERS = new URL('./simulated-workers.js', import.meta.url).pathname;
const CAMPAIGN = new URL('./simulated-campaign.js', import.meta.url).pathname;

export interface RateOptions {
  readonly prepared: Prepared;
  readonly workers: number;
  /** Milliseconds that a worker takes for a shard, without using the processor. */
  readonly delay?: number;
  readonly ahead: number;
  readonly seconds: number;
  readonly stored: boolean;
  readonly folder: string;
  /** For the coordinator, such as --cpu-prof. */
  readonly nodeOptions?: readonly string[];
}

/** A thousand connections take a moment. */
const SECONDS_PER_WORKER = 0.005;

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once('close', resolve));
}

export async function measureRate(options: RateOptions): Promise<CampaignFigures> {
  const { prepared, workers, delay = 0, ahead, seconds, stored, folder, nodeOptions = [] } = options;
  const server = await startRedis(folder);
  const simulated = spawn(
    process.execPath,
    [WORKERS, server.url, prepared.path, String(workers), prepared.names.join(), String(delay)],
    { stdio: ['pipe', 'inherit', 'inherit'] },
  );
  try {
    const campaign: CampaignOptions = {
      ...{ url: server.url, config: prepared.config, names: prepared.names, ahead, seconds },
      // Twice as many shards as have been folded may run, until the window is full.
      from: Math.max(2 * ahead, prepared.outcomes.length),
      to: Number.MAX_SAFE_INTEGER,
      notBefore: workers * SECONDS_PER_WORKER,
      ...(stored ? { folder } : {}),
      ...{ redis: server.pid, workers: simulated.pid! },
    };
    const child = spawn(process.execPath, [...nodeOptions, CAMPAIGN, JSON.stringify(campaign)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    const code = await ended(child);
    if (code !== 0 || output === '') throw new Error(`the simulated campaign ended with ${code}`);
    return JSON.parse(output) as CampaignFigures;
  } finally {
    const over = ended(simulated);
    simulated.stdin.end();
    await over;
    await server.stop();
  }
}
