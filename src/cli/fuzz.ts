/** `msrdiff fuzz`: a campaign, from options to summary. */
import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { EngineUnavailable } from '../engines/engine-unavailable.ts';
import { DEFAULT_ENGINES, DEFAULT_TIMEOUT_MS, type EngineSpec, engineSpecs } from '../engines/registry.ts';
import { Campaign, type CampaignTotals, type FoldedShard } from '../fuzz/campaign.ts';
import { ACCESSES_PER_CASE } from '../fuzz/case.ts';
import { type Coverage, FEATURE_COUNT, FEATURE_NAMES, PAIR_COUNT } from '../fuzz/coverage.ts';
import type { FoundDivergence } from '../fuzz/findings.ts';
import { type LedgerEntry, SHIPPED_LEDGER } from '../fuzz/ledger.ts';
import { readLedger } from '../fuzz/ledger-json.ts';
import { WorkerPool } from '../fuzz/pool.ts';
import { DEFAULT_SAMPLE, type SampleRate } from '../fuzz/sample.ts';
import { commandOptions, commandsOf, permittedEngines } from '../fuzz/stored-engines.ts';
import type { WorkerConfig } from '../fuzz/worker-protocol.ts';
import { Exit } from '../model/exit.ts';
import { InputError } from '../model/input-error.ts';
import type { KernelProfile } from '../model/profile.ts';
import { vectorText } from '../model/result-name.ts';
import { VERDICT_NAMES } from '../model/verdict.ts';
import { Store } from '../store/store.ts';
import {
  collect,
  commandOption,
  databaseOption,
  enginesOption,
  jsonOption,
  type KernelCliOptions,
  kernelOptions,
  kernelOptionsOf,
  moduleOption,
  positiveInteger,
  positiveNumber,
  profileOption,
  readInput,
  seedValue,
} from './options.ts';
import { Progress } from './progress.ts';
import { line, quantity, table } from './render.ts';

const DEFAULT_SECONDS = 30;
/** Accesses per case, in samples, when every case is one. */
const SAMPLED_CASE = 16;

interface FuzzOptions extends KernelCliOptions {
  readonly seconds?: number;
  readonly cases?: number;
  readonly seed?: bigint;
  readonly workers: number;
  readonly engines?: string[];
  readonly engineModule?: string[];
  readonly engineCommand?: string[];
  readonly profile: KernelProfile;
  readonly database: string;
  readonly accesses?: number;
  readonly sample?: number;
  readonly sampleAccesses: number;
  readonly timeout: number;
  readonly ledger: string[] | boolean;
  readonly resume?: boolean | string;
  readonly json?: boolean;
}

/** What a campaign is, as stored: a resumed run takes everything from here. */
interface StoredConfig {
  readonly worker: WorkerConfig;
  readonly cases: number | null;
  readonly seconds: number | null;
}

export function addFuzz(program: Command): void {
  const command = program
    .command('fuzz')
    .description('run a campaign: random filters and access streams through several engines')
    .option('--seconds <n>', `run for so long (default: ${DEFAULT_SECONDS}, unless --cases is given)`, positiveNumber)
    .option('--cases <n>', 'run so many cases', positiveInteger)
    .option('--seed <n>', 'seed of the run, u64 (default: random)', seedValue)
    .option('--workers <n>', 'worker threads', positiveInteger, availableParallelism())
    .addOption(enginesOption().default(undefined, DEFAULT_ENGINES.join(',')))
    .addOption(moduleOption())
    .addOption(commandOption())
    .addOption(profileOption())
    .addOption(databaseOption())
    .option('--accesses <n>', `accesses per case (default: ${ACCESSES_PER_CASE})`, positiveInteger)
    .option(
      '--sample <n>',
      `real kernels get one case in n (default: ${DEFAULT_SAMPLE.every}; 1 if there is one other engine)`,
      positiveInteger,
    )
    .option('--sample-accesses <n>', 'accesses of each event that they get', positiveInteger, DEFAULT_SAMPLE.accesses)
    .option(
      '--timeout <seconds>',
      'how long an engine may take for one case',
      positiveNumber,
      DEFAULT_TIMEOUT_MS / 1000,
    )
    .option('--ledger <file>', 'known divergences of your own, JSON (repeatable)', collect)
    .option('--no-ledger', 'report known divergences as well')
    .option('--resume [campaign]', 'continue an interrupted campaign (default: the newest)')
    .addOption(jsonOption());
  for (const option of kernelOptions()) command.addOption(option);
  command.action(async (options: FuzzOptions) => {
    process.exitCode = await fuzz(options);
  });
}

