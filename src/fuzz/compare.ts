/** Compares what the engines did: equal, diverged or incomparable. */

import { NOT_APPLICABLE, type Trace } from '../engines/runner.ts';
import type { Scenario } from '../model/scenario.ts';
import type { AccessType } from '../model/verdict.ts';
import type { AuditRule } from './audit.ts';

/** What kind of result the engines disagree on, or which rule one engine breaks by itself. */
export type DivergenceKind =
  | 'verdict'
  | 'errno'
  | 'completion'
  | `bitmap:${AuditRule}`
  | `metamorphic:${string}`
  | 'engine-error'
  | 'engine-timeout';

/** One place where one engine stands against the others (or against a rule). */
export interface Observation {
  readonly kind: DivergenceKind;
  /** Number of the engine in the list of traces. */
  readonly subject: number;
  readonly event: number;
  /** Number of the access within its event; -1 where the kind has none. */
  readonly access: number;
  readonly index: number;
  readonly type: AccessType;
  /** Result that most engines agree on, and the subject's. */
  readonly expected: number;
  readonly got: number;
  /** Result by engine; NOT_APPLICABLE where an engine takes no part. */
  readonly vector: readonly number[];
  /** For `engine-error`: what it threw or answered. */
  readonly message: string;
}

/**
 * Called for every observation that is not a consequence of an earlier one. Returns true if it is a known one, which
 * explains nothing else.
 */
export type Observer = (observation: Observation) => boolean;

/**
 * Whether an engine's result is known to stand against the others there (ledger): it does not vote on what is right.
 */
export type Abstains = (subject: number, kind: DivergenceKind, index: number, type: AccessType, got: number) => boolean;

/** Whether all engines agree on everything that they can be compared on. The fast path of a campaign. */
export function agree(traces: readonly Trace[], events: number): boolean {
  const first = traces[0]!;
  for (const trace of traces) {
    if (trace.failure) return false;
    if (trace === first) continue;
    const accesses = Math.min(first.comparableAccesses, trace.comparableAccesses);
    if (first.verdicts.length === trace.verdicts.length && accesses === first.verdicts.length) {
      if (Buffer.compare(first.verdicts, trace.verdicts) !== 0) return false;
    } else if (Buffer.compare(first.verdicts.subarray(0, accesses), trace.verdicts.subarray(0, accesses)) !== 0) {
      return false;
    }
    for (let event = 0; event < events; event++) {
      const a = first.codes[event]!;
      const b = trace.codes[event]!;
      if (a !== b && codeAt(first, event) !== NOT_APPLICABLE && codeAt(trace, event) !== NOT_APPLICABLE) return false;
    }
  }
  // An engine that the first one cannot be compared with may still differ from a third.
  return traces.every((trace) => trace.comparableEvents <= first.comparableEvents) && codesAgree(traces, events);
}

function codesAgree(traces: readonly Trace[], events: number): boolean {
  for (let event = 0; event < events; event++) {
    if (codeAt(traces[0]!, event) !== NOT_APPLICABLE) continue;
    let seen = NOT_APPLICABLE;
    for (const trace of traces) {
      const code = codeAt(trace, event);
      if (code === NOT_APPLICABLE) continue;
      if (seen !== NOT_APPLICABLE && seen !== code) return false;
      seen = code;
    }
  }
  return true;
}

function codeAt(trace: Trace, event: number): number {
  return event < trace.comparableEvents ? trace.codes[event]! : NOT_APPLICABLE;
}

/** Nested entries differ by vendor on purpose; the bitmap audit checks them. */
const CODE_KIND = { filter: 'errno', cap: 'errno', reply: 'completion' } as const;

/**
 * Every place where an engine differs from the consensus, in order of events. Once an engine has gone astray at one
 * event, what it does at later ones is taken for a consequence: `astray` holds, by engine, that event, and is updated.
 */
