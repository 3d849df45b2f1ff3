/** Campaigns of the library: random cases through a list of engines, nothing stored. */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { Campaign, type CampaignTotals } from '../fuzz/campaign.ts';
import { ACCESSES_PER_CASE } from '../fuzz/case.ts';
import { type Coverage, FEATURE_COUNT } from '../fuzz/coverage.ts';
import type { FoundDivergence } from '../fuzz/findings.ts';
import { SHIPPED_LEDGER } from '../fuzz/ledger.ts';
import { WorkerPool } from '../fuzz/pool.ts';
import { DEFAULT_SAMPLE } from '../fuzz/sample.ts';
import type { WorkerConfig } from '../fuzz/worker-protocol.ts';
import { VERDICT_NAMES } from '../model/verdict.ts';
import { type Divergence, divergenceOf } from './divergence.ts';
import type { EngineList } from './engine-list.ts';
import { LocalShards } from './local-shards.ts';
import { count, flag, lasting, seed } from './options.ts';

/** Seconds of a campaign that has no limit. */
const DEFAULT_SECONDS = 30;

/** What a campaign is given; the defaults are in it. */
export const CAMPAIGN = z.strictObject({
  ...lasting,
  cases: count.optional(),
  seed: seed.optional(),
  accesses: count.default(ACCESSES_PER_CASE),
  ledger: flag.default(true),
  stopAtFirst: flag.default(false),
});

/** How far a campaign has come. */
export interface CampaignProgress {
  /** Cases that are done. */
  readonly cases: number;
  /** Accesses in all, each of which every engine was asked. */
  readonly accesses: number;
  /** Divergences that are known so far. */
  readonly divergences: number;
  /** Features of cases (README, "Concepts") that were met, and of how many. */
  readonly coverage: { readonly features: number; readonly of: number };
  /** Since the start. */
  readonly seconds: number;
}

/** What a campaign has done and found. Nothing of it is stored. */
export interface CampaignReport extends CampaignProgress {
  /** Names of the engines, in order. */
  readonly engines: readonly string[];
  /** Id of the kernel profile. */
  readonly profile: string;
  /** u64. */
  readonly seed: bigint;
  /** Whether it reached its limit: false if the signal, or `stopAtFirst`, ended it. */
  readonly completed: boolean;
  /** Accesses by verdict of the first engine: `allow`, `gp`, `filter`, `unknown`, `inval`. */
  readonly verdicts: Readonly<Record<string, number>>;
  /** Observations that the ledger knows, by its id. */
  readonly known: Readonly<Record<string, number>>;
  /** Of all answers: the same seed and number of cases give the same, with any number of workers. */
  readonly digest: string;
  /** What it found, each with its reduced scenario, in the order of the cases. */
  readonly found: readonly Divergence[];
}

type Options = z.output<typeof CAMPAIGN>;

/** What runs the shards: threads, or this one. */
interface Shards {
  readonly names: readonly string[];
  run: Parameters<Campaign['run']>[1];
  close(): Promise<void>;
}

/** Throws EngineUnavailable. */
export async function runCampaign(list: EngineList, options: Options): Promise<CampaignReport> {
  const seedUsed = options.seed ?? randomBytes(8).readBigUInt64LE();
  const shards = await startShards(list, configOf(list, options, seedUsed), options);
  const started = performance.now();
  const stop = new AbortController();
  const limit = options.seconds ?? (options.cases === undefined ? DEFAULT_SECONDS : undefined);
  let timeIsOver = false;
  const timer =
    limit === undefined
      ? undefined
      : setTimeout(() => {
          timeIsOver = true;
          stop.abort();
        }, limit * 1000);
  const onAbort = (): void => stop.abort();
  options.signal?.addEventListener('abort', onAbort);
  if (options.signal?.aborted) stop.abort();
  const campaign = new Campaign();
  const found = new Map<string, FoundDivergence>();
  const progress = (totals: CampaignTotals, coverage: Coverage): CampaignProgress => ({
    ...{ cases: totals.cases, accesses: totals.accesses, divergences: found.size },
    coverage: { features: coverage.featuresSeen(), of: FEATURE_COUNT },
    seconds: (performance.now() - started) / 1000,
  });
  const cases = options.cases ?? Number.POSITIVE_INFINITY;
  const onProgress = options.onProgress as ((progress: CampaignProgress) => void) | undefined;
  try {
    await campaign.run(
      { cases, workers: list.kind === 'threads' ? options.workers : 1 },
      (task) => shards.run(task),
      async (accepted, totals, coverage) => {
        for (const divergence of accepted.flatMap(({ divergences }) => divergences))
          if (!found.has(divergence.id)) found.set(divergence.id, divergence);
        if (options.stopAtFirst && found.size > 0) stop.abort();
        onProgress?.(progress(totals, coverage));
      },
      stop.signal,
    );
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', onAbort);
    await shards.close();
  }
  const { totals, coverage } = campaign;
  return {
    ...progress(totals, coverage),
    ...{ engines: shards.names, profile: options.profile, seed: seedUsed },
    completed: totals.cases >= cases || timeIsOver,
    verdicts: Object.fromEntries(VERDICT_NAMES.map((name, verdict) => [name, totals.verdicts[verdict]!])),
    known: totals.known,
    digest: totals.digest,
    found: [...found.values()].map(divergenceOf),
  };
}

function configOf(list: EngineList, options: Options, seedUsed: bigint): WorkerConfig {
  return {
    seed: String(seedUsed),
    profile: options.profile,
    engines: list.kind === 'threads' ? list.specs : [],
    ledger: options.ledger ? SHIPPED_LEDGER : [],
    day: new Date().toISOString().slice(0, 10),
    accessesPerCase: options.accesses,
    sample: DEFAULT_SAMPLE,
    kernels: {},
  };
}

async function startShards(list: EngineList, config: WorkerConfig, options: Options): Promise<Shards> {
  const timeoutMs = options.timeout * 1000;
  if (list.kind === 'here') {
    const local = new LocalShards(list.engines, config, timeoutMs);
    const names = list.engines.map(({ name }) => name);
    return { names, run: (task) => local.run(task), close: async () => {} };
  }
  const pool = new WorkerPool(config, options.workers, timeoutMs);
  try {
    const { names } = await pool.load();
    return { names, run: (task) => pool.run(task), close: () => pool.close() };
  } catch (error) {
    await pool.close();
    throw error;
  }
}
