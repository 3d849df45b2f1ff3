/**
 * One shard of a campaign: a run of consecutive cases, from seed to result. The result depends on the campaign's
 * configuration, the shard's number and its steering, and on nothing else: not on the worker, the machine or time.
 */
import { createHash } from 'node:crypto';
import type { Engine, VmConfig } from '../engines/contract.ts';
import { countAccesses, NOT_APPLICABLE, type Trace } from '../engines/runner.ts';
import type { Scenario } from '../model/scenario.ts';
import { formatScenario } from '../model/scenario-json.ts';
import { CaseGenerator, copyScenario } from './case.ts';
import type { DivergenceKind, Observation } from './compare.ts';
import { Coverage, type CoverageSnapshot } from './coverage.ts';
import { Evaluator } from './evaluate.ts';
import type { Ledger } from './ledger.ts';
import { RELATIONS, type Relation, transform } from './metamorphic.ts';
import { CoverageObserver } from './observe-coverage.ts';
import { mix, Random } from './random.ts';
import { Minimizer } from './reduce/minimize.ts';
import { sizeOf } from './reduce/order.ts';
import { KNOB_VALUE_COUNT, type Steering } from './space.ts';

/** Of how many cases one tries a metamorphic relation. */
const METAMORPHIC_EVERY = 8;
/** Reductions per shard, one per signature, or one per engine if those are more: the campaign must go on. */
const MAX_REDUCTIONS_PER_SHARD = 96;

export interface ShardTask {
  readonly shard: number;
  /** Number of the first case, and how many. */
  readonly firstCase: number;
  readonly cases: number;
  readonly steering: Steering;
  /** Pairs of features seen before: what is new is credited to the knobs that were drawn. */
  readonly knownPairs: Uint8Array;
  /** Engines that did not return from a case, found by an earlier attempt at this shard. */
  readonly timeouts: readonly { readonly case: number; readonly engine: number }[];
}

/** A divergence in its normal form, found in this shard. */
export interface FoundDivergence {
  /** Hash of kind, subject, profile and normal form. */
  readonly id: string;
  readonly kind: DivergenceKind;
  /** Name of the engine that stands against the others. */
  readonly subject: string;
  /** Normal form, canonical JSON. */
  readonly scenario: string;
  /** Result by engine name; null where the engine takes no part. */
  readonly vector: Readonly<Record<string, number | null>>;
  readonly expected: number;
  readonly got: number;
  readonly message: string;
  readonly firstCase: number;
  /** Cases of this shard that showed it (attributed by signature beyond the first). */
  readonly cases: number;
  readonly size: number;
  readonly evaluations: number;
  readonly reliability: number;
}

export interface ShardResult {
  readonly shard: number;
  readonly cases: number;
  readonly accesses: number;
  /** Accesses by verdict, of the first engine. */
  readonly verdicts: readonly number[];
  readonly digest: string;
  readonly divergences: readonly FoundDivergence[];
  /** Observations by ledger entry. */
  readonly known: Readonly<Record<string, number>>;
  readonly coverage: CoverageSnapshot;
  /** By (knob, value): cases that drew it, and what was new in them. */
  readonly uses: readonly number[];
  readonly news: readonly number[];
  /** Seconds in all, and inside the engines. Not part of the digest. */
  readonly seconds: number;
  readonly engineSeconds: number;
}

export interface ShardConfig {
  /** Campaign seed, u64. */
  readonly seed: bigint;
  readonly vm: VmConfig;
  readonly ledger: Ledger;
  readonly accessesPerCase: number;
}

/** A watchdog's view: which case and engine are running. */
export type Heartbeat = (position: number, engine: number) => void;

/** Random words of one case; the same wherever the case runs. */
export function caseChoices(seed: bigint, number: number): Random {
  const low = Number(seed & 0xffff_ffffn);
  const high = Number((seed >> 32n) & 0xffff_ffffn);
  return new Random(mix(low, number), mix(high, number ^ 0x5bd1_e995), number);
}

interface Pending {
  readonly observation: Observation;
  readonly scenario: Scenario;
  readonly firstCase: number;
  readonly cases: Set<number>;
}

/** Runs shards of one campaign; keeps engines, VMs and buffers from shard to shard. */
export class ShardRunner {
  private readonly config: ShardConfig;
  private readonly engines: readonly Engine[];
  private readonly evaluator: Evaluator;
  private readonly minimizer: Minimizer;
  private readonly generator: CaseGenerator;
  private readonly heartbeat: Heartbeat;
  /** Case being run or minimized. */
  private position = 0;

