/** Runs a scenario through one engine and keeps what can be compared. */

import type { MsrFilter } from '../model/filter.ts';
import type { AccessEvent, AccessForm, Scenario, ScenarioEvent } from '../model/scenario.ts';
import { Route } from '../model/verdict.ts';
import type { Engine, EngineVm, VmConfig } from './contract.ts';

/** Result code of an event that the engine cannot take part in. */
export const NOT_APPLICABLE = 0x7fff_ffff;
/** What a verdict byte holds before the engine has written it. */
const UNWRITTEN = 0xee;
const MAX_VERDICT = 4;

/** An engine that threw or answered something that is no answer. */
export interface EngineFailure {
  /** Number of the event. */
  readonly event: number;
  readonly message: string;
}

/** What one engine did with one scenario. Arrays may be longer than what is used. */
export interface Trace {
  readonly engine: Engine;
  /** One per event: errno, completion or nested entry; 0 for access events; NOT_APPLICABLE. */
  readonly codes: Int32Array;
  /** One per access, all access events in a row. */
  verdicts: Uint8Array;
  routes: Uint8Array;
  /** Events from here on cannot be compared: the engine lacks a capability that they depend on. */
  comparableEvents: number;
  /** Accesses before that point. */
  comparableAccesses: number;
  /** Why, if comparableEvents is less than the number of events. */
  incomparable: string;
  failure: EngineFailure | undefined;
}

/** Called after every event that may change intercept bitmaps, and, without event, once the VM is created. */
export type AfterEvent = (vm: EngineVm, event: ScenarioEvent | undefined, number: number, code: number) => void;

/** Called before every access event that the engine runs. */
export type BeforeAccess = (vm: EngineVm, event: AccessEvent) => void;

/** Events whose effect on verdicts an engine cannot leave out. */
const DECISIVE: ReadonlySet<ScenarioEvent['kind']> = new Set(['cap', 'apic', 'ignoreMsrs']);

/** One engine with its VM and buffers, reused from case to case. */
export class Runner {
  readonly engine: Engine;
  readonly trace: Trace;
  /** Called with the number of every event before it is run. */
  onEvent: ((number: number) => void) | undefined;
  private readonly config: VmConfig;
  private readonly forms: readonly AccessForm[];
  private vm: EngineVm | undefined;
  /** Scenarios that have been started ahead of `run`, each in a VM of its own; none if that failed. */
  private begun: { readonly scenario: Scenario; readonly vm: EngineVm | undefined }[] = [];

  constructor(engine: Engine, config: VmConfig) {
    this.engine = engine;
    this.config = config;
    this.forms = engine.capabilities.forms ?? ['native'];
    this.trace = {
      engine,
      codes: new Int32Array(64),
      verdicts: new Uint8Array(0),
      routes: new Uint8Array(0),
      comparableEvents: 0,
      comparableAccesses: 0,
      incomparable: '',
      failure: undefined,
    };
  }

  /**
   * Starts a scenario that `run` will be called with later, where the engine can run ahead. Scenarios are run in the
   * order in which they are begun, and are told apart as objects; one that is left out is dropped.
   */
  begin(scenario: Scenario): void {
    if (this.vm && !this.vm.begin) return;
    let vm: EngineVm | undefined;
    try {
      vm = this.engine.createVm(this.config);
      vm.begin?.(this.announced(scenario));
    } catch {
      // It will fail again in `run`, which tells.
      vm = undefined;
    }
    if (vm && !vm.begin) this.vm ??= vm;
    else this.begun.push({ scenario, vm });
  }

  /** Runs the scenario in a VM in its initial state. Never throws: what the engine throws ends in the trace. */
  run(scenario: Scenario, accesses: number, afterEvent?: AfterEvent, beforeAccess?: BeforeAccess): Trace {
    const { trace } = this;
    const { events } = scenario;
    if (trace.verdicts.length < accesses) {
      trace.verdicts = new Uint8Array(accesses);
      trace.routes = new Uint8Array(accesses);
    }
    if (trace.codes.length < events.length) {
      (trace as { codes: Int32Array }).codes = new Int32Array(events.length * 2);
    }
    trace.comparableEvents = events.length;
    trace.comparableAccesses = accesses;
    trace.incomparable = '';
    trace.failure = undefined;
    trace.verdicts.fill(UNWRITTEN, 0, accesses);
    if (!this.engine.capabilities.routes) trace.routes.fill(Route.INTERCEPTED, 0, accesses);
    let at = 0;
    let number = 0;
    try {
      const vm = this.freshVm(scenario);
      if (afterEvent) afterEvent(vm, undefined, -1, 0);
      for (; number < events.length; number++) {
        const event = events[number]!;
        this.onEvent?.(number);
        const missing = this.missing(event);
        if (missing !== '') {
          this.cutOff(number, at, missing);
          return trace;
        }
        if (event.kind === 'access') {
          const end = at + event.batch.indices.length;
          const verdicts = trace.verdicts.subarray(at, end);
          if (beforeAccess) beforeAccess(vm, event);
          vm.access(event.batch, verdicts, trace.routes.subarray(at, end));
          trace.codes[number] = 0;
          at = end;
        } else {
          const code = this.code(vm, event);
          // How L2 is entered differs by vendor: the bitmap audit checks it, engines are not compared on it.
          trace.codes[number] = event.kind === 'nested' ? NOT_APPLICABLE : code;
          if (afterEvent) afterEvent(vm, event, number, code);
        }
      }
    } catch (error) {
      this.fail(number, at, `threw ${describe(error)}`);
      return trace;
    }
    return trace;
  }

