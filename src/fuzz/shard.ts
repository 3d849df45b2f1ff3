/**
 * One shard of a campaign: a run of consecutive cases, from seed to result. The result depends on the campaign's
 * configuration, the shard's number and its steering, and on nothing else: not on the worker, the machine or time.
 */
import { createHash } from 'node:crypto';
import type { Engine, VmConfig } from '../engines/contract.ts';
import { countAccesses, type Trace } from '../engines/runner.ts';
import type { MeasuredKernel } from '../model/kernel.ts';
import type { Scenario } from '../model/scenario.ts';
import { CaseGenerator } from './case.ts';
import type { Observation } from './compare.ts';
import { Coverage, type CoverageSnapshot } from './coverage.ts';
import { Evaluator } from './evaluate.ts';
import { Findings, type FoundDivergence } from './findings.ts';
import { incidentFindings } from './incidents.ts';
import { Lane, type SampleCounts } from './lane.ts';
import type { Ledger } from './ledger.ts';
import { RELATIONS, type Relation, transform } from './metamorphic.ts';
import { CoverageObserver } from './observe-coverage.ts';
import { mix, Random } from './random.ts';
import { Minimizer } from './reduce/minimize.ts';
import type { KnownReductions, Recurrence, Reduced } from './reductions.ts';
import type { SampleRate } from './sample.ts';
import { KNOB_VALUE_COUNT, type Steering } from './space.ts';
import { digestTrace } from './trace-digest.ts';

/** Of how many cases one tries a metamorphic relation. */
const METAMORPHIC_EVERY = 8;
/** Tells the draws of a sample from those of its case. */
const SAMPLE_STREAM = 0x5a3b1e;

export interface ShardTask {
  readonly shard: number;
  /** Number of the first case, and how many. */
  readonly firstCase: number;
  readonly cases: number;
  readonly steering: Steering;
  /** Pairs of features seen before: what is new is credited to the knobs that were drawn. */
  readonly knownPairs: Uint8Array;
  readonly reductions: KnownReductions;
  /** Engines that did not return from a case, found by an earlier attempt at this shard. */
  readonly timeouts: readonly { readonly case: number; readonly engine: number }[];
}

export interface ShardResult extends Reduced {
  readonly shard: number;
  readonly cases: number;
  readonly accesses: number;
  /** Accesses by verdict, of the first engine. */
  readonly verdicts: readonly number[];
  readonly digest: string;
  /** What happened to process engines and did not happen again. Not part of the digest. */
  readonly incidents: readonly FoundDivergence[];
  /** Observations by ledger entry. */
  readonly known: Readonly<Record<string, number>>;
  /** By kernel engine. */
  readonly samples: Readonly<Record<string, SampleCounts>>;
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
  /** Needed if there are kernels among the engines. */
  readonly lanes?: {
    readonly sample: SampleRate;
    /** By name. */
    readonly kernels: Readonly<Record<string, MeasuredKernel>>;
    /** The ledger by the rules of a kernel's profile. */
    readonly ledgerOf: (profile: string) => Ledger;
  };
}

/** A watchdog's view: which case and engine are running. */
export type Heartbeat = (position: number, engine: number) => void;

/** Random words of one case; the same wherever the case runs. */
export function caseChoices(seed: bigint, number: number): Random {
  const low = Number(seed & 0xffff_ffffn);
  const high = Number((seed >> 32n) & 0xffff_ffffn);
  return new Random(mix(low, number), mix(high, number ^ 0x5bd1_e995), number);
}

/** Runs shards of one campaign; keeps engines, VMs and buffers from shard to shard. */
export class ShardRunner {
  private readonly config: ShardConfig;
  private readonly all: readonly Engine[];
  /** Those that get the whole stream. */
  private readonly engines: readonly Engine[];
  private readonly lanes: readonly Lane[];
  private readonly evaluator: Evaluator;
  private readonly minimizer: Minimizer;
  private readonly generator: CaseGenerator;
  private readonly beat: (engine: Engine) => void;
  /** Case being run or minimized. */
  private position = 0;

  constructor(engines: readonly Engine[], config: ShardConfig, heartbeat: Heartbeat = () => {}) {
    this.config = config;
    this.all = engines;
    this.engines = engines.filter(({ kernel }) => kernel === undefined);
    this.beat = (engine) => heartbeat(this.position, engines.indexOf(engine));
    const onEngine = (engine: number): void => this.beat(this.engines[engine]!);
    this.evaluator = new Evaluator(this.engines, config.vm, config.ledger);
    this.evaluator.onEngine = onEngine;
    this.minimizer = new Minimizer(this.engines, config.vm, config.ledger, onEngine);
    this.generator = new CaseGenerator(config.vm.profile, config.accessesPerCase);
    const { lanes } = config;
    this.lanes = engines.flatMap((engine) => {
      const kernel = engine.kernel && lanes?.kernels[engine.name];
      if (!kernel) return [];
      const lane = { kernel, ledger: lanes.ledgerOf(kernel.profile), accesses: lanes.sample.accesses };
      return [new Lane(this.engines, engine, lane, this.beat)];
    });
  }

