/** `msrdiff fuzz`: a campaign, from options to summary. */
import { randomBytes, randomUUID } from 'node:crypto';
import { availableParallelism, hostname } from 'node:os';
import { resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { EngineUnavailable } from '../engines/engine-unavailable.ts';
import { DEFAULT_ENGINES, DEFAULT_TIMEOUT_MS, type EngineSpec, engineSpecs } from '../engines/registry.ts';
import { CASES_PER_SHARD, Campaign, DEFAULT_AHEAD } from '../fuzz/campaign.ts';
import { ACCESSES_PER_CASE } from '../fuzz/case.ts';
import { type LedgerEntry, SHIPPED_LEDGER } from '../fuzz/ledger.ts';
import { readLedger } from '../fuzz/ledger-json.ts';
import { type LoadedEngines, WorkerPool } from '../fuzz/pool.ts';
import { DEFAULT_SAMPLE, type SampleRate } from '../fuzz/sample.ts';
import type { ShardSource } from '../fuzz/shard-source.ts';
import { commandsOf, permittedEngines } from '../fuzz/stored-engines.ts';
import type { WorkerConfig } from '../fuzz/worker-protocol.ts';
import { Exit } from '../model/exit.ts';
import { InputError } from '../model/input-error.ts';
import type { KernelProfile } from '../model/profile.ts';
import { Coordinator } from '../queue/coordinator.ts';
import { Store } from '../store/store.ts';
import { attach } from './attach.ts';
import { FuzzRun, type StoredConfig } from './fuzz-run.ts';
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
  queueOption,
  readInput,
  seedValue,
} from './options.ts';
import { line } from './render.ts';
import { StopSignals } from './stop-signals.ts';
import { readStoredConfig, readStoredShards } from './stored-config.ts';
import { VERSION } from './version.ts';

const DEFAULT_SECONDS = 30;
/** Accesses per case, in samples, when every case is one. */
const SAMPLED_CASE = 16;
/** More would be 100 MB of states that later shards may need. */
const MAX_AHEAD = 16_384;
/** Steering waits for whole shards, and so does Ctrl-C. */
const MAX_SHARD_CASES = 16_384;

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
  readonly queue?: string;
  readonly attach?: boolean | string;
  readonly ahead?: number;
  readonly shardCases?: number;
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
    .addOption(queueOption('let the workers of this queue run the shards (docs/scaling.md)'))
    .option('--attach [campaign]', 'follow a campaign that runs on the queue')
    .option(
      '--ahead <n>',
      `shards that may run ahead of the one to be recorded next (default: ${DEFAULT_AHEAD}); twice the worker threads, for many of them`,
      between(2, MAX_AHEAD),
    )
    .option(
      '--shard-cases <n>',
      `cases of a shard (default: ${CASES_PER_SHARD}); more, for hundreds of worker threads (docs/scaling.md)`,
      between(1, MAX_SHARD_CASES),
    )
    .addOption(jsonOption());
  for (const option of kernelOptions()) command.addOption(option);
  command.action(async (options: FuzzOptions) => {
    const given = (name: string): boolean => command.getOptionValueSource(name) === 'cli';
    if (options.attach !== undefined) process.exitCode = await follow(options);
    else if (options.queue !== undefined && given('workers')) {
      throw new InputError('--workers has no meaning with --queue: give it to "msrdiff worker"');
    } else process.exitCode = await fuzz(options);
  });
}

function between(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Give a whole number from ${least} to ${most}.`);
  };
}

async function follow({ queue, attach: campaign, json }: FuzzOptions): Promise<number> {
  if (queue === undefined) throw new InputError('--attach follows a campaign on a queue: name that with --queue');
  return attach(queue, { ...(typeof campaign === 'string' ? { campaign } : {}), json: json === true });
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
  const ahead = options.ahead === undefined ? {} : { ahead: options.ahead };
  const shardCases = options.shardCases === undefined ? {} : { shardCases: options.shardCases };
  return { worker, cases: options.cases ?? null, seconds, ...ahead, ...shardCases, token: randomUUID() };
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
  if (options.resume !== undefined) {
    const { seed, engines, engineModule, ahead, shardCases } = options;
    const shards = { '--ahead': ahead, '--shard-cases': shardCases };
    const stored = { '--seed': seed, '--engines': engines, '--engine-module': engineModule, ...shards };
    const names = Object.entries(stored).flatMap(([name, value]) => (value === undefined ? [] : [name]));
    if (names.length > 0) {
      throw new InputError(`--resume takes what the campaign is from the stored one: leave ${names.join(' and ')} out`);
    }
  }
  const resumeId = typeof options.resume === 'string' ? campaignNumber(options.resume) : undefined;
  // Everything about engines is checked before a database is made or locked.
  const fresh = options.resume === undefined ? configOf(options) : undefined;
  const signals = new StopSignals();
  try {
    return await fuzzUntil(signals.signal, options, fresh, resumeId);
  } finally {
    signals.close();
  }
}

/** `fresh`: what the campaign is; without it, a stored one goes on. */
async function fuzzUntil(
  signal: AbortSignal,
  options: FuzzOptions,
  fresh: StoredConfig | undefined,
  resumeId: number | undefined,
): Promise<number> {
  const store = await Store.open(options.database);
  let shards: ShardSource | undefined;
  try {
    const stored = fresh ? undefined : await store.resumeCampaign(resumeId);
    let config = fresh ?? readStoredConfig(stored!);
    const { worker } = config;
    if (stored) checkStored(worker.engines, options.engineCommand ?? []);
    const queue = options.queue === undefined ? undefined : await coordinator(options.queue, config, options);
    shards = queue ?? new WorkerPool(worker, options.workers, options.timeout * 1000);
    const loaded = await loadUnless(signal, shards);
    if (!loaded) return Exit.INTERRUPTED;
    const { names, kernels } = loaded;
    if (stored && names.join() !== stored.engines.join()) {
      throw new EngineUnavailable(
        `campaign ${stored.id} ran ${stored.engines.join(', ')}, and what is there now is ${names.join(', ')}: ` +
          'give the engines their names back',
      );
    }
    config = { ...config, worker: { ...worker, kernels } };
    const id = stored?.id ?? (await store.createCampaign(worker.seed, worker.profile, names, config));
    const campaign = new Campaign(config.ahead, config.shardCases);
    for (const shard of stored ? readStoredShards(id, await store.shards(id)) : []) campaign.restore(shard);
    const { workers, ...others } = options;
    const how = queue ? { onStatus: queue.publish.bind(queue) } : { workers };
    const run = new FuzzRun({ ...others, ...how }, config, store, shards, campaign, id, names, stored?.seconds ?? 0);
    return await run.execute(signal);
  } finally {
    await shards?.close();
    await store.close();
  }
}

function coordinator(url: string, { worker, token }: StoredConfig, options: FuzzOptions): Promise<Coordinator> {
  return Coordinator.open(url, token ?? randomUUID(), `${hostname()}:${resolve(options.database)}`, worker, {
    timeoutMs: options.timeout * 1000,
    version: VERSION,
    onNotice: (text) => process.stderr.write(`${line(text)}\n`),
  });
}

/** Waits for the engines; with a queue, as long as it takes a worker to come. undefined: the user did not want to. */
async function loadUnless(signal: AbortSignal, shards: ShardSource): Promise<LoadedEngines | undefined> {
  if (signal.aborted) return undefined;
  const loading = shards.load();
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
    loading.then(resolve, reject);
  });
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
