/** Compares what the engines did: equal, diverged or incomparable. */

import { NOT_APPLICABLE, type Trace } from '../engines/runner.ts';
import type { Scenario } from '../model/scenario.ts';
import type { AccessType } from '../model/verdict.ts';
import type { AuditRule } from './audit.ts';
import { REGIONS, regionOf } from './signature.ts';

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

/** What is known of the engines (ledger). */
export interface KnownPlaces {
  /** Whether anything is known of the MSR, of any engine. */
  concerns(index: number): boolean;
  /** Whether an engine's result is known to stand against the others there: it does not vote on what is right. */
  abstains(subject: number, kind: DivergenceKind, index: number, type: AccessType, got: number): boolean;
}

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
 * Where engines differ from the consensus, in order of events. Once an engine has gone astray at one event, what it
 * does at later ones is taken for a consequence: `astray` holds, by engine, that event, and is updated. Of an event's
 * accesses with the same results and in the same region only the first is told, those aside that something is known
 * of: of these each is counted.
 */
export function observe(
  scenario: Scenario,
  traces: readonly Trace[],
  observer: Observer,
  known: KnownPlaces,
  astray: number[],
): void {
  /** Engines whose last access is known to end otherwise: whether an exit is pending differs with it. */
  const knownEnd = new Set<number>();
  let lastAccess = -1;
  const report = (observation: Observation): boolean => {
    if (observer(observation)) {
      if (observation.kind === 'verdict' && observation.access === lastAccess) knownEnd.add(observation.subject);
      return true;
    }
    astray[observation.subject] = Math.min(astray[observation.subject]!, observation.event);
    return false;
  };
  let first = 0;
  for (const [event, content] of scenario.events.entries()) {
    observeFailures(traces, event, report);
    if (content.kind === 'access') {
      const { indices, types } = content.batch;
      knownEnd.clear();
      lastAccess = indices.length - 1;
      observeAccesses({ traces, first, indices, types, event }, report, known, astray);
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

function observeFailures(traces: readonly Trace[], event: number, report: Observer): void {
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
  report: Observer,
  known: KnownPlaces,
  astray: readonly number[],
): void {
  const vector = new Array<number>(traces.length).fill(NOT_APPLICABLE);
  /** True if another access like this one would say nothing that this one has not said. */
  const visit = (access: number): boolean => {
    const at = first + access;
    for (let i = 0; i < traces.length; i++) {
      const trace = traces[i]!;
      vector[i] = at < trace.comparableAccesses ? trace.verdicts[at]! : NOT_APPLICABLE;
    }
    const index = indices[access]!;
    const type = types[access] as AccessType;
    const concerned = known.concerns(index);
    const votes = (i: number): boolean => !concerned || !known.abstains(i, 'verdict', index, type, vector[i]!);
    let isCounted = concerned;
    blame(vector, votes, (subject, expected, got) => {
      if (astray[subject]! < event) return;
      const found = { subject, event, access, index, type, expected, got };
      if (report({ kind: 'verdict', ...found, vector: [...vector], message: '' })) isCounted = true;
    });
    return !isCounted;
  };
  const end = first + indices.length;
  // Who takes no part in the batch is the same throughout, and where the others agree nobody is to blame.
  const whole = traces.filter(({ comparableAccesses }) => comparableAccesses >= end);
  if (traces.some(({ comparableAccesses }) => comparableAccesses > first && comparableAccesses < end)) {
    for (let access = 0; access < indices.length; access++) visit(access);
    return;
  }
  const verdicts = distinct(whole.map((trace) => trace.verdicts.subarray(first, end)));
  const told = verdicts.length <= MAX_TABLE ? new SmallNumbers(8 ** verdicts.length * REGIONS * 2) : new Set<number>();
  forDifferences(verdicts, (access, results) => {
    const index = indices[access]!;
    const key = (results * REGIONS + regionOf(index)) * 2 + types[access]!;
    if (told.has(key) && !known.concerns(index)) return;
    if (visit(access) && verdicts.length <= MAX_EXACT) told.add(key);
  });
}

/** Engines that gave the same results all along count once: most agree with each other. */
function distinct(results: readonly Uint8Array[]): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (const result of results) if (!found.some((other) => Buffer.compare(other, result) === 0)) found.push(result);
  return found;
}

/** A set of numbers below a limit, for millions of look-ups. */
class SmallNumbers {
  private readonly flags: Uint8Array;

  constructor(limit: number) {
    this.flags = new Uint8Array(limit);
  }

  has(value: number): boolean {
    return this.flags[value] === 1;
  }

  add(value: number): void {
    this.flags[value] = 1;
  }
}

/** Lists of results up to which what has been told is kept in a table. */
const MAX_TABLE = 4;
/** Accesses that are looked at one by one. */
const FEW = 64;
/** Lists of results of which 3 bits each, beside region and type, are an exact number. */
const MAX_EXACT = 15;

/**
 * Calls `visit` with each access at which the lists differ, in order, and with one number for its results. What is to
 * be compared is halved until it is equal: one known divergence must not make a campaign look at every access.
 */
function forDifferences(lists: readonly Uint8Array[], visit: (access: number, results: number) => void): void {
  if (lists.length < 2) return;
  const base = lists[0]!;
  const buffers = lists.map((list) => Buffer.from(list.buffer, list.byteOffset, list.length));
  const search = (start: number, end: number): void => {
    const middle = (start + end) >>> 1;
    // Where an engine is wrong all over, one look saves most of the comparing.
    if (
      lists.every((list) => list[middle] === base[middle]) &&
      buffers.every((other) => buffers[0]!.compare(other, start, end, start, end) === 0)
    ) {
      return;
    }
    if (end - start > FEW) {
      search(start, middle);
      search(middle, end);
      return;
    }
    for (let access = start; access < end; access++) {
      const result = base[access]!;
      let results = result;
      let isEqual = true;
      for (let i = 1; i < lists.length; i++) {
        const other = lists[i]![access]!;
        if (other !== result) isEqual = false;
        results = results * 8 + other;
      }
      if (!isEqual) visit(access, results);
    }
  };
  search(0, base.length);
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