  run(task: ShardTask): ShardResult {
    const started = process.hrtime.bigint();
    const { evaluator, generator, engines } = this;
    const { lanes } = this.config;
    const coverage = new Coverage(task.knownPairs);
    const observer = new CoverageObserver(coverage, this.config.vm.base, this.config.vm.profile);
    const traceOf = (vendor: string): Trace | undefined =>
      evaluator.traces[engines.findIndex(({ capabilities }) => capabilities.bitmap === vendor)];
    const verdicts = [0, 0, 0, 0, 0];
    const findings = new Findings(engines, this.config.vm, this.config.ledger);
    const incidents: FoundDivergence[] = [];
    const uses = new Array<number>(KNOB_VALUE_COUNT).fill(0);
    const news = new Array<number>(KNOB_VALUE_COUNT).fill(0);
    let digest = 0x811c9dc5;
    let accesses = 0;
    let engineTime = 0n;

    for (let n = 0; n < task.cases; n++) {
      const number = task.firstCase + n;
      evaluator.excluded.clear();
      for (const lost of this.lostAt(task, number)) {
        if (lost.kernel === undefined) evaluator.excluded.set(engines.indexOf(lost), 'timed out');
      }
      this.position = number;
      const scenario = generator.generate(caseChoices(this.config.seed, number), task.steering);
      const count = countAccesses(scenario);
      if (lanes && number % lanes.sample.every === 0) this.sample(scenario, number);
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
      const note = (seen: Observation, of: Scenario = scenario): boolean => findings.note(seen, of, number);
      if (!clean) evaluator.observe(note);
      if (number % METAMORPHIC_EVERY === 0) {
        const turn = Math.floor(number / METAMORPHIC_EVERY);
        const relation = RELATIONS[turn % RELATIONS.length]!;
        const subject = Math.floor(turn / RELATIONS.length) % engines.length;
        const from = process.hrtime.bigint();
        evaluator.relate(scenario, relation, subject, (seen) => this.noteRelation(seen, scenario, relation, note));
        engineTime += process.hrtime.bigint() - from;
      }
      for (const engine of engines) {
        if (engine.takeIncidents)
          incidents.push(...incidentFindings(engine, this.config.vm.profile.id, scenario, number));
      }
    }
    const onCase = (number: number): void => {
      this.position = number;
    };
    const reduced = findings.reduce(this.minimizer, onCase, task.reductions, task.shard);
    const divergences: FoundDivergence[] = [...reduced.divergences];
    const again: Recurrence[] = [...reduced.again];
    const signatures = [...reduced.signatures];
    const { known } = findings;
    const samples: Record<string, SampleCounts> = {};
    const laneDigests: number[] = [];
    for (const lane of this.lanes) {
      const result = lane.finish(onCase, (number) => this.lostAt(task, number), task);
      samples[lane.engine.name] = result.counts;
      laneDigests.push(result.digest >>> 0);
      divergences.push(...result.divergences);
      again.push(...result.again);
      signatures.push(...result.signatures);
      incidents.push(...result.incidents);
      for (const [id, count] of Object.entries(result.known)) known[id] = (known[id] ?? 0) + count;
    }
    const text = JSON.stringify([
      digest >>> 0,
      accesses,
      verdicts,
      known,
      [...divergences, ...again].map(({ id, cases }) => [id, cases]),
      ...laneDigests,
    ]);
    return {
      shard: task.shard,
      cases: task.cases,
      accesses,
      verdicts,
      digest: createHash('sha256').update(text).digest('hex').slice(0, 32),
      divergences,
      again,
      signatures,
      incidents,
      known,
      samples,
      coverage: coverage.snapshot(),
      uses,
      news,
      seconds: Number(process.hrtime.bigint() - started) / 1e9,
      engineSeconds: Number(engineTime) / 1e9,
    };
  }

  private lostAt({ timeouts }: ShardTask, number: number): Engine[] {
    return timeouts.flatMap((lost) => (lost.case === number ? [this.all[lost.engine]!] : []));
  }

  /** Its draws do not come from the case's own stream: which kernels take part must not change the case. */
  private sample(scenario: Scenario, number: number): void {
    const seed = Number(this.config.seed & 0xffff_ffffn);
    for (const lane of this.lanes) lane.begin(scenario, number, new Random(mix(seed, number), SAMPLE_STREAM));
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
}
