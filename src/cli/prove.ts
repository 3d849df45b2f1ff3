/** `msrdiff prove`: from options to the proof that they ask for. */
import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { DEFAULT_ENGINES, DEFAULT_TIMEOUT_MS, type EngineSpec, engineSpecs } from '../engines/registry.ts';
import { KVM_MSR_EXIT_REASON_VALID_MASK } from '../model/filter.ts';
import { formatFilter, parseFilter } from '../model/filter-json.ts';
import { InputError } from '../model/input-error.ts';
import { parseJsonText } from '../model/json-text.ts';
import type { KernelProfile } from '../model/profile.ts';
import { APIC_MODE_NAMES, type ApicMode } from '../model/scenario.ts';
import type { ProofPlan } from '../prove/plan.ts';
import type { LoadedSubjects } from '../prove/worker-protocol.ts';
import {
  apicMode,
  databaseOption,
  enginesOption,
  exitMask,
  jsonOption,
  moduleOption,
  positiveInteger,
  positiveNumber,
  profileOption,
  readInput,
  seedValue,
} from './options.ts';
import { checkCertificate } from './prove-check.ts';
import { proveLemmas } from './prove-lemmas.ts';
import { ProofRun, resumed } from './prove-run.ts';

const MAX_RANGES = 5;
const MAX_LENGTH = 6;
const METHODS = ['partition', 'brute-force'] as const;

export interface ProveOptions {
  readonly filter?: string;
  readonly method: (typeof METHODS)[number];
  readonly random?: number;
  readonly ranges?: number;
  readonly states?: number;
  readonly lemmas?: boolean;
  readonly smt2?: string;
  readonly check?: string;
  readonly resume?: string;
  readonly mask: number;
  readonly apic: ApicMode;
  readonly engines?: string[];
  readonly engineModule?: string[];
  readonly profile: KernelProfile;
  readonly workers: number;
  readonly seconds?: number;
  readonly seed?: bigint;
  readonly timeout: number;
  readonly sample: number;
  readonly all?: boolean;
  readonly certificate?: string;
  readonly database: string;
  readonly json?: boolean;
}

/** What can be asked for; one of them per run. */
const GOALS = ['filter', 'random', 'ranges', 'states', 'lemmas', 'check', 'resume'] as const;

export function addProve(program: Command): void {
  program
    .command('prove')
    .description('show that engines are equivalent: for one filter, for all filters up to a bound, for all by lemmas')
    .option('--filter <file>', 'all 2^33 accesses with one filter (JSON: docs/formats.md)')
    .addOption(
      new Option('--method <name>', 'for --filter: by elementary segments, or every access one by one')
        .choices(METHODS)
        .default('partition'),
    )
    .option('--random <n>', 'all 2^33 accesses with each of n random filters of 16 ranges', positiveInteger)
    .option(
      '--ranges <n>',
      `every filter with up to n ranges (1 to ${MAX_RANGES}), up to isomorphism`,
      upTo(MAX_RANGES),
    )
    .option('--states <n>', `every sequence of n state changes (1 to ${MAX_LENGTH})`, upTo(MAX_LENGTH))
    .option('--lemmas', 'what carries these results to every filter, by an SMT solver (z3-solver)')
    .option('--smt2 <folder>', 'for --lemmas: write them for any solver instead')
    .option('--check <certificate>', 'whether a certificate holds: counts it again and runs a sample again')
    .option('--resume <certificate>', 'go on with a proof that was interrupted')
    .option('--mask <n>', 'for one filter: exit mask, 0 to 7', exitMask, KVM_MSR_EXIT_REASON_VALID_MASK)
    .addOption(
      new Option('--apic <mode>', 'for one filter: APIC mode').argParser(apicMode).default(0, APIC_MODE_NAMES[0]),
    )
    .addOption(enginesOption().default(undefined, 'reference,interval; with --states all four'))
    .addOption(moduleOption())
    .addOption(profileOption())
    .option('--workers <n>', 'worker threads', positiveInteger, availableParallelism())
    .option('--seconds <n>', 'stop after so long; --resume goes on', positiveNumber)
    .option('--seed <n>', 'of random filters, or of the sample of --check, u64 (default: random)', seedValue)
    .option(
      '--timeout <seconds>',
      'how long an engine may take for one filter',
      positiveNumber,
      DEFAULT_TIMEOUT_MS / 1000,
    )
    .option('--sample <n>', 'for --check: shards to run again', positiveInteger, 8)
    .option('--all', 'for --check: run all of them again')
    .option('--certificate <file>', 'where it goes (default: results/proof-....json)')
    .addOption(databaseOption())
    .addOption(jsonOption())
    .action(async (options: ProveOptions) => {
      process.exitCode = await prove(options);
    });
}

function upTo(most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= 1 && value <= most) return value;
    throw new InvalidArgumentError(`Give a whole number from 1 to ${most}.`);
  };
}

async function prove(options: ProveOptions): Promise<number> {
  const goals = GOALS.filter((goal) => options[goal] !== undefined);
  if (goals.length !== 1) {
    const said = goals.length === 0 ? 'nothing to prove' : `--${goals.join(' and --')} are different proofs`;
    throw new InputError(`${said}: give one of ${GOALS.map((goal) => `--${goal}`).join(', ')}`);
  }
  if (options.check !== undefined) return checkCertificate(options.check, options);
  if (options.lemmas) return proveLemmas(options);
  if (options.resume !== undefined) return resumed(options.resume, options);
  const specs = specsFor(options);
  const run = await ProofRun.start(specs, (subjects) => planFor(options, specs, subjects), options);
  return run.execute();
}

function specsFor(options: ProveOptions): EngineSpec[] {
  const { engineModule: modules = [] } = options;
  const usual = options.states !== undefined ? DEFAULT_ENGINES : ['reference', 'interval'];
  const specs = engineSpecs(options.engines ?? (modules.length > 0 ? ['reference'] : usual), modules);
  if (specs.length < 2) throw new InputError('--engines names one engine: a comparison needs at least two');
  return specs;
}

function planFor(options: ProveOptions, engines: readonly EngineSpec[], { vendors }: LoadedSubjects): ProofPlan {
  const { mask, apic } = options;
  const subject = { engines, profile: options.profile.id };
  if (options.ranges !== undefined) return { kind: 'ranges', ...subject, ranges: options.ranges, vendors };
  if (options.states !== undefined) return { kind: 'states', ...subject, length: options.states };
  if (options.random !== undefined) {
    const seed = options.seed ?? randomBytes(8).readBigUInt64LE();
    return { kind: 'random', ...subject, mask, apic, seed: String(seed), filters: options.random };
  }
  const path = options.filter!;
  const filter = formatFilter(parseFilter(parseJsonText(readInput(path), path), path));
  return { kind: options.method, ...subject, mask, apic, filter };
}
