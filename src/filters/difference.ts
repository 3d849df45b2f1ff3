/** Where two filters, or one under two kernels, answer differently: exact over all 2^33 accesses. */
import type { BaseTable } from '../model/base.ts';
import type { MsrFilter } from '../model/filter.ts';
import type { KernelProfile } from '../model/profile.ts';
import type { ApicMode } from '../model/scenario.ts';
import { AccessType } from '../model/verdict.ts';
import { BaseSegments } from '../prove/base-segments.ts';
import { type Decisions, install } from './decisions.ts';
import type { IndexRange, IndexSet } from './index-set.ts';

const DIRECTIONS = [AccessType.READ, AccessType.WRITE] as const;

/** Neighbouring indices, one direction, that change in the same way. */
export interface Change extends IndexRange {
  readonly type: AccessType;
  /** Decision (0 denied, 1 allowed) or `Verdict`. */
  readonly before: number;
  readonly after: number;
}

/** The accesses of one direction whose decision differs. */
export interface Difference {
  /** Allowed before, denied after. */
  readonly lost: IndexSet;
  /** Denied before, allowed after. */
  readonly won: IndexSet;
}

/** All that differs, of reads and of writes. Sets, because a list of a hundred thousand ranges takes longer than this. */
export function difference(a: Decisions, b: Decisions): readonly [Difference, Difference] {
  const reads = parts(a[0], b[0]);
  return [reads, a[0] === a[1] && b[0] === b[1] ? reads : parts(a[1], b[1])];
}

function parts(a: IndexSet, b: IndexSet): Difference {
  return { lost: a.without(b), won: b.without(a) };
}

/** The accesses whose decision differs as a list, reads first, ascending. */
export function decisionChanges(a: Decisions, b: Decisions): Change[] {
  return difference(a, b).flatMap(({ lost, won }, type) => {
    const changes = (set: IndexSet, after: number): Change[] =>
      Array.from(set.ranges(), (range) => ({ ...range, type: type as AccessType, before: 1 - after, after }));
    return [...changes(lost, 0), ...changes(won, 1)].sort((x, y) => x.first - y.first);
  });
}

/** Whether a kernel answers all of both filters alike, the ioctl's errno included. */
export function sameFilter(a: MsrFilter, b: MsrFilter, profile: KernelProfile): boolean {
  const [first, second] = [install(a, profile), install(b, profile)];
  return first.errno === second.errno && sameDecisions(first.decisions, second.decisions);
}

/** Whether all 2^33 decisions are the same. */
export function sameDecisions(a: Decisions, b: Decisions): boolean {
  return DIRECTIONS.every((type) => a[type].equals(b[type]));
}

/** What decisions become verdicts by. */
export interface VerdictRules {
  readonly base: BaseTable;
  readonly apic: ApicMode;
  /** `Verdict` of a denied access, and of an allowed one that is handled, unknown or invalid. */
  readonly verdicts: readonly [number, number, number, number];
}

/** The changes of decisions as far as they change a verdict: a denied access and an unknown one may both be #GP. */
export function verdictChanges(decided: readonly Change[], { base, apic, verdicts }: VerdictRules): Change[] {
  const segments = new BaseSegments(base, apic);
  const changes: Change[] = [];
  for (const { first, last, type, before, after } of decided) {
    const verdictOf = (decision: number, index: number): number =>
      verdicts[decision === 0 ? 0 : 1 + segments.outcome(index, type)]!;
    for (const [from, to] of segments.between(first, last)) {
      const change = { first: from, last: to, type, before: verdictOf(before, from), after: verdictOf(after, from) };
      if (change.before === change.after) continue;
      const previous = changes.at(-1);
      if (previous && continues(previous, change)) changes[changes.length - 1] = { ...previous, last: to };
      else changes.push(change);
    }
  }
  return changes;
}

function continues(previous: Change, { first, type, before, after }: Change): boolean {
  return (
    previous.last === first - 1 && previous.type === type && previous.before === before && previous.after === after
  );
}

/** Number of accesses. */
export function accessesIn(changes: readonly IndexRange[]): number {
  return changes.reduce((sum, { first, last }) => sum + last - first + 1, 0);
}
