/**
 * The behavioural changes between two generations. Cases are generated and compared as in a campaign. What diverges is
 * minimized and attributed to a rule; then the earlier generation gets that rule from the later one, and the search goes
 * on, so that one change does not hide another. Where nothing else is left, rules are exchanged together. It ends when a
 * whole run of cases finds nothing more.
 *
 * One thread and no shards: after each change the engines are others than before.
 */
import type { Generation } from '../engines/history/generations.ts';
import { differingRules, type HistoryRules, type RuleName } from '../engines/history/rules.ts';
import { CaseGenerator, copyScenario } from '../fuzz/case.ts';
import type { Observation } from '../fuzz/compare.ts';
import { Minimizer } from '../fuzz/reduce/minimize.ts';
import { caseChoices } from '../fuzz/shard.ts';
import { NEWEST_PROFILE } from '../model/profile.ts';
import type { Scenario } from '../model/scenario.ts';
import { formatScenario } from '../model/scenario-json.ts';
import { explainingRules, explainingSet } from './attribute.ts';
import { Agreement, Comparison, equalized, NO_LEDGER, type ViewName } from './views.ts';

/** Accesses of one case. */
const ACCESSES = 1024;
/** Divergences that no rule explains and that are kept until another change has been found. */
const MAX_OPEN = 16;
/** Divergences of one case that are tried. */
const MAX_TRIED = 4;

/** A minimized scenario that tells the generations apart. */
export interface Witness {
  readonly view: ViewName;
  readonly scenario: Scenario;
  /** Where it does: subject 0 is `from`, 1 is `to`. Of verdicts and errno, `expected` is what `from` answers. */
  readonly observation: Observation;
}

interface Found {
  readonly rule: RuleName;
  /** Rules without which it does not show: no single one explains the witness. Not between neighbours. */
  readonly together: readonly RuleName[];
  /** Rules that nothing around the witness tells from it. */
  readonly ambiguous: readonly RuleName[];
  readonly witness: Witness;
  /** First case that showed it. */
  readonly firstCase: number;
}

export interface Change extends Found {
  /** Of one run, the cases that show it while all other changes that were found are made even. */
  readonly cases: number;
}

export interface ChangelogOptions {
  /** Seed of the cases, u64. */
  readonly seed: bigint;
  /** Cases of one run. */
  readonly cases: number;
  /** Run at least this long. */
  readonly seconds?: number;
}

export interface Changelog {
  readonly from: string;
  readonly to: string;
  readonly changes: readonly Change[];
  /** Divergences that no rule explains, nor up to three together. */
  readonly unexplained: readonly Witness[];
  /** Rules that differ and did not show. */
  readonly unseen: readonly RuleName[];
  /** Cases of one run, and in all. */
  readonly cases: number;
  readonly totalCases: number;
}

export function changelog(from: Generation, to: Generation, options: ChangelogOptions): Changelog {
  const hardware: ViewName[] = from.hasHardware && to.hasHardware ? ['vmx', 'svm'] : [];
  const views: ViewName[] = ['software', 'calls', ...hardware];
  const changes: Change[] = [];
  const unexplained: Witness[] = [];
  const equal: RuleName[] = [];
  let totalCases = 0;
  for (const view of views) {
    const search = new Search(view, equalized(from.rules, to.rules, equal), to.rules, options);
    totalCases += search.run((1000 * (options.seconds ?? 0)) / views.length);
    const fresh = search.found.flatMap(({ rule, together }) => [rule, ...together]);
    for (const entry of search.found) {
      const others = [...equal, ...fresh].filter((rule) => rule !== entry.rule && !entry.together.includes(rule));
      changes.push({ ...entry, cases: search.count(equalized(from.rules, to.rules, others)) });
    }
    unexplained.push(...search.unexplained());
    equal.push(...fresh);
  }
  const unseen = differingRules(from.rules, to.rules).filter((rule) => !equal.includes(rule));
  return { from: from.name, to: to.name, changes, unexplained, unseen, cases: options.cases, totalCases };
}

