/** A scenario that has run, seen step by step: what the boundary cases (boundary-cases.ts) are stated on. */
import type { VmConfig } from '../engines/contract.ts';
import type { Trace } from '../engines/runner.ts';
import type { BaseOutcome } from '../model/base.ts';
import {
  KVM_MSR_FILTER_MAX_NMSRS,
  type MsrFilter,
  type MsrFilterRange,
  X2APIC_FIRST,
  X2APIC_LAST,
} from '../model/filter.ts';
import { type AccessForm, ApicMode, type FilterEvent, type Scenario, type ScenarioEvent } from '../model/scenario.ts';
import { type AccessType, Verdict } from '../model/verdict.ts';

/** The state of the VM before an event. */
export interface State {
  /** The filter in force; null if there is none or filtering is off. */
  readonly filter: MsrFilter | null;
  readonly mask: number;
  readonly apic: ApicMode;
  readonly ignoreMsrs: boolean;
  /** An exit that waits for user space's reply. */
  readonly pending: boolean;
}

/** One event with its results. */
export interface Step {
  readonly number: number;
  readonly event: ScenarioEvent;
  /** Errno, completion or nested entry. */
  readonly code: number;
  readonly before: State;
  /** The filter in force after the event. */
  readonly after: MsrFilter | null;
  /** For access events: verdicts, and routes by vendor where known. */
  readonly verdicts: Uint8Array;
  readonly vmxRoutes: Uint8Array | undefined;
  readonly svmRoutes: Uint8Array | undefined;
}

/** One access of a step. The object is reused: not to be kept. */
export interface Access {
  index: number;
  type: AccessType;
  verdict: number;
  /** Whether the filter in force allows it, and by which slot: -1 the default, -2 no filter, -3 never filtered. */
  allowed: boolean;
  slot: number;
  /** Bit of that slot's bitmap. */
  bit: number;
  base: BaseOutcome;
  /** Position in the step. */
  at: number;
}

export interface BoundaryCase {
  /** 1-78; several entries share an id where the case has several values. */
  readonly id: number;
  /** Which value of the case, where there are several. */
  readonly part?: string;
  readonly title: string;
  /** Whether a scenario that has run shows it, results included. */
  readonly reached: (view: CaseView) => boolean;
}

export const BY_DEFAULT = -1;
export const NO_FILTER = -2;
export const EXEMPT = -3;

const flagOf = (type: AccessType): number => 1 << type;
/** (u32)(base + nmsrs). */
export const endOf = ({ base, nmsrs }: MsrFilterRange): number => (base + nmsrs) >>> 0;
export const wraps = ({ base, nmsrs }: MsrFilterRange): boolean => base + nmsrs > 0xffff_ffff;
export const bitAt = (range: MsrFilterRange, bit: number): number => (range.bitmap![bit >>> 3]! >>> (bit & 7)) & 1;
/** Whether a valid range covers the index for that type. */
export const covers = (range: MsrFilterRange, index: number, type: AccessType): boolean =>
  range.nmsrs > 0 && index >= range.base && index < endOf(range) && (range.flags & flagOf(type)) !== 0;

/** Slot that decides an access under an accepted filter. */
export function slotFor(filter: MsrFilter | null, index: number, type: AccessType): number {
  if (index >= X2APIC_FIRST && index <= X2APIC_LAST) return EXEMPT;
  if (!filter) return NO_FILTER;
  return filter.ranges.findIndex((range) => covers(range, index, type));
}

export function allows(filter: MsrFilter | null, index: number, type: AccessType): boolean {
  const slot = slotFor(filter, index, type);
  if (slot === BY_DEFAULT) return (filter!.flags & 1) === 0;
  return slot < 0 || bitAt(filter!.ranges[slot]!, index - filter!.ranges[slot]!.base) === 1;
}

/** What the newest kernels find wrong with one slot. */
export function rangeError({ flags, nmsrs, bitmap }: MsrFilterRange): 'flags' | 'size' | 'copy' | undefined {
  if (nmsrs === 0) return undefined;
  if (flags === 0 || flags > 3) return 'flags';
  if (nmsrs > KVM_MSR_FILTER_MAX_NMSRS) return 'size';
  return bitmap === null || bitmap.length < Math.ceil(nmsrs / 64) * 8 ? 'copy' : undefined;
}

/** First slot that the ioctl rejects, -1 if none. */
export const firstBad = (filter: MsrFilter): number =>
  filter.ranges.findIndex((range) => rangeError(range) !== undefined);

export type FilterStep = Step & { readonly event: FilterEvent };

