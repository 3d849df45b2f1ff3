/** From windows to ranges: the bits, and the order that makes them right. */
import type { MsrFilterRange } from '../../model/filter.ts';
import type { Decisions } from '../decisions.ts';
import type { IndexSet } from '../index-set.ts';
import { Kind, type Window } from './cover.ts';
import { setOf } from './trim.ts';

/**
 * Ranges for the windows: those of one direction first, with that direction's decisions, then those of both. There a bit
 * is what the direction asks for that no earlier range has decided.
 *
 * @param conflict what an index gets if both directions are left to one bit and they differ; undefined if none may be
 */
export function rangesOf(windows: readonly Window[], decisions: Decisions, conflict?: 0 | 1): MsrFilterRange[] {
  const sorted = windows.toSorted((a, b) => Number(a.kind === Kind.BOTH) - Number(b.kind === Kind.BOTH) || order(a, b));
  const taken = [Kind.READ, Kind.WRITE].map((kind) => setOf(windows.filter((window) => window.kind === kind)));
  const [read, write] = decisions;
  // Of what a range for both decides: reads unless they are taken, else writes.
  const shared = conflict === 0 ? read.and(write) : read;
  const both = shared
    .without(taken[0]!.or(taken[1]!))
    .or(write.and(taken[0]!))
    .or(read.and(taken[1]!.without(taken[0]!)));
  const allowed: readonly IndexSet[] = [read, write, both];
  return sorted.map(({ kind, start, end }) => ({
    flags: kind + 1,
    base: start,
    nmsrs: end - start,
    bitmap: bitsOf(allowed[kind]!, start, end),
  }));
}

function order(a: Window, b: Window): number {
  return a.start - b.start || a.kind - b.kind;
}

/** As many bytes as the kernel reads. */
function bitsOf(allowed: IndexSet, start: number, end: number): Uint8Array {
  const bytes = new Uint8Array(Math.ceil((end - start) / 64) * 8);
  for (let index = allowed.next(start); index < end; index = allowed.next(index + 1)) {
    const bit = index - start;
    bytes[bit >>> 3]! |= 1 << (bit & 7);
  }
  return bytes;
}