  constructor(engines: readonly Engine[], config: ShardConfig, heartbeat: Heartbeat = () => {}) {
    this.config = config;
    this.engines = engines;
    this.heartbeat = heartbeat;
    this.evaluator = new Evaluator(engines, config.vm, config.ledger);
    this.minimizer = new Minimizer(engines, config.vm, config.ledger, (engine) => heartbeat(this.position, engine));
    this.generator = new CaseGenerator(config.vm.profile, config.accessesPerCase);
  }

  run(task: ShardTask): ShardResult {
    const started = process.hrtime.bigint();
    const { evaluator, generator, engines } = this;
    const coverage = new Coverage(task.knownPairs);
    const observer = new CoverageObserver(coverage, this.config.vm.base, this.config.vm.profile);
    const traceOf = (vendor: string): Trace | undefined =>
      evaluator.traces[engines.findIndex(({ capabilities }) => capabilities.bitmap === vendor)];
    const verdicts = [0, 0, 0, 0, 0];
    const pending = new Map<string, Pending>();
    const known: Record<string, number> = {};
    const uses = new Array<number>(KNOB_VALUE_COUNT).fill(0);
    const news = new Array<number>(KNOB_VALUE_COUNT).fill(0);
    let digest = 0x811c9dc5;
    let accesses = 0;
    let engineTime = 0n;

    for (let n = 0; n < task.cases; n++) {
      const number = task.firstCase + n;
      evaluator.excluded.clear();
      for (const timeout of task.timeouts)
        if (timeout.case === number) evaluator.excluded.set(timeout.engine, 'timed out');
      this.position = number;
      evaluator.onEngine = (engine) => this.heartbeat(number, engine);
      const scenario = generator.generate(caseChoices(this.config.seed, number), task.steering);
      const count = countAccesses(scenario);
      const before = process.hrtime.bigint();
      const clean = evaluator.run(scenario, count);
      engineTime += process.hrtime.bigint() - before;
      accesses += count;
      const first = evaluator.traces.find((trace) => trace.comparableEvents > 0) ?? evaluator.traces[0]!;
      digest = digestTrace(digest, first, scenario.events.length, count, verdicts);
      observer.observe(scenario, first, traceOf('vmx'), traceOf('svm'));
      const novelty = coverage.takeNovelty();
      for (let pair = 0; pair < KNOB_VALUE_COUNT; pair++) {
        if (generator.policy.drawn[pair] === 0) continue;
        uses[pair]!++;
        news[pair]! += novelty;
      }
      const note = (seen: Observation, of: Scenario = scenario): boolean => this.note(seen, of, number, pending, known);
      if (!clean) evaluator.observe(note);
      if (number % METAMORPHIC_EVERY === 0) {
        const turn = Math.floor(number / METAMORPHIC_EVERY);
        const relation = RELATIONS[turn % RELATIONS.length]!;
        const subject = Math.floor(turn / RELATIONS.length) % engines.length;
        evaluator.relate(scenario, relation, subject, (seen) => this.noteRelation(seen, scenario, relation, note));
      }
    }
    const divergences = this.reduce(pending);
    const text = JSON.stringify([
      digest >>> 0,
      accesses,
      verdicts,
      known,
      divergences.map(({ id, cases }) => [id, cases]),
    ]);
    return {
      shard: task.shard,
      cases: task.cases,
      accesses,
      verdicts,
      digest: createHash('sha256').update(text).digest('hex').slice(0, 32),
      divergences,
      known,
      coverage: coverage.snapshot(),
      uses,
      news,
      seconds: Number(process.hrtime.bigint() - started) / 1e9,
      engineSeconds: Number(engineTime) / 1e9,
    };
  }

  /** Where other engines can tell which of the two scenarios goes wrong, that is what is reported. */
  private noteRelation(
    seen: Observation,
    scenario: Scenario,
    relation: Relation,
    note: (seen: Observation, of?: Scenario) => boolean,
  ): boolean {
    const changed = transform(scenario, relation)!;
    let told = false;
    for (const other of [scenario, changed]) {
      if (told || this.evaluator.run(other)) continue;
      this.evaluator.observe((observation) => {
        const known = note(observation, other);
        told ||= !known && observation.subject === seen.subject;
        return known;
      });
    }
    return told || note(seen);
  }

