/** One run of a campaign, new or resumed: from the first shard to the summary. */
import type { EngineSpec } from '../engines/registry.ts';
import type { AcceptedShard, Campaign, CampaignTotals } from '../fuzz/campaign.ts';
import { type Coverage, FEATURE_NAMES } from '../fuzz/coverage.ts';
import type { FoundDivergence } from '../fuzz/findings.ts';
import type { ShardSource } from '../fuzz/shard-source.ts';
import { commandOptions } from '../fuzz/stored-engines.ts';
import type { WorkerConfig } from '../fuzz/worker-protocol.ts';
import { Exit } from '../model/exit.ts';
import { vectorText } from '../model/result-name.ts';
import { shownUrl } from '../queue/connection.ts';
import type { RunStatus } from '../queue/run-status.ts';
import type { Recorded, Store } from '../store/store.ts';
import { type Found, type FuzzSummary, fuzzSummary, summaryText } from './fuzz-summary.ts';
import { Progress } from './progress.ts';
import { line } from './render.ts';

/** What a campaign is, as stored: a resumed run takes everything from here. */
export interface StoredConfig {
  readonly worker: WorkerConfig;
  readonly cases: number | null;
  readonly seconds: number | null;
  /** Shards that may run ahead; absent in campaigns of versions that had one number for all. */
  readonly ahead?: number;
  /** Cases of a shard; absent: as many as campaigns have that do not say. */
  readonly shardCases?: number;
  /** What the campaign is called in a queue; absent in campaigns that had none. */
  readonly token?: string;
}

export interface RunOptions {
  readonly seconds?: number;
  readonly cases?: number;
  readonly database: string;
  readonly resume?: boolean | string;
  readonly json?: boolean;
  /** Absent with a queue. */
  readonly workers?: number;
  readonly queue?: string;
  /** Tells those that follow from elsewhere; `always`: this status must not be left out. */
  readonly onStatus?: (status: () => RunStatus, always: boolean) => Promise<void>;
}

export class FuzzRun {
  private readonly options: RunOptions;
  private readonly config: StoredConfig;
  private readonly store: Store;
  private readonly shards: ShardSource;
  private readonly campaign: Campaign;
  private readonly id: number;
  private readonly names: readonly string[];
  /** Seconds that earlier runs of this campaign took. */
  private readonly secondsBefore: number;
  private readonly started = performance.now();
  private readonly found = new Map<string, Found>();
  private readonly stop = new AbortController();
  private interrupted = false;

  constructor(
    options: RunOptions,
    config: StoredConfig,
    store: Store,
    shards: ShardSource,
    campaign: Campaign,
    id: number,
    names: readonly string[],
    secondsBefore: number,
  ) {
    this.options = options;
    this.config = config;
    this.store = store;
    this.shards = shards;
    this.campaign = campaign;
    this.id = id;
    this.names = names;
    this.secondsBefore = secondsBefore;
  }