/** A case with its results, for the rules of the newest kernels. */
export class CaseView {
  readonly steps: readonly Step[];
  readonly config: VmConfig;

  /** @param trace of an engine of the documented rules, such as `reference` */
  constructor(scenario: Scenario, config: VmConfig, trace: Trace, vmx?: Trace, svm?: Trace) {
    this.config = config;
    const steps: Step[] = [];
    let at = 0;
    let state: State = { filter: null, mask: 0, apic: ApicMode.NONE, ignoreMsrs: false, pending: false };
    for (const [number, event] of scenario.events.entries()) {
      const count = event.kind === 'access' ? event.batch.indices.length : 0;
      const slice = (bytes: Uint8Array | undefined): Uint8Array | undefined => bytes?.subarray(at, at + count);
      const verdicts = slice(trace.verdicts)!;
      const code = trace.codes[number]!;
      const next = follow(state, event, code, verdicts);
      const routes = { vmxRoutes: slice(vmx?.routes), svmRoutes: slice(svm?.routes) };
      steps.push({ number, event, code, before: state, after: next.filter, verdicts, ...routes });
      state = next;
      at += count;
    }
    this.steps = steps;
  }

  someStep(test: (step: Step) => boolean): boolean {
    return this.steps.some(test);
  }

  /** Filter events whose struct reaches the checks. */
  someFilter(test: (filter: MsrFilter, code: number, step: FilterStep) => boolean): boolean {
    return this.steps.some(
      (step) =>
        step.event.kind === 'filter' &&
        step.event.delivery !== 'compat' &&
        step.event.delivery !== 'short' &&
        test(step.event.filter, step.code, step as FilterStep),
    );
  }

  /** Non-empty slots of filters that the kernel has accepted. */
  someRange(test: (range: MsrFilterRange, filter: MsrFilter, slot: number) => boolean): boolean {
    return this.someFilter(
      (filter, code) => code === 0 && filter.ranges.some((range, slot) => range.nmsrs > 0 && test(range, filter, slot)),
    );
  }

  /** Accesses of the given forms; `test` gets those for which `pick` returns true, with the decision filled in. */
  someAccess(
    pick: (index: number, type: AccessType, state: State) => boolean,
    test: (access: Access, step: Step) => boolean,
    forms: readonly AccessForm[] = ['native'],
  ): boolean {
    const { base } = this.config;
    const access: Access = { index: 0, type: 0, verdict: 0, allowed: true, slot: 0, bit: 0, base: 0, at: 0 };
    for (const step of this.steps) {
      if (step.event.kind !== 'access' || !forms.includes(step.event.batch.form ?? 'native')) continue;
      const { indices, types } = step.event.batch;
      const { filter, apic } = step.before;
      for (let at = 0; at < indices.length; at++) {
        const index = indices[at]!;
        const type = types[at] as AccessType;
        if (!pick(index, type, step.before)) continue;
        const slot = slotFor(filter, index, type);
        access.at = at;
        access.index = index;
        access.type = type;
        access.verdict = step.verdicts[at]!;
        access.slot = slot;
        access.bit = slot >= 0 ? index - filter!.ranges[slot]!.base : -1;
        access.allowed = allows(filter, index, type);
        access.base = base.outcome(index, type, apic);
        if (test(access, step)) return true;
      }
    }
    return false;
  }

  /** Accesses while a filter is in force. */
  underFilter(
    pick: (index: number, type: AccessType, filter: MsrFilter) => boolean,
    test: (access: Access, filter: MsrFilter, step: Step) => boolean,
  ): boolean {
    return this.someAccess(
      (index, type, { filter }) => filter !== null && pick(index, type, filter),
      (access, step) => test(access, step.before.filter!, step),
    );
  }
}

function follow(state: State, event: ScenarioEvent, code: number, verdicts: Uint8Array): State {
  switch (event.kind) {
    case 'filter': {
      if (code !== 0) return state;
      const off = event.filter.ranges.every(({ nmsrs }) => nmsrs === 0);
      return { ...state, filter: off ? null : event.filter };
    }
    case 'cap':
      return code === 0 ? { ...state, mask: Number(event.mask) } : state;
    case 'apic':
      return { ...state, apic: event.mode };
    case 'ignoreMsrs':
      return { ...state, ignoreMsrs: event.on };
    case 'access':
      if (event.batch.form === 'host') return state;
      return { ...state, pending: (verdicts.at(-1) ?? 0) >= Verdict.EXIT_FILTER };
    case 'reply':
      return { ...state, pending: false };
    default:
      return state;
  }
}
