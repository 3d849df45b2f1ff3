/** How interval-map.ts compiles ranges into disjoint intervals, and intervals into pages. */
import * as interval from './formulas/interval.ts';
import { NUMBER } from './javascript.ts';
import type { Lemma } from './lemma.ts';
import {
  and,
  type BitVec,
  type Bool,
  bvadd,
  bvand,
  bvlshr,
  bvsle,
  bvslt,
  bvsub,
  bvule,
  eq,
  iff,
  implies,
  not,
  or,
  variable,
} from './term.ts';

const LARGEST_END = 0xffff_ffff;

const from = variable('from', NUMBER);
const base = variable('base', NUMBER);
const end = variable('end', NUMBER);
/** End of the last owned interval that the loop has passed; 0 before the first. */
const passed = variable('passed', NUMBER);
const a = variable('a', NUMBER);
const b = variable('b', NUMBER);
const x = variable('x', NUMBER);

const within = (low: BitVec, value: BitVec, high: BitVec): Bool => and(bvsle(low, value), bvslt(value, high));
const isEnd = (value: BitVec): Bool => bvule(value, LARGEST_END);

/** The loop's invariant: everything below `from` is settled, and `from` is past all that was passed. */
const invariant = (at: BitVec, last: BitVec): Bool => and(bvsle(base, at), bvsle(last, at));

const step = interval.claimStep(from, end, a, b);
const inPiece = and(step.emits, within(from, x, step.to));
const inOwned = within(a, x, b);
const inRange = within(base, x, end);

const claimStep: Lemma = {
  id: 'claim-step',
  title: 'one step of the compiler keeps the first match',
  statement:
    'Passing the next owned interval [a, b) from `from`: the piece that is emitted is not empty, lies in the range, ' +
    'below [a, b) and not below any interval passed before; below the new `from` every index that the range covers ' +
    'from the old one on is in the piece or in [a, b), never in both, and nothing of either is at or above it; and the invariant ' +
    '(from >= base, from >= all ends passed) holds again. By induction the pieces are exactly what no earlier range ' +
    'owns (kvm_msr_allowed(): the first range that matches decides).',
  code: 'src/engines/interval-map.ts claim(), the loop body',
  variables: [from, base, end, passed, a, b, x],
  assumptions: [
    ...[from, base, end, passed, a, b].map(isEnd),
    bvule(x, LARGEST_END),
    bvslt(base, end),
    bvsle(passed, a),
    bvslt(a, b),
    invariant(from, passed),
  ],
  goal: and(
    implies(step.emits, bvslt(from, step.to)),
    implies(inPiece, and(inRange, bvslt(x, a), bvsle(passed, x))),
    not(and(inPiece, inOwned)),
    implies(and(within(from, x, step.next), inRange), or(inPiece, inOwned)),
    implies(or(inPiece, inOwned), bvslt(x, step.next)),
    invariant(step.next, b),
    bvsle(from, step.next),
    isEnd(step.next),
  ),
};

const inRest = and(interval.claimsRest(from, end), within(from, x, end));

const claimRest: Lemma = {
  id: 'claim-rest',
  title: 'the last piece completes the range',
  statement:
    'After the last owned interval, the final piece [from, end) lies in the range and above every owned interval, ' +
    'and holds every index at or above `from` that the range covers; if it is not emitted, there is none.',
  code: 'src/engines/interval-map.ts claim(), after the loop',
  variables: [from, base, end, passed, x],
  assumptions: [...[from, base, end, passed].map(isEnd), bvule(x, LARGEST_END), invariant(from, passed)],
  goal: and(iff(inRest, and(bvsle(from, x), inRange)), implies(inRest, bvsle(passed, x))),
};

const at = variable('at', NUMBER);
const pieceEnd = variable('pieceEnd', NUMBER);
const stop = interval.pageStop(at, pieceEnd);

const pageSplit: Lemma = {
  id: 'page-split',
  title: 'a piece is cut where pages of 4,096 MSRs begin',
  statement:
    'From `at`, the part up to `stop` is not empty, ends where the piece does or earlier, lies in one page, and fits ' +
    "into it from at's position on; unless the piece is done, the next part begins a page.",
  code: 'src/engines/interval-map.ts own()',
  variables: [at, pieceEnd, x],
  assumptions: [isEnd(at), isEnd(pieceEnd), bvslt(at, pieceEnd), within(at, x, stop)],
  goal: and(
    bvslt(at, stop),
    bvsle(stop, pieceEnd),
    eq(bvlshr(x, 12), bvlshr(at, 12)),
    bvsle(bvadd(bvand(at, 4095), bvsub(stop, at)), 4096),
    or(eq(stop, pieceEnd), eq(bvand(stop, 4095), 0)),
  ),
};

export const COMPILE_LEMMAS: readonly Lemma[] = [claimStep, claimRest, pageSplit];