  private note(
    seen: Observation,
    scenario: Scenario,
    number: number,
    pending: Map<string, Pending>,
    known: Record<string, number>,
  ): boolean {
    const entry = this.config.ledger.match(seen, this.engines[seen.subject]!.name);
    if (entry) {
      known[entry.id] = (known[entry.id] ?? 0) + 1;
      return true;
    }
    const key = signature(seen);
    const earlier = pending.get(key);
    if (!earlier) {
      const copy = copyScenario(scenario);
      pending.set(key, { observation: seen, scenario: copy, firstCase: number, cases: new Set([number]) });
    } else earlier.cases.add(number);
    return false;
  }

  /** Minimizes what was found, by turns of the engines, in order of appearance, and groups it by normal form. */
  private reduce(pending: Map<string, Pending>): FoundDivergence[] {
    const found = new Map<string, { divergence: FoundDivergence; cases: Set<number> }>();
    const limit = Math.max(MAX_REDUCTIONS_PER_SHARD, this.engines.length);
    for (const { observation, scenario, firstCase, cases } of byTurns(pending.values()).slice(0, limit)) {
      this.position = firstCase;
      const divergence = this.describe(observation, scenario, firstCase);
      const same = found.get(divergence.id);
      if (!same) found.set(divergence.id, { divergence, cases });
      else for (const number of cases) same.cases.add(number);
    }
    return [...found.values()].map(({ divergence, cases }) => ({ ...divergence, cases: cases.size }));
  }

  private describe(observation: Observation, scenario: Scenario, firstCase: number): FoundDivergence {
    const reduction = this.minimizer.minimize(scenario, observation);
    const last = reduction?.observation ?? observation;
    const smallest = reduction?.scenario ?? scenario;
    const text = formatScenario(smallest);
    const subject = this.engines[observation.subject]!.name;
    return {
      id: divergenceId(last.kind, subject, this.config.vm.profile.id, text),
      kind: last.kind,
      subject,
      scenario: text,
      vector: vectorByName(this.engines, last.vector),
      expected: last.expected,
      got: last.got,
      message: last.message,
      firstCase,
      cases: 1,
      size: sizeOf(smallest),
      evaluations: reduction?.evaluations ?? 0,
      reliability: reduction?.reliability ?? 0,
    };
  }
}

/** The first of each engine, then the second of each, ...: one that diverges in many ways leaves room for others. */
function byTurns(pending: Iterable<Pending>): Pending[] {
  const turns: Pending[][] = [];
  const seen = new Map<number, number>();
  for (const entry of pending) {
    const turn = seen.get(entry.observation.subject) ?? 0;
    seen.set(entry.observation.subject, turn + 1);
    turns[turn] ??= [];
    turns[turn].push(entry);
  }
  return turns.flat();
}

export function vectorByName(engines: readonly Engine[], vector: readonly number[]): Record<string, number | null> {
  return Object.fromEntries(
    engines.map(({ name }, i) => [name, vector[i] === NOT_APPLICABLE ? null : (vector[i] ?? null)]),
  );
}

/** The identity of a divergence: 16 hex digits. */
export function divergenceId(kind: string, subject: string, profile: string, scenario: string): string {
  return createHash('sha256')
    .update(JSON.stringify([kind, subject, profile, scenario]))
    .digest('hex')
    .slice(0, 16);
}

/** Cheap look at an observation: two with the same signature are likely, not surely, the same bug. */
function signature({ kind, subject, expected, got, index, type, message }: Observation): string {
  const region = index >>> 8 === 8 ? 'x2apic' : index >= 0xffff_0000 ? 'top' : index >= 0x8000_0000 ? 'high' : 'low';
  return [kind, subject, expected, got, region, type, message.replace(/\d+/g, '#')].join('|');
}

/** FNV-like mix over verdict bytes (four at a time) and event codes; counts verdicts on the way. */
function digestTrace(seed: number, trace: Trace, events: number, accesses: number, counts: number[]): number {
  let hash = seed;
  const end = Math.min(trace.comparableEvents, events);
  for (let event = 0; event < end; event++) hash = Math.imul(hash ^ trace.codes[event]!, 0x01000193);
  const { verdicts } = trace;
  const comparable = Math.min(trace.comparableAccesses, accesses);
  for (let at = 0; at < comparable; at++) counts[verdicts[at]!]!++;
  const words = new Uint32Array(verdicts.buffer, verdicts.byteOffset, comparable >>> 2);
  for (let at = 0; at < words.length; at++) {
    hash = Math.imul(hash ^ words[at]!, 0x01000193);
    hash ^= hash >>> 15;
  }
  for (let at = words.length * 4; at < comparable; at++) hash = Math.imul(hash ^ verdicts[at]!, 0x01000193);
  return hash;
}
