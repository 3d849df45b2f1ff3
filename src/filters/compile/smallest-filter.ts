/** The smallest filter that decides all 2^33 accesses as given, or why there is none. */
import {
  KVM_MSR_FILTER_DEFAULT_ALLOW,
  KVM_MSR_FILTER_DEFAULT_DENY,
  KVM_MSR_FILTER_MAX_NMSRS,
  KVM_MSR_FILTER_MAX_RANGES,
  type MsrFilter,
  type MsrFilterRange,
  X2APIC_FIRST,
  X2APIC_LAST,
} from '../../model/filter.ts';
import type { KernelProfile } from '../../model/profile.ts';
import type { Decisions } from '../decisions.ts';
import { INDICES, IndexSet } from '../index-set.ts';
import { Kind, type Limits, type Points, smallestCover, type Window } from './cover.ts';
import { rangesOf } from './fill-bits.ts';
import { bitmapBytes, trimmed } from './trim.ts';

/** `KVM_MSR_FILTER_DEFAULT_ALLOW` or `_DENY`. */
export type DefaultAction = 0 | 1;

/** What filters can be; smaller in tests, which try them all. */
export interface Shape extends Limits {
  readonly ranges: number;
}

/** A kernel's: 16 ranges of 12,288 MSRs, and base + nmsrs of the last MSR wraps to 0. */
export const KERNEL_SHAPE: Shape = {
  ranges: KVM_MSR_FILTER_MAX_RANGES,
  length: KVM_MSR_FILTER_MAX_NMSRS,
  unnameable: INDICES - 1,
};

/** Why no filter with that default decides as wanted. */
export interface Obstacle {
  readonly defaultAction: DefaultAction;
  /** Directions in which MSR 0xffffffff is not what the default does: no range can name it. */
  readonly unnameable: readonly (0 | 1)[];
  /** Ranges that it takes otherwise: exactly so many, or at least. */
  readonly ranges: number;
  readonly exact: boolean;
}

export type SmallestFilter =
  | { readonly kind: 'filter'; readonly filter: MsrFilter; readonly bytes: number }
  | { readonly kind: 'none'; readonly obstacles: readonly Obstacle[] };

/** What the filter is not asked about: in the x2APIC window, on profiles that exempt it. */
export function exemptIndices({ x2apicExempt }: KernelProfile): IndexSet {
  return x2apicExempt ? new IndexSet([X2APIC_FIRST, X2APIC_LAST + 1]) : IndexSet.EMPTY;
}

/**
 * A filter with the fewest ranges; of those with either default the one with fewer bytes, and then the one with the
 * default that is preferred. The fewest ranges are exact (cover.ts), the bytes are what trimming leaves (trim.ts).
 * The same decisions give the same filter.
 *
 * @param exempt indices whose decisions do not matter
 */
export function smallestFilter(
  decisions: Decisions,
  exempt: IndexSet,
  preferred: DefaultAction,
  shape: Shape = KERNEL_SHAPE,
): SmallestFilter {
  const obstacles: Obstacle[] = [];
  const found: { readonly defaultAction: DefaultAction; readonly windows: readonly Window[] }[] = [];
  for (const defaultAction of [preferred, (1 - preferred) as DefaultAction]) {
    const points = pointsOf(decisions, exempt, defaultAction);
    const windows = coverOf(points, shape, defaultAction);
    if (Array.isArray(windows)) found.push({ defaultAction, windows: trimmed(windows, points) });
    else obstacles.push(windows as Obstacle);
  }
  if (found.length === 0) return { kind: 'none', obstacles };
  const [first, second] = found.map(({ defaultAction, windows }) =>
    filterOf(windows, decisions, exempt, defaultAction),
  );
  const filter = second && isSmaller(second, first!) ? second : first!;
  return { kind: 'filter', filter, bytes: bytesOf(filter) };
}

