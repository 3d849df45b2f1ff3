/** How interval-map.ts compiles ranges into disjoint intervals, and intervals into pages. */
import * as interval from './formulas/interval.ts';
import { num } from './javascript.ts';
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

/** u32: compile() leaves out what ends above 0xffffffff. */
const FROM = variable('from', 32);
const BASE = variable('base', 32);
const END = variable('end', 32);
/** End of the last owned interval that the loop has passed; 0 before the first. */
const PASSED = variable('passed', 32);
const A = variable('a', 32);
const B = variable('b', 32);
const X = variable('x', 32);
const AT = variable('at', 32);
const PIECE_END = variable('pieceEnd', 32);
/** The same as numbers. */
const [from, base, end, passed, a, b, x] = [num(FROM), num(BASE), num(END), num(PASSED), num(A), num(B), num(X)];

const within = (low: BitVec, value: BitVec, high: BitVec): Bool => and(bvsle(low, value), bvslt(value, high));
const isEnd = (value: BitVec): Bool => bvule(value, 0xffff_ffff);

/** The loop's invariant: everything below `from` is settled, and `from` is past all that was passed. */
const invariant = (at: BitVec, last: BitVec): Bool => and(bvsle(base, at), bvsle(last, at));

const step = interval.claimStep(from, end, a, b);
const inPiece = and(step.emits, within(from, x, step.to));
const inOwned = within(a, x, b);
const inRange = within(base, x, end);

const atStep = [bvslt(base, end), bvsle(passed, a), bvslt(a, b), invariant(from, passed)];

const claimPiece: Lemma = {
  id: 'claim-piece',
  title: 'what the compiler emits is free and in the range',
  statement:
    'Passing the next owned interval [a, b) from `from`: the piece that is emitted is not empty, lies in the range, ' +
    'below [a, b), and not below the end of any interval passed before. So it overlaps nothing that is owned, as ' +
    'owned intervals ascend; and the emitted order ascends.',
  code: 'src/engines/interval-map.ts claim(), the loop body',
  variables: [FROM, BASE, END, PASSED, A, B, X],
  assumptions: atStep,
  goal: and(
    implies(step.emits, bvslt(from, step.to)),
    implies(inPiece, and(inRange, bvslt(x, a), bvsle(passed, x))),
    not(and(inPiece, inOwned)),
  ),
};

const claimStep: Lemma = {
  id: 'claim-step',
  title: 'one step of the compiler keeps the first match',
  statement:
    'Passing the next owned interval [a, b) from `from`: every index from there to the new `from` that the range ' +
    'covers is in the emitted piece or in [a, b), nothing of either is at or above the new `from`, and the invariant ' +
    '(from >= base, from >= all ends passed) holds again. By induction the pieces are exactly what no earlier range ' +
    'owns (kvm_msr_allowed(): the first range that matches decides).',
  code: 'src/engines/interval-map.ts claim(), the loop body',
  variables: [FROM, BASE, END, PASSED, A, B, X],
  assumptions: atStep,
  goal: and(
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
  variables: [FROM, BASE, END, PASSED, X],
  assumptions: [invariant(from, passed)],
  goal: and(iff(inRest, and(bvsle(from, x), inRange)), implies(inRest, bvsle(passed, x))),
};

const at = num(AT);
const pieceEnd = num(PIECE_END);
const stop = interval.pageStop(at, pieceEnd);

const pageSplit: Lemma = {
  id: 'page-split',
  title: 'a piece is cut where pages of 4,096 MSRs begin',
  statement:
    'From `at`, the part up to `stop` is not empty, ends where the piece does or earlier, lies in one page, and fits ' +
    "into it from at's position on; unless the piece is done, the next part begins a page.",
  code: 'src/engines/interval-map.ts own()',
  variables: [AT, PIECE_END, X],
  assumptions: [bvslt(at, pieceEnd), within(at, x, stop)],
  goal: and(
    bvslt(at, stop),
    bvsle(stop, pieceEnd),
    eq(bvlshr(x, 12), bvlshr(at, 12)),
    bvsle(bvadd(bvand(at, 4095), bvsub(stop, at)), 4096),
    or(eq(stop, pieceEnd), eq(bvand(stop, 4095), 0)),
  ),
};

export const COMPILE_LEMMAS: readonly Lemma[] = [claimPiece, claimStep, claimRest, pageSplit];
