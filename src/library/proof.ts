/** Proofs of the library: the same shards as `msrdiff prove`, without a certificate. */
import { setImmediate } from 'node:timers/promises';
import { z } from 'zod';
import type { Engine } from '../engines/contract.ts';
import { interruptible } from '../engines/interruptible.ts';
import { formatFilter, parseFilter } from '../model/filter-json.ts';
import { InputError } from '../model/input-error.ts';
import { APIC_MODE_NAMES, type ApicMode } from '../model/scenario.ts';
import { ProofTotals } from '../prove/certificate.ts';
import type { ProofPlan, ShardProof } from '../prove/plan.ts';
import { ProofPool } from '../prove/pool.ts';
import { proveShard, scenarioAt, shardsOf } from '../prove/provers.ts';
import { limitsOf, statementOf } from '../prove/statement.ts';
import type { LoadedSubjects } from '../prove/worker-protocol.ts';
import type { Divergence } from './divergence.ts';
import type { EngineList } from './engine-list.ts';
import { lasting } from './options.ts';
import { reduced } from './probing.ts';

/** What most shards take. */
const BEATING_MS = 5_000;

const APIC_MODES = z.enum(APIC_MODE_NAMES, `give one of ${APIC_MODE_NAMES.join(', ')}`);
const MASK = 'give a number from 0 to 7: 1 INVAL, 2 UNKNOWN, 4 FILTER';
const upTo = (most: number) => {
  const form = `give a whole number from 1 to ${most}`;
  return z.int(form).min(1, form).max(most, form);
};

/** What a proof is given; the defaults are in it. */
export const PROOF_FIELDS = z.strictObject({
  ...lasting,
  ranges: upTo(5).optional(),
  states: upTo(6).optional(),
  filter: z.unknown().optional(),
  mask: z.int(MASK).min(0, MASK).max(7, MASK).default(7),
  apic: APIC_MODES.default('none'),
});
export const PROOF = PROOF_FIELDS.refine(
  ({ ranges, states, filter }) => [ranges, states, filter].filter((goal) => goal !== undefined).length === 1,
  'say what is to be proven, by exactly one of ranges, states and filter',
);

/** How far a proof has come. */
export interface ProofProgress {
  /** Shards that are done. */
  readonly shards: number;
  /** Shards in all. */
  readonly of: number;
  /** Filters, or sequences of state changes, that were run. */
  readonly cases: number;
  /** Accesses that were compared, times the number of engines but the first. */
  readonly accesses: number;
}

/** What a proof has shown. It leaves no certificate: `msrdiff prove` does. */
export interface ProofReport extends ProofProgress {
  /** `unfinished`: the time or the signal ended it. */
  readonly outcome: 'proven' | 'disproven' | 'unfinished';
  /** What is shown, in words, if it is proven. */
  readonly statement: readonly string[];
  /** What is not shown. */
  readonly limits: readonly string[];
  /** Names of the engines, in order; each is compared with the first. */
  readonly engines: readonly string[];
  /** Id of the kernel profile. */
  readonly profile: string;
  /** Differences that the ledger knows, by its id: these do not disprove. */
  readonly known: Readonly<Record<string, number>>;
  /** If it is disproven: the divergence, reduced, unless it does not show when its scenario is run by itself. */
  readonly divergence: Divergence | undefined;
  /** If it is disproven: the scenario that was met, JSON, and what else is known of it. */
  readonly witness: string | undefined;
}

type Options = z.output<typeof PROOF>;

interface Prover {
  readonly subjects: LoadedSubjects;
  prove(plan: ProofPlan, shard: number): Promise<ShardProof>;
  close(): Promise<void>;
}

/** Throws InputError, EngineUnavailable. */
export async function runProof(list: EngineList, options: Options): Promise<ProofReport> {
  const timeoutMs = options.timeout * 1000;
  const prover = list.kind === 'threads' ? await threads(list, options) : here(list.engines, timeoutMs);
  const end = performance.now() + (options.seconds ?? Number.POSITIVE_INFINITY) * 1000;
  const onProgress = options.onProgress as ((progress: ProofProgress) => void) | undefined;
  const totals = new ProofTotals();
  let lost: ShardProof | undefined;
  let plan: ProofPlan;
  let shards: number;
  try {
    plan = planOf(list, options, prover.subjects);
    shards = shardsOf(plan);
    let next = 0;
    const worker = async (): Promise<void> => {
      while (!lost && next < shards && performance.now() < end && !options.signal?.aborted) {
        const proof = await prover.prove(plan, next++);
        if (proof.disproof !== null) lost ??= proof;
        else totals.add(proof);
        onProgress?.({ shards: totals.done.length, of: shards, cases: totals.cases, accesses: totals.accesses });
      }
    };
    await Promise.all(Array.from({ length: list.kind === 'threads' ? options.workers : 1 }, worker));
  } finally {
    await prover.close();
  }
  const { names } = prover.subjects;
  const witness = lost?.disproof ?? undefined;
  const question = { scenario: witness ?? '', profile: options.profile, ledger: true, timeoutMs };
  return {
    ...{ shards: totals.done.length, of: shards, cases: totals.cases, accesses: totals.accesses },
    outcome: lost ? 'disproven' : totals.done.length === shards ? 'proven' : 'unfinished',
    ...{ statement: statementOf(plan, names), limits: limitsOf(plan) },
    ...{ engines: names, profile: options.profile, known: totals.known, witness },
    divergence: witness === undefined ? undefined : (await reduced(list, question))[0],
  };
}

function planOf(list: EngineList, options: Options, { vendors }: LoadedSubjects): ProofPlan {
  // Only certificates tell what the engines were made of.
  const subject = { engines: list.kind === 'threads' ? list.specs : [], profile: options.profile };
  const { ranges, states, filter } = options;
  if (ranges !== undefined) return { kind: 'ranges', ...subject, ranges, vendors };
  if (states !== undefined) return { kind: 'states', ...subject, length: states };
  const state = { mask: options.mask, apic: APIC_MODE_NAMES.indexOf(options.apic) as ApicMode };
  return { kind: 'partition', ...subject, ...state, filter: formatFilter(parseFilter(filter, 'filter')) };
}

async function threads({ specs }: Extract<EngineList, { kind: 'threads' }>, options: Options): Promise<Prover> {
  const process = specs.find(({ kind }) => kind === 'kernel' || kind === 'command');
  if (process) throw new InputError('an engine in a process of its own cannot be proven: give a module or an object');
  const pool = new ProofPool(specs, options.workers, options.timeout * 1000);
  try {
    const subjects = await pool.load();
    return { subjects, prove: (plan, shard) => pool.prove(plan, shard), close: () => pool.close() };
  } catch (error) {
    await pool.close();
    throw error;
  }
}

function here(engines: readonly Engine[], timeoutMs: number): Prover {
  const names = engines.map(({ name }) => name);
  const vendors = [...new Set(engines.flatMap(({ capabilities: { bitmap } }) => bitmap ?? []))];
  return {
    subjects: { names, vendors },
    prove: async (plan, shard) => {
      // Timers and signals are to have their turn.
      await setImmediate();
      let place = 0;
      const proof = interruptible(
        (beat) => {
          place = 0;
          return proveShard(plan, shard, engines, (at) => {
            place = at;
            beat();
          });
        },
        timeoutMs,
        BEATING_MS,
      );
      if (proof !== 'lost') return proof.value;
      const disproof = scenarioAt(plan, shard, place);
      return { shard, cases: place + 1, accesses: 0, digest: '0'.repeat(16), counts: {}, known: {}, disproof };
    },
    close: async () => {},
  };
}