function filterOf(windows: readonly Window[], decisions: Decisions, exempt: IndexSet, flags: DefaultAction): MsrFilter {
  const ranges = rangesOf(windows, plain(decisions, exempt, flags));
  return {
    flags,
    ranges: ranges.length === 0 && flags === KVM_MSR_FILTER_DEFAULT_DENY ? [DENIES_NOTHING_MORE] : ranges,
  };
}

/** A filter of no ranges with DEFAULT_DENY is -EINVAL, and was no filter at all before that. */
const DENIES_NOTHING_MORE: MsrFilterRange = { flags: 3, base: 0, nmsrs: 1, bitmap: new Uint8Array(8) };

/** Bits that do not matter are what the default does: that reads best. */
function plain([read, write]: Decisions, exempt: IndexSet, flags: DefaultAction): Decisions {
  if (flags === KVM_MSR_FILTER_DEFAULT_ALLOW) return [read.or(exempt), write.or(exempt)];
  return [read.without(exempt), write.without(exempt)];
}

/** Total bytes of bitmaps. */
export function bytesOf({ ranges }: MsrFilter): number {
  return ranges.reduce((sum, { bitmap }) => sum + (bitmap?.length ?? 0), 0);
}

function isSmaller(a: MsrFilter, b: MsrFilter): boolean {
  return a.ranges.length < b.ranges.length || (a.ranges.length === b.ranges.length && bytesOf(a) < bytesOf(b));
}

function pointsOf([read, write]: Decisions, exempt: IndexSet, defaultAction: DefaultAction): Points {
  const byDefault = defaultAction === KVM_MSR_FILTER_DEFAULT_ALLOW ? IndexSet.ALL : IndexSet.EMPTY;
  const [reads, writes] = [read, write].map((set) => set.xor(byDefault).without(exempt)) as [IndexSet, IndexSet];
  return [reads.without(writes), writes.without(reads), reads.and(writes)];
}

/** Above this, how many ranges it would take exactly is not worth the time. */
const MOST_COUNTED = 20_000;

function coverOf(points: Points, shape: Shape, defaultAction: DefaultAction): Window[] | Obstacle {
  const { length, unnameable } = shape;
  const last = ([Kind.READ, Kind.WRITE] as const).filter(
    (kind) => points[kind].has(unnameable) || points[Kind.BOTH].has(unnameable),
  );
  const nameable = last.length === 0 ? points : withoutLast(points, unnameable);
  // Every point needs a window over it.
  const least = Math.ceil(nameable.reduce((sum, set) => sum + set.size, 0) / length);
  const obstacle = { defaultAction, unnameable: last };
  if (least > MOST_COUNTED) return { ...obstacle, ranges: least, exact: false };
  const windows = smallestCover(nameable, shape, MOST_COUNTED);
  if (!windows) return { ...obstacle, ranges: MOST_COUNTED + 1, exact: false };
  if (last.length > 0 || windows.length > shape.ranges) return { ...obstacle, ranges: windows.length, exact: true };
  return betterOf(windows, mirroredCover(nameable, shape), points);
}

function withoutLast(points: Points, unnameable: number): Points {
  return points.map((set) => set.without(new IndexSet([unnameable, unnameable + 1]))) as unknown as Points;
}

/** The cover that a search from the right finds: as small, and its windows leave other gaps. */
function mirroredCover(points: Points, { length, unnameable, ranges }: Shape): Window[] {
  const mirror = (set: IndexSet): IndexSet => new IndexSet(set.edges.map((edge) => unnameable - edge).reverse());
  const windows = smallestCover(points.map(mirror) as unknown as Points, { length, unnameable }, ranges)!;
  return windows.map(({ kind, start, end }) => ({ kind, start: unnameable - end, end: unnameable - start })).reverse();
}

function betterOf(a: Window[], b: Window[], points: Points): Window[] {
  return bitmapBytes(trimmed(b, points)) < bitmapBytes(trimmed(a, points)) ? b : a;
}