function ledgerOf({ ledger }: FuzzOptions): LedgerEntry[] {
  if (ledger === false) return [];
  const own = Array.isArray(ledger) ? ledger.flatMap((path) => readLedger(readInput(path), path)) : [];
  return [...SHIPPED_LEDGER, ...own];
}

function configOf(options: FuzzOptions): StoredConfig {
  const { engineModule: modules = [], engineCommand: commands = [] } = options;
  const own = modules.length + commands.length > 0;
  const names = options.engines ?? (own ? ['reference'] : DEFAULT_ENGINES);
  const engines = engineSpecs(names, modules, commands, kernelOptionsOf(options));
  // Kernels are compared with models of their rules.
  if (engines.every(({ kind }) => kind === 'kernel')) engines.unshift(...engineSpecs(['reference'], []));
  if (engines.length < 2 && options.engines) {
    throw new InputError('--engines names one engine: a comparison needs at least two');
  }
  const seed = options.seed ?? randomBytes(8).readBigUInt64LE();
  const worker: WorkerConfig = {
    seed: String(seed),
    profile: options.profile.id,
    engines,
    ledger: ledgerOf(options),
    day: new Date().toISOString().slice(0, 10),
    ...sampling(options, engines),
    kernels: {},
  };
  const seconds = options.seconds ?? (options.cases === undefined ? DEFAULT_SECONDS : null);
  return { worker, cases: options.cases ?? null, seconds };
}

/** One engine beside the kernels has nothing else to be compared with: every case is a sample, and short. */
function sampling(
  { accesses, sample, sampleAccesses }: FuzzOptions,
  engines: readonly EngineSpec[],
): { accessesPerCase: number; sample: SampleRate } {
  const others = engines.filter((spec) => spec.kind !== 'kernel').length;
  const forKernels = others < 2;
  return {
    accessesPerCase: accesses ?? (forKernels ? sampleAccesses * SAMPLED_CASE : ACCESSES_PER_CASE),
    sample: { every: sample ?? (forKernels ? 1 : DEFAULT_SAMPLE.every), accesses: sampleAccesses },
  };
}

async function fuzz(options: FuzzOptions): Promise<number> {
  if (options.resume !== undefined && (options.seed !== undefined || options.engines || options.engineModule)) {
    throw new InputError(
      '--resume takes seed and engines from the stored campaign: leave --seed, --engines and --engine-module out',
    );
  }
  const resumeId = typeof options.resume === 'string' ? campaignNumber(options.resume) : undefined;
  // Everything about engines is checked before a database is made or locked.
  const fresh = options.resume === undefined ? configOf(options) : undefined;
  const store = await Store.open(options.database);
  let pool: WorkerPool | undefined;
  try {
    const stored = fresh ? undefined : await store.resumeCampaign(resumeId);
    let config = fresh ?? (stored!.config as StoredConfig);
    const { worker } = config;
    if (stored) checkStored(worker.engines, options.engineCommand ?? []);
    pool = new WorkerPool(worker, options.workers, options.timeout * 1000);
    const { names, kernels } = await pool.load();
    if (stored && names.join() !== stored.engines.join()) {
      throw new EngineUnavailable(
        `campaign ${stored.id} ran ${stored.engines.join(', ')}, and what is there now is ${names.join(', ')}: ` +
          'give the engines their names back',
      );
    }
    config = { ...config, worker: { ...worker, kernels } };
    const id = stored?.id ?? (await store.createCampaign(worker.seed, worker.profile, names, config));
    const campaign = new Campaign();
    for (const shard of stored ? await store.shards(id) : []) campaign.restore(shard as FoldedShard);
    const run = new Run(options, config, store, pool, campaign, id, names, stored?.seconds ?? 0);
    return await run.execute();
  } finally {
    await pool?.close();
    await store.close();
  }
}

/** Engines of a stored campaign that may be gone, or may not be run without being asked for. */
function checkStored(engines: readonly EngineSpec[], commands: readonly string[]): void {
  engineSpecs(
    [],
    engines.flatMap((spec) => (spec.kind === 'module' ? [spec.path] : [])),
  );
  permittedEngines(engines, commands);
  const others = commands.filter((command) => !commandsOf(engines).includes(command));
  if (others.length === 0) return;
  throw new InputError(
    `the stored campaign does not run ${JSON.stringify(others[0])}: leave that --engine-command out`,
  );
}

