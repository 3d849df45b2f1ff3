/** Runs a scenario through a list of engines and collects every way in which they do not agree. */
import type { Engine, EngineVm, VmConfig } from '../engines/contract.ts';
import { reference } from '../engines/reference.ts';
import { passthroughCandidates } from '../model/catalogue.ts';
import type { Scenario, ScenarioEvent } from '../model/scenario.ts';
import { BitmapAudit, type Decision } from './audit.ts';
import { agree, type Observer, observe } from './compare.ts';
import { type AfterEvent, countAccesses, Runner, type Trace } from './execute.ts';
import { type Relation, transform } from './metamorphic.ts';

const TPR = 0x808;

export class Evaluator {
  readonly engines: readonly Engine[];
  /** One per engine, in order; valid until the next run. */
  readonly traces: Trace[] = [];
  /** Engines left out of the next runs, with the reason (a time-out): they count as incomparable. */
  readonly excluded = new Map<number, string>();
  private readonly runners: Runner[];
  private readonly audits: (BitmapAudit | undefined)[];
  private readonly watched: readonly number[];
  private readonly watchedAt = new Map<number, number>();
  /** The filter's decisions on the watched MSRs after each event, [event][watched * 2 + type]. */
  private readonly decisions: Uint8Array[] = [];
  /** The engine whose decisions the audits use; runs first. */
  private readonly oracle: Runner;
  private readonly oracleIsEngine: boolean;
  private scenario: Scenario = { events: [] };
  /** Called before each engine runs; a watchdog in another thread reads it. */
  onEngine: ((engine: number) => void) | undefined;

  constructor(engines: readonly Engine[], config: VmConfig) {
    this.engines = engines;
    this.runners = engines.map((engine) => new Runner(engine, config));
    this.audits = engines.map(({ capabilities: { bitmap } }) =>
      bitmap ? new BitmapAudit(bitmap, config.profile) : undefined,
    );
    const indices = [TPR];
    for (const vendor of ['vmx', 'svm'] as const) {
      for (const { index } of passthroughCandidates(vendor, config.profile)) indices.push(index);
    }
    this.watched = [...new Set(indices)];
    for (const [at, index] of this.watched.entries()) this.watchedAt.set(index, at);
    const known = this.runners.find((runner) => runner.engine === reference);
    this.oracleIsEngine = known !== undefined;
    this.oracle = known ?? new Runner(reference, config);
  }

  /** Runs every engine. True if all agree and no audit found anything. */
  run(scenario: Scenario, accesses: number = countAccesses(scenario)): boolean {
    this.scenario = scenario;
    this.traces.length = 0;
    const audited = this.audits.some((audit) => audit !== undefined);
    if (audited) this.oracle.run(scenario, accesses, this.recordDecisions);
    let clean = true;
    for (const [i, runner] of this.runners.entries()) {
      const why = this.excluded.get(i);
      if (why !== undefined) {
        this.traces.push(leftOut(runner, why));
        continue;
      }
      this.onEngine?.(i);
      const audit = this.audits[i];
      if (audit) {
        audit.begin();
        this.traces.push(
          runner.run(scenario, accesses, (vm, event, number, code) => this.audit(audit, vm, event, number, code)),
        );
        clean &&= audit.result().length === 0;
      } else if (audited && this.oracleIsEngine && runner === this.oracle) this.traces.push(runner.trace);
      else this.traces.push(runner.run(scenario, accesses));
    }
    return agree(this.traces, scenario.events.length) && clean;
  }

  /** Everything that the last run found, after a `run` that was not clean. */
  observe(observer: Observer): void {
    observe(this.scenario, this.traces, observer);
    for (const [subject, audit] of this.audits.entries()) {
      for (const { event, rule, index, type } of audit?.result() ?? []) {
        const vector = this.engines.map((_, engine) => (engine === subject ? 1 : 0));
        const kind = `bitmap:${rule}` as const;
        observer({ kind, subject, event, access: -1, index, type, expected: 0, got: 1, vector, message: '' });
      }
    }
  }

  /**
   * Runs one engine on the scenario and on its transform. Overwrites that engine's trace. False: they agree, or the
   * relation does not apply.
   */
  relate(scenario: Scenario, relation: Relation, subject: number, observer: Observer): boolean {
    const changed = transform(scenario, relation);
    if (!changed || this.excluded.has(subject)) return false;
    const runner = this.runners[subject]!;
    const accesses = countAccesses(scenario);
    this.onEngine?.(subject);
    const before = runner.run(scenario, accesses);
    const verdicts = before.verdicts.slice(0, accesses);
    const codes = before.codes.slice(0, scenario.events.length);
    const { comparableAccesses } = before;
    const after = runner.run(changed, accesses);
    if (before.failure || after.failure || after.comparableAccesses !== comparableAccesses) return false;
    const vector = this.engines.map((_, engine) => (engine === subject ? 1 : 0));
    const kind = `metamorphic:${relation.name}` as const;
    let at = 0;
    for (const [event, content] of scenario.events.entries()) {
      if (content.kind === 'access') {
        const { indices, types } = content.batch;
        for (let access = 0; access < indices.length && at < comparableAccesses; access++, at++) {
          if (verdicts[at] === after.verdicts[at]) continue;
          const [expected, got] = [verdicts[at]!, after.verdicts[at]!];
          const index = indices[access]!;
          const type = types[access] as 0 | 1;
          observer({ kind, subject, event, access, index, type, expected, got, vector, message: '' });
          return true;
        }
      } else if (codes[event] !== after.codes[event] && event < after.comparableEvents) {
        const [expected, got] = [codes[event]!, after.codes[event]!];
        observer({ kind, subject, event, access: -1, index: 0, type: 0, expected, got, vector, message: '' });
        return true;
      }
    }
    return false;
  }

  /** Fresh VMs for the next run: what a re-verification asks for. */
  discard(): void {
    for (const runner of this.runners) runner.discard();
    this.oracle.discard();
  }

  /** The VM that ran last of an engine, in the state that the scenario left. */
  vmOf(engine: number): EngineVm | undefined {
    return this.runners[engine]!.currentVm;
  }

  private readonly recordDecisions: AfterEvent = (vm, _event, number) => {
    let row = this.decisions[number];
    if (!row) {
      row = new Uint8Array(this.watched.length * 2);
      this.decisions[number] = row;
    }
    for (let i = 0; i < this.watched.length; i++) {
      row[i * 2] = vm.allows!(this.watched[i]!, 0) ? 1 : 0;
      row[i * 2 + 1] = vm.allows!(this.watched[i]!, 1) ? 1 : 0;
    }
  };

  private audit(audit: BitmapAudit, vm: EngineVm, event: ScenarioEvent, number: number, code: number): void {
    const row = this.decisions[number]!;
    // An MSR that is no candidate is passed through by nobody's wish, whatever the filter says.
    const allows: Decision = (index, type) => {
      const at = this.watchedAt.get(index);
      return at === undefined || row[at * 2 + type] === 1;
    };
    audit.after(vm, event, number, code, allows);
  }
}

function leftOut(runner: Runner, why: string): Trace {
  return { ...runner.trace, comparableEvents: 0, comparableAccesses: 0, incomparable: why, failure: undefined };
}
