/** A cover with as many windows and fewer bytes: each begins and ends at a point that needs it. */
import { IndexSet } from '../index-set.ts';
import { KINDS, type Points, type Window } from './cover.ts';

/** Bytes of bitmap that the kernel copies for the windows. */
export function bitmapBytes(windows: readonly Window[]): number {
  return windows.reduce((sum, { start, end }) => sum + Math.ceil((end - start) / 64) * 8, 0);
}

/**
 * Shortens the windows one after the other, from the first or from the last on, and takes the better of the two. What a
 * window leaves to its neighbour depends on the order, so this need not be the fewest bytes that are possible.
 */
export function trimmed(windows: readonly Window[], points: Points): Window[] {
  const forward = [...windows.keys()];
  const results = [forward, forward.toReversed()].map((order) => trimInOrder(windows, points, order));
  return results.reduce((best, other) => (bitmapBytes(other) < bitmapBytes(best) ? other : best));
}

function trimInOrder(windows: readonly Window[], points: Points, order: readonly number[]): Window[] {
  const left = [...windows];
  for (const at of order) {
    const window = left[at]!;
    const { start, end } = window;
    const needed = neededFrom(window, left.toSpliced(at, 1), points);
    left[at] = { ...window, start: needed.next(start), end: needed.previous(end) + 1 };
  }
  return left;
}

/** The points in a window that the others alone do not serve. */
function neededFrom(window: Window, others: readonly Window[], points: Points): IndexSet {
  const inside = setOf([window]);
  const covered = KINDS.map((kind) => setOf(others.filter((other) => other.kind === kind)).and(inside));
  return KINDS.map((kind) => {
    const byBoth = covered[(kind + 1) % 3]!.and(covered[(kind + 2) % 3]!);
    return points[kind].and(inside).without(covered[kind]!.or(byBoth));
  }).reduce((all, set) => all.or(set));
}

/** The indices that some window covers. */
export function setOf(windows: readonly Window[]): IndexSet {
  return IndexSet.ofRanges(windows.map(({ start, end }) => ({ first: start, last: end - 1 })));
}