  /** `signal`: the user wants it to end before its time. */
  async execute(signal: AbortSignal): Promise<number> {
    const { options, config, campaign, shards } = this;
    const cases = options.cases ?? config.cases ?? Number.POSITIVE_INFINITY;
    const budget = options.cases === undefined ? (options.seconds ?? config.seconds) : (options.seconds ?? null);
    const resumedBudget = options.resume !== undefined && options.seconds === undefined && options.cases === undefined;
    const seconds =
      budget === null ? Number.POSITIVE_INFINITY : Math.max(0, budget - (resumedBudget ? this.secondsBefore : 0));
    const progress = new Progress(process.stderr, cases, seconds, { ...campaign.totals });
    const timer = Number.isFinite(seconds) ? setTimeout(() => this.end(), seconds * 1000) : undefined;
    const onSignal = (): void => this.interrupt();
    signal.addEventListener('abort', onSignal);
    if (signal.aborted) this.interrupt();
    if (!options.json) this.announce(cases, seconds);
    let completed = false;
    let lost = false;
    try {
      await campaign.run(
        { cases, workers: options.workers ?? Number.POSITIVE_INFINITY },
        (task) => shards.run(task),
        async (accepted, totals, coverage) => {
          await this.record(accepted, totals, coverage);
          progress.update(totals, this.found.size, coverage);
          void options.onStatus?.(() => this.status('running'), false);
        },
        this.stop.signal,
      );
      completed = !this.interrupted;
    } catch (error) {
      lost = (error as { code?: string }).code === 'MSRDIFF_STORE';
      throw error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onSignal);
      progress.done();
      // After a failure that is what is told, not that the campaign could not be closed either. A database that is locked
      // or full would be waited for again.
      if (!lost) {
        await this.store
          .finishCampaign(this.id, completed ? 'finished' : 'interrupted', coverageOf(campaign.coverage))
          .catch((error: unknown) => {
            if (completed) throw error;
          });
      }
    }
    await options.onStatus?.(() => this.status(this.interrupted ? 'interrupted' : 'finished'), true);
    return this.report();
  }

  private interrupt(): void {
    this.interrupted = true;
    this.end();
  }

  private end(): void {
    this.stop.abort();
    this.shards.cancel?.();
  }

  private async record(accepted: readonly AcceptedShard[], totals: CampaignTotals, coverage: Coverage): Promise<void> {
    const { engines } = this.config.worker;
    const state = {
      campaign: this.id,
      totals: { ...totals, seconds: this.seconds() },
      covered: { features: coverage.featuresSeen(), pairs: coverage.pairsSeen() },
    };
    const rows = accepted.map(({ folded, divergences }) => {
      const { shard, digest } = folded;
      return { shard, digest, result: folded, divergences };
    });
    const recorded = await this.store.recordShards(rows, state, engines as readonly EngineSpec[]);
    for (const [i, { divergences }] of accepted.entries()) {
      for (const divergence of divergences) this.note(divergence, recorded[i]!);
    }
  }

  private note(divergence: FoundDivergence, { added, reopened }: Recorded): void {
    const earlier = this.found.get(divergence.id);
    if (earlier) {
      this.found.set(divergence.id, { ...earlier, cases: earlier.cases + divergence.cases });
      return;
    }
    const news = added.includes(divergence.id) ? 'new' : reopened.includes(divergence.id) ? 'reopened' : undefined;
    this.found.set(divergence.id, { ...divergence, news });
    if (!this.options.json && news) this.tell(divergence, news);
  }

  private seconds(): number {
    return this.secondsBefore + (performance.now() - this.started) / 1000;
  }

  private announce(cases: number, seconds: number): void {
    const { worker } = this.config;
    const limit = [
      Number.isFinite(cases) ? `${cases} cases` : '',
      Number.isFinite(seconds) ? `${Math.round(seconds)} s` : '',
    ];
    const verb = this.options.resume === undefined ? 'campaign' : 'resuming campaign';
    process.stdout.write(
      `${verb} ${this.id}: ${this.names.join(', ')}; profile ${worker.profile}; seed ${worker.seed}; ` +
        `${this.sampling()}${this.workers()}; ${limit.filter(Boolean).join(', ') || 'until interrupted'}\n`,
    );
  }

  private workers(): string {
    const { queue, workers = 0 } = this.options;
    return queue === undefined ? `${workers} worker${workers === 1 ? '' : 's'}` : `workers of ${shownUrl(queue)}`;
  }

  private sampling(): string {
    const { kernels, sample } = this.config.worker;
    if (Object.keys(kernels).length === 0) return '';
    const share = sample.every === 1 ? 'every case' : `one case in ${sample.every}`;
    return `kernels get ${share}, ${sample.accesses} accesses of each event; `;
  }

  private tell({ id, kind, subject, vector, message }: FoundDivergence, news: 'new' | 'reopened'): void {
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
    const said = message || vectorText(kind, vector);
    process.stdout.write(`${line(`${news} divergence ${id}: ${kind}, ${subject}: ${said}`)}\n`);
  }

  private report(): number {
    const { campaign, found, options } = this;
    const fresh = [...found.values()].filter(({ news }) => news !== undefined);
    const summary = this.summary();
    process.stdout.write(`${options.json ? JSON.stringify(summary) : summaryText(summary)}\n`);
    if (this.interrupted && !options.json) {
      const commands = commandOptions(this.config.worker.engines);
      const queue = options.queue === undefined ? [] : ['--queue', shownUrl(options.queue)];
      const again = ['msrdiff fuzz', '--database', options.database, '--resume', this.id, ...queue, ...commands];
      process.stdout.write(`interrupted; to continue: ${again.join(' ')}\n`);
    }
    if (this.interrupted) return Exit.INTERRUPTED;
    if (campaign.totals.cases === 0) return Exit.OK;
    return fresh.length > 0 ? Exit.DIVERGED : Exit.OK;
  }

  private status(state: RunStatus['state']): RunStatus {
    return { state, summary: this.summary() };
  }

  private summary(): FuzzSummary {
    const { campaign, found, names, id, interrupted, config, options } = this;
    const { totals, coverage } = campaign;
    return fuzzSummary({
      ...{ totals, coverage, found: found.values(), engines: names, campaign: id, interrupted },
      ...{ worker: config.worker, seconds: this.seconds(), database: options.database },
    });
  }
}

function coverageOf(coverage: Coverage): { features: Record<string, number>; featuresSeen: number; pairsSeen: number } {
  const features = Object.fromEntries(FEATURE_NAMES.map((name, i) => [name, coverage.features[i]!]));
  return { features, featuresSeen: coverage.featuresSeen(), pairsSeen: coverage.pairsSeen() };
}
