/** Runs the planted bugs: how soon a campaign meets each, and what its reproducers are reduced to. */
import type { Engine, VmConfig } from '../../src/engines/contract.ts';
import { interval } from '../../src/engines/interval.ts';
import { reference } from '../../src/engines/reference.ts';
import { svm } from '../../src/engines/svm.ts';
import { vmx } from '../../src/engines/vmx.ts';
import { ACCESSES_PER_CASE, CaseGenerator } from '../../src/fuzz/case.ts';
import type { Observation } from '../../src/fuzz/compare.ts';
import { Evaluator } from '../../src/fuzz/evaluate.ts';
import type { FoundDivergence } from '../../src/fuzz/findings.ts';
import { Ledger, SHIPPED_LEDGER } from '../../src/fuzz/ledger.ts';
import { Minimizer } from '../../src/fuzz/reduce/minimize.ts';
import { sizeOf } from '../../src/fuzz/reduce/order.ts';
import { ReductionMemory } from '../../src/fuzz/reductions.ts';
import { caseChoices, ShardRunner } from '../../src/fuzz/shard.ts';
import { NEUTRAL_STEERING } from '../../src/fuzz/space.ts';
import { catalogueBase } from '../../src/model/catalogue.ts';
import { findProfile, NEWEST_PROFILE } from '../../src/model/profile.ts';
import type { Scenario } from '../../src/model/scenario.ts';
import { formatScenario } from '../../src/model/scenario-json.ts';
import type { PlantedBug } from './support.ts';

/** Cases after which a bug counts as not found. */
export const MAX_CASES = 10_000;
const CASES_PER_SHARD = 64;
/** Of the combined campaign, whose engines are many. */
const COMBINED_ACCESSES = 2048;
const base = catalogueBase();

export function profileOf(bug: PlantedBug): string {
  return bug.profile ?? NEWEST_PROFILE.id;
}

export function configOf(profile: string): VmConfig {
  return { profile: findProfile(profile)!, base };
}

/** What is known of the built-in engines is known of their variants. */
export function ledgerFor(bugs: readonly PlantedBug[], profile: string): Ledger {
  const entries = SHIPPED_LEDGER.map((entry) => {
    const variants = bugs.filter(({ origin }) => entry.engines.includes(origin.name));
    return { ...entry, engines: [...entry.engines, ...variants.map(({ engine }) => engine.name)] };
  });
  return new Ledger(entries, profile, '2026-01-01');
}

function enginesFor(bug: PlantedBug): Engine[] {
  const siblings = [vmx, svm].filter((engine) => engine === bug.origin);
  return [reference, interval, ...siblings, bug.engine];
}

/** One bug, one seed. */
export interface SeedResult {
  readonly seed: number;
  /** Cases until the bug was observed; undefined: not within MAX_CASES. */
  readonly cases: number | undefined;
  /** Normal form, canonical JSON, with the kind in front; undefined if the reduction failed. */
  readonly form: string | undefined;
  readonly size: number;
  readonly evaluations: number;
  /** Time of the reduction. */
  readonly milliseconds: number;
  readonly reliability: number;
}

export interface BugResult {
  readonly bug: PlantedBug;
  readonly seeds: readonly SeedResult[];
  /** Distinct normal forms. */
  readonly forms: readonly string[];
}

/** The engines that one bug is run with, and what finds and reduces it. */
export class BugRun {
  readonly bug: PlantedBug;
  private readonly evaluator: Evaluator;
  private readonly minimizer: Minimizer;
  private readonly generator: CaseGenerator;
  private readonly ledger: Ledger;
  private readonly subject: number;

  constructor(bug: PlantedBug) {
    this.bug = bug;
    const engines = enginesFor(bug);
    const config = configOf(profileOf(bug));
    this.ledger = ledgerFor([bug], config.profile.id);
    this.subject = engines.length - 1;
    this.evaluator = new Evaluator(engines, config, this.ledger);
    this.minimizer = new Minimizer(engines, config, this.ledger);
    this.generator = new CaseGenerator(config.profile, ACCESSES_PER_CASE);
  }