function campaignNumber(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new InputError(`--resume ${text} is no campaign number: see "msrdiff list --campaigns"`);
}

interface Found extends FoundDivergence {
  /** Not seen before by this database, or fixed before. */
  readonly news: 'new' | 'reopened' | undefined;
}

/** One run of a campaign, new or resumed. */
class Run {
  private readonly options: FuzzOptions;
  private readonly config: StoredConfig;
  private readonly store: Store;
  private readonly pool: WorkerPool;
  private readonly campaign: Campaign;
  private readonly id: number;
  private readonly names: readonly string[];
  /** Seconds that earlier runs of this campaign took. */
  private readonly secondsBefore: number;
  private readonly started = Date.now();
  private readonly found = new Map<string, Found>();
  private readonly stop = new AbortController();
  private interrupted = false;

  constructor(
    options: FuzzOptions,
    config: StoredConfig,
    store: Store,
    pool: WorkerPool,
    campaign: Campaign,
    id: number,
    names: readonly string[],
    secondsBefore: number,
  ) {
    this.options = options;
    this.config = config;
    this.store = store;
    this.pool = pool;
    this.campaign = campaign;
    this.id = id;
    this.names = names;
    this.secondsBefore = secondsBefore;
  }

  async execute(): Promise<number> {
    const { options, config, campaign, pool } = this;
    const cases = options.cases ?? config.cases ?? Number.POSITIVE_INFINITY;
    const budget = options.cases === undefined ? (options.seconds ?? config.seconds) : (options.seconds ?? null);
    const resumedBudget = options.resume !== undefined && options.seconds === undefined && options.cases === undefined;
    const seconds =
      budget === null ? Number.POSITIVE_INFINITY : Math.max(0, budget - (resumedBudget ? this.secondsBefore : 0));
    const progress = new Progress(process.stderr, cases, seconds, { ...campaign.totals });
    const timer = Number.isFinite(seconds) ? setTimeout(() => this.stop.abort(), seconds * 1000) : undefined;
    const onSignal = (): void => this.interrupt();
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
    if (!options.json) this.announce(cases, seconds);
    let completed = false;
    try {
      await campaign.run(
        { cases, workers: options.workers },
        (task) => pool.run(task),
        async (folded, divergences, totals, coverage) => {
          await this.record(folded, divergences, totals, coverage);
          progress.update(totals, this.found.size, coverage);
        },
        this.stop.signal,
      );
      completed = !this.interrupted;
    } finally {
      clearTimeout(timer);
      process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
      progress.done();
      // After a failure that is what is told, not that the campaign could not be closed either.
      await this.store
        .finishCampaign(this.id, completed ? 'finished' : 'interrupted', coverageOf(campaign.coverage))
        .catch((error: unknown) => {
          if (completed) throw error;
        });
    }
    return this.report();
  }

  private interrupt(): void {
    if (this.interrupted) process.exit(Exit.INTERRUPTED);
    this.interrupted = true;
    this.stop.abort();
  }

  private async record(
    folded: FoldedShard,
    divergences: readonly FoundDivergence[],
    totals: CampaignTotals,
    coverage: Coverage,
  ): Promise<void> {
    const { engines } = this.config.worker;
    const record = {
      campaign: this.id,
      shard: folded.shard,
      digest: folded.digest,
      result: folded,
      divergences,
      totals: { ...totals, seconds: this.seconds() },
      covered: { features: coverage.featuresSeen(), pairs: coverage.pairsSeen() },
    };
    const { added, reopened } = await this.store.recordShard(record, engines as readonly EngineSpec[]);
    for (const divergence of divergences) {
      const earlier = this.found.get(divergence.id);
      if (earlier) this.found.set(divergence.id, { ...earlier, cases: earlier.cases + divergence.cases });
      else {
        const news = added.includes(divergence.id) ? 'new' : reopened.includes(divergence.id) ? 'reopened' : undefined;
        this.found.set(divergence.id, { ...divergence, news });
        if (!this.options.json && news) this.tell(divergence, news);
      }
    }
  }

