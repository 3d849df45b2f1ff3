/** Runs a scenario through a list of engines and collects every way in which they do not agree. */
import type { Engine, EngineVm, VmConfig } from '../engines/contract.ts';
import { reference } from '../engines/reference.ts';
import { type AfterEvent, countAccesses, Runner, type Trace } from '../engines/runner.ts';
import { passthroughCandidates } from '../model/catalogue.ts';
import type { Scenario, ScenarioEvent } from '../model/scenario.ts';
import type { AccessType } from '../model/verdict.ts';
import { BitmapAudit, type Decision } from './audit.ts';
import { agree, type KnownPlaces, type Observation, type Observer, observe } from './compare.ts';
import type { Ledger } from './ledger.ts';
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
  /** Those after the event before. */
  private decided: Uint8Array | undefined;
  /** The engine whose decisions the audits use; runs first. */
  private readonly oracle: Runner;
  private readonly oracleIsEngine: boolean;
  private scenario: Scenario = { events: [] };
  /** Called before each engine runs; a watchdog in another thread reads it. */
  onEngine: ((engine: number) => void) | undefined;

  private readonly known: KnownPlaces;

  /** Called before each event of each engine. */
  set onEvent(onEvent: (number: number) => void) {
    for (const runner of this.runners) runner.onEvent = onEvent;
  }

  /** Engines that the ledger expects to differ at a place do not vote there on what is right. */
  constructor(engines: readonly Engine[], config: VmConfig, ledger: Ledger) {
    this.engines = engines;
    this.known = {
      concerns: (index) => ledger.concerns(index),
      abstains: (subject, kind, index, type, got) => ledger.expects(engines[subject]!.name, kind, index, type, got),
    };
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

  /** Lets one engine start on a scenario that `run` will be called with later; in the same order. */
  begin(engine: number, scenario: Scenario): void {
    this.runners[engine]!.begin(scenario);
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
    this.checkAnswers(accesses);
    return agree(this.traces, scenario.events.length) && clean;
  }

  /**
   * What the last run found, after a `run` that was not clean: of each engine, what it did at the first event where
   * it went astray. A wrong bitmap or errno explains the wrong verdicts that follow.
   */
  observe(observer: Observer): void {
    const found = this.audits.map((audit) => audit?.result() ?? []);
    const astray = found.map((findings) => findings[0]?.event ?? Number.POSITIVE_INFINITY);
    const audited = [...astray];
    const explained = new Set<number>();
    const note: Observer = (seen) => {
      const known = observer(seen);
      if (!known && seen.event <= audited[seen.subject]!) explained.add(seen.subject);
      return known;
    };
    observe(this.scenario, this.traces, note, this.known, astray);
    for (const [subject, findings] of found.entries()) {
      if (explained.has(subject)) continue;
      for (const { event, rule, index, type } of findings) {
        const vector = this.engines.map((_, engine) => (engine === subject ? 1 : 0));
        const kind = `bitmap:${rule}` as const;
        observer({ kind, subject, event, access: -1, index, type, expected: 0, got: 1, vector, message: '' });
      }
    }
  }

  /**
   * Runs one engine on the scenario and on its transform, and reports if it does not agree with itself. Overwrites
   * that engine's trace.
   */
  relate(scenario: Scenario, relation: Relation, subject: number, observer: Observer): void {
    const changed = transform(scenario, relation);
    if (!changed || this.excluded.has(subject)) return;
    const runner = this.runners[subject]!;
    const accesses = countAccesses(scenario);
    this.onEngine?.(subject);
    const before = runner.run(scenario, accesses);
    const verdicts = before.verdicts.slice(0, accesses);
    const codes = before.codes.slice(0, scenario.events.length);
    const { comparableAccesses, comparableEvents, failure } = before;
    const after = runner.run(changed, accesses);
    if (failure || after.failure || after.comparableAccesses !== comparableAccesses) return;
    const kind = `metamorphic:${relation.name}` as const;
    const vector = this.engines.map((_, engine) => (engine === subject ? 1 : 0));
    const place = firstDifference(scenario, { verdicts, codes, comparableEvents }, after);
    if (place) observer({ kind, subject, ...place, vector, message: '' });
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

  /** Equal traces are valid together: only the first, and those that differ from it, are looked through. */
  private checkAnswers(accesses: number): void {
    const first = this.traces[0]!;
    for (const [i, trace] of this.traces.entries()) {
      if (this.excluded.has(i) || trace.failure) continue;
      if (
        i > 0 &&
        trace.verdicts.length === first.verdicts.length &&
        Buffer.compare(trace.verdicts, first.verdicts) === 0
      )
        continue;
      this.runners[i]!.checkAnswers(this.scenario, accesses);
    }
  }

  private readonly recordDecisions: AfterEvent = (vm, event, number) => {
    if (!event) {
      this.decided = undefined;
      return;
    }
    let row = this.decisions[number];
    if (!row) {
      row = new Uint8Array(this.watched.length * 2);
      this.decisions[number] = row;
    }
    const before = this.decided;
    this.decided = row;
    // Nothing else changes what the filter decides.
    if (before && event.kind !== 'filter') {
      row.set(before);
      return;
    }
    for (let i = 0; i < this.watched.length; i++) {
      row[i * 2] = vm.allows!(this.watched[i]!, 0) ? 1 : 0;
      row[i * 2 + 1] = vm.allows!(this.watched[i]!, 1) ? 1 : 0;
    }
  };

  private audit(
    audit: BitmapAudit,
    vm: EngineVm,
    event: ScenarioEvent | undefined,
    number: number,
    code: number,
  ): void {
    // At creation no filter is in force.
    const row = event && this.decisions[number]!;
    // An MSR that is no candidate is passed through by nobody's wish, whatever the filter says.
    const allows: Decision = (index, type) => {
      const at = this.watchedAt.get(index);
      return at === undefined || !row || row[at * 2 + type] === 1;
    };
    audit.after(vm, event, number, code, allows);
  }
}

/** Where two runs of one engine part, in order of events; undefined if nowhere. */
function firstDifference(
  scenario: Scenario,
  before: Pick<Trace, 'verdicts' | 'codes' | 'comparableEvents'>,
  after: Trace,
): Omit<Observation, 'kind' | 'subject' | 'vector' | 'message'> | undefined {
  let at = 0;
  for (const [event, content] of scenario.events.entries()) {
    if (event >= before.comparableEvents) return undefined;
    if (content.kind === 'access') {
      const { indices, types } = content.batch;
      for (let access = 0; access < indices.length; access++, at++) {
        const [expected, got] = [before.verdicts[at]!, after.verdicts[at]!];
        if (expected === got) continue;
        return { event, access, index: indices[access]!, type: types[access] as AccessType, expected, got };
      }
    } else if (before.codes[event] !== after.codes[event]) {
      return { event, access: -1, index: 0, type: 0, expected: before.codes[event]!, got: after.codes[event]! };
    }
  }
  return undefined;
}

function leftOut(runner: Runner, why: string): Trace {
  return { ...runner.trace, comparableEvents: 0, comparableAccesses: 0, incomparable: why, failure: undefined };
}