  /** What the bug's engine is first seen to do wrong in a scenario. */
  observe(scenario: Scenario): Observation | undefined {
    if (this.evaluator.run(scenario)) return undefined;
    let first: Observation | undefined;
    this.evaluator.observe((seen) => {
      const known = this.ledger.match(seen, this.evaluator.engines[seen.subject]!.name) !== undefined;
      if (!known && seen.subject === this.subject) first ??= seen;
      return known;
    });
    return first;
  }

  run(seed: number): SeedResult {
    for (let number = 0; number < MAX_CASES; number++) {
      const scenario = this.generator.generate(caseChoices(BigInt(seed), number), NEUTRAL_STEERING);
      const reduced = this.reduce(scenario);
      if (reduced) return { seed, cases: number + 1, ...reduced };
    }
    return { seed, cases: undefined, form: undefined, size: 0, evaluations: 0, milliseconds: 0, reliability: 0 };
  }

  /** What the scenario is reduced to; undefined if the bug does not show in it. */
  reduce(scenario: Scenario): Omit<SeedResult, 'seed' | 'cases'> | undefined {
    const observation = this.observe(scenario);
    if (!observation) return undefined;
    const start = performance.now();
    const reduction = this.minimizer.minimize(scenario, observation);
    const milliseconds = performance.now() - start;
    const { evaluations = 0, reliability = 0 } = reduction ?? {};
    const form = reduction && `${reduction.observation.kind} ${formatScenario(reduction.scenario)}`;
    return { form, size: reduction ? sizeOf(reduction.scenario) : 0, evaluations, milliseconds, reliability };
  }

  all(seeds: number): BugResult {
    const results = Array.from({ length: seeds }, (_, i) => this.run(i + 1));
    const forms = [...new Set(results.flatMap(({ form }) => form ?? []))];
    return { bug: this.bug, seeds: results, forms };
  }
}

/** Sizes may be 0 (a new VM shows the bug): compared with one event added. */
export function sizeRatio({ bug, seeds }: BugResult): number {
  const ratios = seeds.map(({ size }) => (size + 1) / (bug.smallest + 1));
  return ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >>> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** One campaign over all bugs of a profile at once. */
export interface CombinedResult {
  readonly profile: string;
  readonly bugs: number;
  readonly cases: number;
  readonly divergences: readonly FoundDivergence[];
  /** Engines without a divergence, and with more than one. */
  readonly missing: readonly string[];
  readonly extras: readonly FoundDivergence[];
}

/** Runs shards until every bug is found (then `more` further shards), or up to MAX_CASES. */
export function runCombined(bugs: readonly PlantedBug[], profile: string, seed: number, more: number): CombinedResult {
  const engines = [reference, interval, vmx, svm, ...bugs.map(({ engine }) => engine)];
  const config = {
    seed: BigInt(seed),
    vm: configOf(profile),
    ledger: ledgerFor(bugs, profile),
    accessesPerCase: COMBINED_ACCESSES,
  };
  const runner = new ShardRunner(engines, config);
  const found = new Map<string, FoundDivergence>();
  const memory = new ReductionMemory();
  let knownPairs = new Uint8Array(0);
  let left = more;
  let shard = 0;
  const missing = (): string[] => {
    const subjects = new Set([...found.values()].map(({ subject }) => subject));
    return bugs.filter(({ engine }) => !subjects.has(engine.name)).map(({ id }) => id);
  };
  for (; shard * CASES_PER_SHARD < MAX_CASES; shard++) {
    if (missing().length === 0 && left-- === 0) break;
    const task = { shard, firstCase: shard * CASES_PER_SHARD, cases: CASES_PER_SHARD };
    const reductions = memory.after(shard - 1);
    const result = runner.run({ ...task, steering: NEUTRAL_STEERING, knownPairs, reductions, timeouts: [] });
    memory.learn(memory.news(result));
    knownPairs = result.coverage.pairs as typeof knownPairs;
    for (const divergence of result.divergences) {
      if (!found.has(divergence.id)) found.set(divergence.id, divergence);
    }
  }
  const divergences = [...found.values()];
  const extras = divergences.filter((d, i) => divergences.findIndex(({ subject }) => subject === d.subject) < i);
  return { profile, bugs: bugs.length, cases: shard * CASES_PER_SHARD, divergences, missing: missing(), extras };
}