/** The search in one view. */
class Search {
  readonly found: Found[] = [];
  private readonly view: ViewName;
  private readonly options: ChangelogOptions;
  private readonly to: HistoryRules;
  private readonly agreement: Agreement;
  private readonly generator = new CaseGenerator(NEWEST_PROFILE, ACCESSES);
  /** Minimized divergences that no rule explains, by text, with the case that they come from. */
  private open = new Map<string, { readonly witness: Witness; readonly scenario: Scenario; readonly number: number }>();
  private from: HistoryRules;
  private comparison: Comparison;
  private minimizer: Minimizer;

  constructor(view: ViewName, from: HistoryRules, to: HistoryRules, options: ChangelogOptions) {
    this.view = view;
    this.options = options;
    this.from = from;
    this.to = to;
    this.agreement = new Agreement(view);
    this.comparison = new Comparison(view, from, to);
    this.minimizer = this.newMinimizer();
  }

  /** Runs of cases, until one finds nothing and the time is over. Returns how many cases that took. */
  run(milliseconds: number): number {
    const deadline = performance.now() + milliseconds;
    for (let first = 0; ; first += this.options.cases) {
      const before = this.found.length;
      const end = first + this.options.cases;
      for (let number = first; number < end; number++) this.take(this.scenario(number), number);
      if (this.found.length === before && !this.takeTogether() && performance.now() >= deadline) return end;
    }
  }

  unexplained(): Witness[] {
    return [...this.open.values()].map(({ witness }) => witness);
  }

  /** How many cases of a run tell the rules from the later ones. */
  count(from: HistoryRules): number {
    const comparison = new Comparison(this.view, from, this.to);
    let diverging = 0;
    for (let number = 0; number < this.options.cases; number++) {
      if (comparison.divergences(this.scenario(number)).length > 0) diverging++;
    }
    return diverging;
  }

  private scenario(number: number): Scenario {
    return this.generator.generate(caseChoices(this.options.seed, number));
  }

  /** Finds changes in the scenario until it shows none any more, or none that a rule explains. */
  private take(scenario: Scenario, number: number): void {
    for (;;) {
      const divergences = this.comparison.divergences(scenario);
      if (divergences.length === 0) return;
      const found = this.explain(copyScenario(scenario), divergences, number);
      if (!found) return;
      this.found.push(found);
      this.equalize([found.rule]);
    }
  }

  /** Whether one of the divergences that no single rule explains is explained by several. */
  private takeTogether(): boolean {
    for (const { witness, number } of this.open.values()) {
      const [rule, ...together] = explainingSet(this.agreement, this.from, this.to, witness.scenario) ?? [];
      if (!rule) continue;
      this.found.push({ rule, together, ambiguous: [], witness, firstCase: number });
      this.equalize([rule, ...together]);
      return true;
    }
    return false;
  }

  /** A change that one of the scenario's divergences comes from; keeps those that no rule explains. */
  private explain(scenario: Scenario, divergences: readonly Observation[], number: number): Found | undefined {
    for (const divergence of divergences.slice(0, MAX_TRIED)) {
      const reduction = this.minimizer.minimize(scenario, divergence);
      if (!reduction) continue;
      const { observation } = reduction;
      const text = formatScenario(reduction.scenario);
      if (this.open.has(text)) continue;
      const place = { event: Math.max(observation.event, 0), index: observation.index };
      const witness = { view: this.view, scenario: reduction.scenario, observation };
      const [rule, ...ambiguous] = explainingRules(this.agreement, this.from, this.to, reduction.scenario, place);
      if (rule) return { rule, together: [], ambiguous, witness, firstCase: number };
      if (this.open.size < MAX_OPEN) this.open.set(text, { witness, scenario, number });
    }
    return undefined;
  }

  private newMinimizer(): Minimizer {
    const { engines, config } = this.comparison.pair;
    return new Minimizer(engines, config, NO_LEDGER);
  }

  /** Takes rules from the later generation; what no rule explained may be explained now, or gone. */
  private equalize(rules: readonly RuleName[]): void {
    this.from = equalized(this.from, this.to, rules);
    this.comparison = new Comparison(this.view, this.from, this.to);
    this.minimizer = this.newMinimizer();
    const again = [...this.open.values()];
    this.open = new Map();
    for (const { scenario, number } of again) this.take(scenario, number);
  }
}