  /** Drops the VM: the next run creates one. */
  discard(): void {
    this.vm = undefined;
  }

  get currentVm(): EngineVm | undefined {
    return this.vm;
  }

  private freshVm(scenario: Scenario): EngineVm {
    const place = this.begun.findIndex((begun) => begun.scenario === scenario);
    const ahead = this.begun[place]?.vm;
    this.begun = place < 0 ? [] : this.begun.slice(place + 1);
    if (ahead) this.vm = ahead;
    else if (this.vm?.begin) this.vm.begin(this.announced(scenario));
    else if (this.vm?.reset) this.vm.reset();
    else {
      this.vm = this.engine.createVm(this.config);
      this.vm.begin?.(this.announced(scenario));
    }
    return this.vm;
  }

  /** The events that `run` will ask the engine for. */
  private announced({ events }: Scenario): Scenario {
    const end = events.findIndex((event) => this.missing(event) !== '');
    const asked = end < 0 ? events : events.slice(0, end);
    return { events: asked.filter(({ kind }) => kind === 'access' || this.runs(kind)) };
  }

  private missing(event: ScenarioEvent): string {
    if (event.kind === 'access') {
      const form = event.batch.form ?? 'native';
      return this.forms.includes(form) ? '' : `does not run accesses of form ${form}`;
    }
    if (DECISIVE.has(event.kind) && !this.runs(event.kind)) {
      return `does not run ${event.kind} events`;
    }
    return this.engine.cannot?.(event) ?? '';
  }

  private runs(kind: ScenarioEvent['kind']): boolean {
    return this.engine.capabilities.events.includes(kind);
  }

  private code(vm: EngineVm, event: Exclude<ScenarioEvent, { kind: 'access' }>): number {
    if (!this.runs(event.kind)) return NOT_APPLICABLE;
    switch (event.kind) {
      case 'filter': {
        const filter = event.delivery === 'overwritten' ? withOwnBitmaps(event.filter) : event.filter;
        const before = event.delivery === 'readonly' ? withOwnBitmaps(event.filter) : undefined;
        const result = vm.setFilter(filter, event.delivery ?? 'normal');
        if (before && !sameBitmaps(before, filter)) throw new Error('setFilter wrote to the bitmap');
        if (event.delivery === 'overwritten') {
          for (const range of filter.ranges)
            for (let i = 0; i < (range.bitmap?.length ?? 0); i++) range.bitmap![i]! ^= 0xff;
        }
        return answer(result, -4095, 0, 'setFilter');
      }
      case 'cap':
        return answer(vm.enableCap!(event), -4095, 0, 'enableCap');
      case 'reply':
        return answer(vm.reply!(event.error, event.data), 0, 2, 'reply');
      case 'nested':
        return answer(vm.enterNested!(event), 0, 2, 'enterNested');
      case 'apic':
        vm.setApicMode!(event.mode);
        return 0;
      case 'candidates':
        vm.setCandidates!(event.changes);
        return 0;
      case 'ignoreMsrs':
        vm.setIgnoreMsrs!(event.on);
        return 0;
    }
  }

  /** Looks for bytes that are no verdicts in the last run; what it finds becomes the trace's failure. */
  checkAnswers(scenario: Scenario, accesses: number): void {
    const { verdicts } = this.trace;
    const end = Math.min(accesses, this.trace.comparableAccesses);
    let at = 0;
    // Four at a time: a byte over 4 has, or gets by adding 0x7b, its top bit set.
    const words = new Uint32Array(verdicts.buffer, 0, end >>> 2);
    while (at < words.length && ((words[at]! | (words[at]! + 0x7b7b_7b7b)) & 0x8080_8080) === 0) at++;
    at *= 4;
    while (at < end && verdicts[at]! <= MAX_VERDICT) at++;
    if (at === end) return;
    const byte = verdicts[at]!;
    let first = 0;
    for (const [number, event] of scenario.events.entries()) {
      if (event.kind !== 'access') continue;
      const end = first + event.batch.indices.length;
      if (at < end) {
        const what = byte === UNWRITTEN ? 'left verdicts unwritten' : `wrote ${byte}, which is no verdict`;
        this.fail(number, first, what);
        return;
      }
      first = end;
    }
  }

  private fail(event: number, accesses: number, message: string): void {
    this.trace.failure = { event, message };
    this.cutOff(event, accesses, message);
    this.discard();
  }

  private cutOff(event: number, accesses: number, why: string): void {
    this.trace.comparableEvents = event;
    this.trace.comparableAccesses = accesses;
    this.trace.incomparable = why;
  }
}

function answer(value: unknown, low: number, high: number, method: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high) return value;
  throw new Error(`${method} returned ${String(value)}`);
}

function withOwnBitmaps(filter: MsrFilter): MsrFilter {
  return { ...filter, ranges: filter.ranges.map((range) => ({ ...range, bitmap: range.bitmap?.slice() ?? null })) };
}

function sameBitmaps(a: MsrFilter, b: MsrFilter): boolean {
  return a.ranges.every(({ bitmap }, slot) => {
    const other = b.ranges[slot]!.bitmap;
    return bitmap === null || other === null ? bitmap === other : Buffer.compare(bitmap, other) === 0;
  });
}

function describe(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return text.split('\n')[0]!.slice(0, 200);
}

/** Number of accesses in a scenario. */
export function countAccesses(scenario: Scenario): number {
  let count = 0;
  for (const event of scenario.events) if (event.kind === 'access') count += event.batch.indices.length;
  return count;
}
