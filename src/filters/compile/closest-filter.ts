/** Where no filter decides as wanted: one that denies too much rather than too little, and as little too much as can be. */
import { KVM_MSR_FILTER_DEFAULT_DENY, type MsrFilter } from '../../model/filter.ts';
import type { Decisions } from '../decisions.ts';
import { IndexSet } from '../index-set.ts';
import { KINDS, Kind, type Window } from './cover.ts';
import { rangesOf } from './fill-bits.ts';
import { KERNEL_SHAPE, type Shape } from './smallest-filter.ts';
import { setOf } from './trim.ts';

/** Above every number of accesses, so that one that KVM handles counts more than any that it does not. */
const HANDLED_WEIGHT = 2 ** 34;

/**
 * A filter with DEFAULT_DENY that allows nothing that is denied. Window after window, it takes the one that makes the
 * most accesses right that were not: first those of MSRs that KVM handles, then by their number. Not proven to be the
 * best choice of windows, which is why `msrdiff compile` prints what remains.
 *
 * @param decisions what is wanted
 * @param exempt indices whose decisions do not matter
 * @param handled indices that KVM handles
 */
export function closestFilter(
  decisions: Decisions,
  exempt: IndexSet,
  handled: IndexSet,
  shape: Shape = KERNEL_SHAPE,
): MsrFilter {
  const wanted = decisions.map((set) => set.without(exempt)) as [IndexSet, IndexSet];
  const windows: Window[] = [];
  while (windows.length < shape.ranges) {
    const best = bestWindow(windows, wanted, handled, shape);
    if (!best) break;
    windows.push(best);
  }
  const ranges = rangesOf(windows, wanted, 0);
  const nothing = { flags: 3, base: 0, nmsrs: 1, bitmap: new Uint8Array(8) };
  return { flags: KVM_MSR_FILTER_DEFAULT_DENY, ranges: ranges.length === 0 ? [nothing] : ranges };
}

function bestWindow(
  windows: readonly Window[],
  wanted: Decisions,
  handled: IndexSet,
  { length, unnameable }: Shape,
): Window | undefined {
  const gains = gainsOf(windows, wanted);
  const starts = new Set<number>();
  const all = gains.reduce((sum, { reads, writes }) => sum.or(reads).or(writes), IndexSet.EMPTY);
  for (const { first } of all.ranges()) starts.add(first);
  for (const { first } of all.and(handled).ranges()) starts.add(first);
  let best: Window | undefined;
  let most = 0;
  for (const [kind, { reads, writes }] of gains.entries()) {
    const parts = [reads, writes, reads.and(handled), writes.and(handled)];
    for (const from of starts) {
      const start = Math.max(0, Math.min(from, unnameable - length));
      const end = Math.min(start + length, unnameable);
      const [read, write, handledRead, handledWrite] = parts.map((set) => set.countBelow(end) - set.countBelow(start));
      const gain = read! + write! + (handledRead! + handledWrite!) * HANDLED_WEIGHT;
      if (gain <= most) continue;
      const useful = reads.or(writes);
      best = { kind: kind as Kind, start: useful.next(start), end: useful.previous(end) + 1 };
      most = gain;
    }
  }
  return best;
}

/** Accesses that a window of each kind would make right. */
function gainsOf(windows: readonly Window[], [read, write]: Decisions): { reads: IndexSet; writes: IndexSet }[] {
  const [byRead, byWrite, byBoth] = KINDS.map((kind) => setOf(windows.filter((window) => window.kind === kind))) as [
    IndexSet,
    IndexSet,
    IndexSet,
  ];
  // A range for both allows what both directions allow, and what one does if the other is taken out of it.
  const readsOfBoth = read.and(write.or(byWrite));
  const writesOfBoth = write.and(read.or(byRead));
  const reads = read.without(byRead).without(byBoth.and(readsOfBoth));
  const writes = write.without(byWrite).without(byBoth.and(writesOfBoth));
  const gains = { [Kind.READ]: [reads, IndexSet.EMPTY], [Kind.WRITE]: [IndexSet.EMPTY, writes] } as const;
  return KINDS.map((kind) => {
    const [r, w] = kind === Kind.BOTH ? [reads.and(readsOfBoth), writes.and(writesOfBoth)] : gains[kind];
    return { reads: r, writes: w };
  });
}