export function observe(
  scenario: Scenario,
  traces: readonly Trace[],
  observer: Observer,
  abstains: Abstains,
  astray: number[],
): void {
  /** Engines whose last access is known to end otherwise: whether an exit is pending differs with it. */
  const knownEnd = new Set<number>();
  let lastAccess = -1;
  const report = (observation: Observation): void => {
    if (observer(observation)) {
      if (observation.kind === 'verdict' && observation.access === lastAccess) knownEnd.add(observation.subject);
      return;
    }
    astray[observation.subject] = Math.min(astray[observation.subject]!, observation.event);
  };
  let first = 0;
  for (const [event, content] of scenario.events.entries()) {
    observeFailures(traces, event, report);
    if (content.kind === 'access') {
      const { indices, types } = content.batch;
      knownEnd.clear();
      lastAccess = indices.length - 1;
      observeAccesses({ traces, first, indices, types, event }, report, abstains, astray);
      first += indices.length;
    } else if (content.kind in CODE_KIND) {
      const vector = traces.map((trace) => codeAt(trace, event));
      const kind = CODE_KIND[content.kind as keyof typeof CODE_KIND];
      const everyone = (): boolean => true;
      blame(vector, everyone, (subject, expected, got) => {
        if (astray[subject]! < event || (kind === 'completion' && knownEnd.has(subject))) return;
        report({ kind, subject, event, access: -1, index: 0, type: 0, expected, got, vector, message: '' });
      });
    }
  }
}

function observeFailures(traces: readonly Trace[], event: number, report: (observation: Observation) => void): void {
  for (const [subject, { failure }] of traces.entries()) {
    if (failure?.event !== event) continue;
    const vector = traces.map((other) => (other.failure ? 1 : 0));
    const { message } = failure;
    report({
      kind: 'engine-error',
      subject,
      event,
      access: -1,
      index: 0,
      type: 0,
      expected: 0,
      got: 1,
      vector,
      message,
    });
  }
}

interface BatchTraces {
  readonly traces: readonly Trace[];
  /** Position of the batch in the verdict arrays. */
  readonly first: number;
  readonly indices: Uint32Array;
  readonly types: Uint8Array;
  readonly event: number;
}

function observeAccesses(
  { traces, first, indices, types, event }: BatchTraces,
  report: (observation: Observation) => void,
  abstains: Abstains,
  astray: readonly number[],
): void {
  const vector = new Array<number>(traces.length);
  forDifferences(traces, first, first + indices.length, (at) => {
    const access = at - first;
    for (const [i, trace] of traces.entries()) {
      vector[i] = at < trace.comparableAccesses ? trace.verdicts[at]! : NOT_APPLICABLE;
    }
    const index = indices[access]!;
    const type = types[access] as AccessType;
    const votes = (i: number): boolean => !abstains(i, 'verdict', index, type, vector[i]!);
    blame(vector, votes, (subject, expected, got) => {
      if (astray[subject]! < event) return;
      const found = { subject, event, access, index, type, expected, got };
      report({ kind: 'verdict', ...found, vector: [...vector], message: '' });
    });
  });
}

/** Accesses that are looked at one by one. */
const FEW = 16;

/**
 * Calls `visit` with each access from `from` up to `to` at which the traces may differ, in order. What all can be
 * compared on is halved until it is equal: one known divergence must not make a campaign look at every access.
 */
function forDifferences(traces: readonly Trace[], from: number, to: number, visit: (at: number) => void): void {
  const base = traces[0]!.verdicts;
  const everyone = Math.min(to, ...traces.map((trace) => trace.comparableAccesses));
  const buffers = traces.map(({ verdicts }) => Buffer.from(verdicts.buffer, verdicts.byteOffset, verdicts.length));
  const search = (start: number, end: number): void => {
    if (buffers.every((other) => buffers[0]!.compare(other, start, end, start, end) === 0)) return;
    if (end - start > FEW) {
      const middle = (start + end) >>> 1;
      search(start, middle);
      search(middle, end);
      return;
    }
    for (let at = start; at < end; at++) if (traces.some(({ verdicts }) => verdicts[at] !== base[at])) visit(at);
  };
  if (from < everyone) search(from, everyone);
  for (let at = Math.max(from, everyone); at < to; at++) visit(at);
}

/**
 * Names the engines that differ from the consensus: the result that most of the voting engines gave; in a tie, the
 * one that the first of them in the list gave.
 */
export function blame(
  vector: readonly number[],
  votes: (engine: number) => boolean,
  dissent: (subject: number, expected: number, got: number) => void,
): void {
  let consensus = NOT_APPLICABLE;
  let most = 0;
  const counted: number[] = [];
  for (let engine = 0; engine < vector.length; engine++) {
    const result = vector[engine]!;
    if (result === NOT_APPLICABLE || counted.includes(result) || !votes(engine)) continue;
    counted.push(result);
    let count = 0;
    for (let other = 0; other < vector.length; other++) if (vector[other] === result && votes(other)) count++;
    if (count > most) {
      most = count;
      consensus = result;
    }
  }
  if (most === 0) return;
  for (let subject = 0; subject < vector.length; subject++) {
    const got = vector[subject]!;
    if (got !== NOT_APPLICABLE && got !== consensus) dissent(subject, consensus, got);
  }
}
