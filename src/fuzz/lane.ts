/**
 * A kernel's lane of a shard: samples of the shard's cases, run ahead by the kernel while the other engines do the
 * rest, and compared at the end with those of them that model it, by the rules and the base outcomes of that kernel.
 */
import type { Engine, VmConfig } from '../engines/contract.ts';
import { BaseTable } from '../model/base.ts';
import type { MeasuredKernel } from '../model/kernel.ts';
import { findProfile } from '../model/profile.ts';
import type { Scenario } from '../model/scenario.ts';
import { Evaluator } from './evaluate.ts';
import { Findings, type FoundDivergence } from './findings.ts';
import { incidentFindings } from './incidents.ts';
import type { Ledger } from './ledger.ts';
import type { Random } from './random.ts';
import { Minimizer } from './reduce/minimize.ts';
import type { Reduced } from './reductions.ts';
import { Sampler } from './sample.ts';
import type { ShardTask } from './shard.ts';
import { digestTrace } from './trace-digest.ts';

/** What a kernel has been given. */
export interface SampleCounts {
  readonly cases: number;
  readonly filters: number;
  readonly accesses: number;
  /** Accesses by verdict, as the kernel gave them. */
  readonly verdicts: readonly number[];
}

export interface LaneResult extends Reduced {
  readonly counts: SampleCounts;
  readonly digest: number;
  /** Ends and silences of the kernel that did not happen again when the case was run once more. */
  readonly incidents: readonly FoundDivergence[];
  readonly known: Readonly<Record<string, number>>;
}

export interface LaneConfig {
  readonly kernel: MeasuredKernel;
  readonly ledger: Ledger;
  /** Accesses of each event. */
  readonly accesses: number;
}

export class Lane {
  readonly engine: Engine;
  private readonly group: readonly Engine[];
  private readonly vm: VmConfig;
  private readonly ledger: Ledger;
  private readonly evaluator: Evaluator;
  private readonly minimizer: Minimizer;
  private readonly sampler: Sampler;
  private readonly begun: { readonly number: number; readonly scenario: Scenario }[] = [];

  /** `models` are the in-process engines; `onEngine` is called before an engine runs, for a watchdog. */
  constructor(models: readonly Engine[], engine: Engine, config: LaneConfig, onEngine: (engine: Engine) => void) {
    this.engine = engine;
    this.vm = { profile: findProfile(config.kernel.profile)!, base: new BaseTable(config.kernel.rows) };
    this.group = laneGroup(models, engine);
    this.ledger = config.ledger;
    this.evaluator = new Evaluator(this.group, this.vm, config.ledger);
    this.evaluator.onEngine = (number) => onEngine(this.group[number]!);
    this.minimizer = new Minimizer(this.group, this.vm, config.ledger, (number) => onEngine(this.group[number]!));
    this.sampler = new Sampler(engine.capabilities, config.kernel, config.accesses);
  }

  /** Takes a sample of the case and lets the kernel start on it. */
  begin(scenario: Scenario, number: number, choices: Random): void {
    const sample = this.sampler.take(scenario, choices);
    this.begun.push({ number, scenario: sample });
    this.evaluator.begin(this.group.length - 1, sample);
  }

  /**
   * Compares everything that has been begun. `onCase` is called with the number of the case at hand; `lostAt` names
   * engines that are to be left out of a case.
   */
  finish(
    onCase: (number: number) => void,
    lostAt: (number: number) => readonly Engine[],
    { reductions, shard }: Pick<ShardTask, 'reductions' | 'shard'>,
  ): LaneResult {
    const { evaluator, begun, group } = this;
    const findings = new Findings(group, this.vm, this.ledger, `${this.engine.name}: `);
    const incidents: FoundDivergence[] = [];
    const verdicts = [0, 0, 0, 0, 0];
    let digest = 0x811c9dc5;
    let filters = 0;
    let accesses = 0;
    for (const { number, scenario } of begun) {
      onCase(number);
      evaluator.excluded.clear();
      for (const lost of lostAt(number)) evaluator.excluded.set(group.indexOf(lost), 'timed out');
      const clean = evaluator.run(scenario);
      const trace = evaluator.traces.at(-1)!;
      digest = digestTrace(digest, trace, scenario.events.length, trace.comparableAccesses, verdicts);
      accesses += trace.comparableAccesses;
      for (const event of scenario.events) if (event.kind === 'filter') filters++;
      if (!clean) evaluator.observe((seen) => findings.note(seen, scenario, number));
      incidents.push(...incidentFindings(this.engine, this.vm.profile.id, scenario, number));
    }
    const reduced = findings.reduce(this.minimizer, onCase, reductions, shard);
    const counts = { cases: begun.length, filters, accesses, verdicts };
    this.begun.length = 0;
    // What went wrong while minimizing has been found before; its reproducer is the case's.
    this.engine.takeIncidents?.();
    return { ...reduced, counts, digest, incidents, known: findings.known };
  }
}

/**
 * The engines that a kernel is compared with, and the kernel: not those that synthesize the bitmaps of hardware that
 * it does not run on.
 */
export function laneGroup(models: readonly Engine[], engine: Engine): Engine[] {
  const vendor = engine.kernel?.vendor;
  return [...models.filter(({ capabilities: { bitmap } }) => bitmap === undefined || bitmap === vendor), engine];
}