  private seconds(): number {
    return this.secondsBefore + (Date.now() - this.started) / 1000;
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
        `${this.sampling()}${this.options.workers} worker${this.options.workers === 1 ? '' : 's'}; ${limit.filter(Boolean).join(', ') || 'until interrupted'}\n`,
    );
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
    if (options.json) process.stdout.write(`${JSON.stringify(this.summary())}\n`);
    else process.stdout.write(`${this.text()}\n`);
    if (this.interrupted && !options.json) {
      const commands = commandOptions(this.config.worker.engines);
      const again = ['msrdiff fuzz', '--database', options.database, '--resume', this.id, ...commands].join(' ');
      process.stdout.write(`interrupted; to continue: ${again}\n`);
    }
    if (this.interrupted) return Exit.INTERRUPTED;
    if (campaign.totals.cases === 0) return Exit.OK;
    return fresh.length > 0 ? Exit.DIVERGED : Exit.OK;
  }

  private summary(): Record<string, unknown> {
    const { totals, coverage } = this.campaign;
    return {
      seed: this.config.worker.seed,
      cases: totals.cases,
      accesses: totals.accesses,
      verdicts: Object.fromEntries(VERDICT_NAMES.map((name, i) => [name, totals.verdicts[i]])),
      divergences: [...this.found.values()].map(({ id, kind, subject, cases, size, news }) => ({
        id,
        kind,
        subject,
        cases,
        size,
        new: news === 'new',
        reopened: news === 'reopened',
      })),
      known: totals.known,
      samples: totals.samples,
      kernels: Object.fromEntries(
        Object.entries(this.config.worker.kernels).map(([name, { description, profile }]) => [
          name,
          { description, profile },
        ]),
      ),
      seconds: Math.round(this.seconds() * 1000) / 1000,
      engines: this.names,
      profile: this.config.worker.profile,
      coverage: {
        features: coverage.featuresSeen(),
        of: FEATURE_COUNT,
        pairs: coverage.pairsSeen(),
        unseen: coverage.unseen(),
      },
      digest: totals.digest,
      engineShare: totals.shardSeconds === 0 ? 0 : totals.engineSeconds / totals.shardSeconds,
      campaign: this.id,
      interrupted: this.interrupted,
      database: this.options.database,
    };
  }

  private text(): string {
    const count = (kind: string): number => [...this.found.values()].filter(({ news }) => news === kind).length;
    const reopened = count('reopened');
    const { totals, coverage } = this.campaign;
    const seconds = this.seconds();
    const known = Object.entries(totals.known).map(([id, count]) => `${id} ${quantity(count)}`);
    const rate = totals.accesses / Math.max(totals.shardSeconds, 1e-9);
    const rows = [
      ['cases', `${totals.cases} in ${seconds.toFixed(1)} s`],
      ['accesses', `${quantity(totals.accesses)} through ${this.names.length} engines, ${quantity(rate)}/s per worker`],
      ['verdicts', VERDICT_NAMES.map((name, i) => `${name} ${quantity(totals.verdicts[i]!)}`).join(', ')],
      [
        'coverage',
        `${coverage.featuresSeen()} of ${FEATURE_COUNT} features, ${coverage.pairsSeen()} of at most ${PAIR_COUNT} pairs`,
      ],
      ['known', known.join(', ') || 'none met'],
      [
        'divergences',
        `${this.found.size}, of which new: ${count('new')}${reopened > 0 ? `, fixed before and back again: ${reopened}` : ''}`,
      ],
      ['digest', totals.digest],
      ['results', this.options.database],
    ];
    for (const [name, { cases, filters, accesses }] of Object.entries(totals.samples)) {
      const kernel = this.config.worker.kernels[name]!;
      const text = `${quantity(cases)} cases, ${quantity(filters)} filters, ${quantity(accesses)} accesses`;
      rows.splice(-2, 0, [name, `${text}: ${kernel.description}, profile ${kernel.profile}`]);
    }
    const list = [...this.found.values()].map(({ id, kind, subject, cases, size }) => [
      id,
      kind,
      subject,
      `size ${size}`,
      `${cases} cases`,
    ]);
    const hint = list.length > 0 ? `\n\n${table(list)}\nmsrdiff show ID explains one` : '';
    return table(rows) + hint;
  }
}

function coverageOf(coverage: Coverage): { features: Record<string, number>; featuresSeen: number; pairsSeen: number } {
  const features = Object.fromEntries(FEATURE_NAMES.map((name, i) => [name, coverage.features[i]!]));
  return { features, featuresSeen: coverage.featuresSeen(), pairsSeen: coverage.pairsSeen() };
}
