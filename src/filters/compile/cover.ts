/**
 * The fewest windows that a filter needs, which is a covering problem on a line.
 *
 * Let "point" be an MSR for which a direction is not what the default does. In a filter, first match: an index that a
 * read-only range covers can have any read decision there, whatever comes later, so read-only and write-only ranges may
 * as well come first, with the true bits; the ranges for both directions follow. Such a filter is right if and only if
 *
 * - a point of both directions is covered by a range for both, or by a read-only and a write-only one;
 * - a point of reads alone is covered by a read-only range, or by a range for both and a write-only one, which takes the
 *   writes out of it (one range for both cannot decide two ways, and where none covers it, the default does not either);
 * - a point of writes alone, in the same way with the directions exchanged.
 *
 * With a colour for each kind of range, all three say the same: a point is covered by its own colour, or by both of the
 * other two. More cover never hurts, so every window may be as long as it can be.
 *
 * From left to right: the first point that is not covered enough needs another window over it. In a smallest cover that
 * window may begin at the point, because all before it are served. So it is enough to try the colours there. Of what can
 * be reached with the same number of windows, a state is dropped if another is ahead of it in every respect.
 */
import type { IndexSet } from '../index-set.ts';

/** Kinds of ranges, and of points by the kind that alone serves them. `flags` of a range is the kind plus 1. */
export const Kind = { READ: 0, WRITE: 1, BOTH: 2 } as const;
export type Kind = (typeof Kind)[keyof typeof Kind];
export const KINDS = [Kind.READ, Kind.WRITE, Kind.BOTH] as const;

/** Points by kind; no index is in two of them. */
export type Points = readonly [IndexSet, IndexSet, IndexSet];

/** A range without its bits: first index, and the one after the last. */
export interface Window {
  readonly kind: Kind;
  readonly start: number;
  readonly end: number;
}

/** What a range can be. */
export interface Limits {
  /** Most MSRs of a range. */
  readonly length: number;
  /** Greatest index that no range can name: its `base + nmsrs` would wrap. */
  readonly unnameable: number;
}

/** How far windows reach, by kind, and the first point that is not served. All points before it are. */
interface State {
  readonly point: number;
  readonly ends: readonly [number, number, number];
  readonly last: { readonly window: Window; readonly before: State } | undefined;
}

/**
 * A cover by the fewest windows, or undefined if that takes more than `most`.
 *
 * @param points none of them unnameable
 */
export function smallestCover(points: Points, limits: Limits, most: number): Window[] | undefined {
  let states = [stateAt(points, [0, 0, 0], 0, undefined)];
  for (let windows = 0; ; windows++) {
    const done = states.find(({ point }) => point > limits.unnameable);
    if (done) return windowsOf(done);
    if (windows === most) return undefined;
    states = leading(states.flatMap((state) => successors(state, points, limits)));
  }
}

function successors(state: State, points: Points, { length, unnameable }: Limits): State[] {
  const { point, ends } = state;
  const start = Math.max(0, Math.min(point, unnameable - length));
  const end = Math.min(start + length, unnameable);
  return KINDS.filter((kind) => ends[kind] <= point).map((kind) => {
    const reached = ends.with(kind, end) as [number, number, number];
    return stateAt(points, reached, point, { window: { kind, start, end }, before: state });
  });
}

function stateAt(points: Points, ends: State['ends'], from: number, last: State['last']): State {
  let point = Number.POSITIVE_INFINITY;
  for (const kind of KINDS) {
    // Served up to the end of its own kind, and as far as both others reach.
    const served = Math.max(ends[kind], Math.min(ends[(kind + 1) % 3]!, ends[(kind + 2) % 3]!));
    point = Math.min(point, points[kind].next(Math.max(from, served)));
  }
  return { point, ends, last };
}

/** The states that no other is ahead of. */
function leading(states: readonly State[]): State[] {
  const kept: State[] = [];
  for (const state of states.toSorted((a, b) => b.point - a.point || sum(b) - sum(a))) {
    if (!kept.some((other) => isAhead(other, state))) kept.push(state);
  }
  return kept;
}

function sum({ ends }: State): number {
  return ends[0] + ends[1] + ends[2];
}

/** Whether all that serves the rest of `b` serves the rest of `a`. */
function isAhead(a: State, b: State): boolean {
  return a.point >= b.point && KINDS.every((kind) => b.ends[kind] <= Math.max(a.ends[kind], a.point));
}

function windowsOf(state: State): Window[] {
  const windows: Window[] = [];
  for (let at = state.last; at; at = at.before.last) windows.push(at.window);
  return windows.reverse();
}
