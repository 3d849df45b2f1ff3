/**
 * One stream of cases against many planted bugs at once: which case is the first that shows each. Every case is drawn
 * once and run once; a bug's engine whose trace is that of the engine it was made of, and whose bitmap has no fault,
 * shows nothing. The rest is asked again as the suite asks: with the engines of that bug alone.
 */
import type { Engine } from '../../src/engines/contract.ts';
import { interval } from '../../src/engines/interval.ts';
import { reference } from '../../src/engines/reference.ts';
import { countAccesses } from '../../src/engines/runner.ts';
import { svm } from '../../src/engines/svm.ts';
import { vmx } from '../../src/engines/vmx.ts';
import { agree } from '../../src/fuzz/compare.ts';
import { Evaluator } from '../../src/fuzz/evaluate.ts';
import type { Scenario } from '../../src/model/scenario.ts';
import { BugRun, configOf, ledgerFor } from '../../test/planted/suite.ts';
import type { PlantedBug } from '../../test/planted/support.ts';

const ORIGINS: readonly Engine[] = [reference, interval, vmx, svm];

export class Hunt {
  /** Cases until each bug showed first. */
  readonly found = new Map<string, number>();
  private readonly profile: string;
  private readonly runs: Map<string, BugRun>;
  private left: readonly PlantedBug[];
  /** Those that the evaluator holds: what is left, and what was found since it was built. */
  private held: readonly PlantedBug[] = [];
  private evaluator: Evaluator | undefined;
  private cases = 0;

  /** `runs` is kept by the caller from hunt to hunt: setting one up takes longer than a case. */
  constructor(bugs: readonly PlantedBug[], profile: string, runs: Map<string, BugRun>) {
    this.left = bugs;
    this.profile = profile;
    this.runs = runs;
  }

  /** False when nothing is left to be found. */
  look(scenario: Scenario): boolean {
    this.cases++;
    // A new evaluator costs as much as many cases; most bugs show early.
    const doubled = (this.cases & (this.cases - 1)) === 0;
    if (!this.evaluator || (doubled && this.held.length > this.left.length)) this.evaluator = this.build();
    for (const bug of this.suspects(this.evaluator, scenario)) {
      if (this.runOf(bug).observe(scenario) === undefined) continue;
      this.found.set(bug.id, this.cases);
      this.evaluator.excluded.set(ORIGINS.length + this.held.indexOf(bug), 'found');
    }
    this.left = this.left.filter(({ id }) => !this.found.has(id));
    return this.left.length > 0;
  }

  private build(): Evaluator {
    this.held = this.left;
    const engines = [...ORIGINS, ...this.held.map(({ engine }) => engine)];
    return new Evaluator(engines, configOf(this.profile), ledgerFor(this.held, this.profile));
  }

  private suspects(evaluator: Evaluator, scenario: Scenario): PlantedBug[] {
    if (evaluator.run(scenario, countAccesses(scenario))) return [];
    const bitmaps = new Set<number>();
    evaluator.observe(({ kind, subject }) => {
      if (kind.startsWith('bitmap:')) bitmaps.add(subject);
      // Answered as known: then an engine that is outvoted here keeps what its bitmap is found to do.
      return true;
    });
    const { traces } = evaluator;
    return this.held.filter((bug, i) => {
      if (this.found.has(bug.id)) return false;
      const subject = ORIGINS.length + i;
      const pair = [traces[ORIGINS.indexOf(bug.origin)]!, traces[subject]!];
      return bitmaps.has(subject) || !agree(pair, scenario.events.length);
    });
  }

  private runOf(bug: PlantedBug): BugRun {
    let run = this.runs.get(bug.id);
    if (!run) {
      run = new BugRun(bug);
      this.runs.set(bug.id, run);
    }
    return run;
  }
}
