/** svm's elementary segments: the owner at a segment's start, the binary search, and the memo of decisions. */
import * as svm from './formulas/svm.ts';
import { uint32 } from './javascript.ts';
import type { Lemma } from './lemma.ts';
import {
  and,
  type BitVec,
  type Bool,
  bvadd,
  bvand,
  bvor,
  bvule,
  bvult,
  distinct,
  eq,
  iff,
  implies,
  not,
  or,
  proposition,
  variable,
} from './term.ts';

const index = variable('index', 32);
const start = variable('start', 32);
const base = variable('base', 32);
const nmsrs = variable('nmsrs', 32);

const cutBetween = (cut: BitVec): Bool => and(bvult(start, cut), bvule(cut, index));

const segmentOwner: Lemma = {
  id: 'segment-owner',
  title: "the owner at a segment's start is the owner everywhere in it",
  statement:
    'If no cut of a range that is kept lies above the start of a segment and at or below an index, the range covers ' +
    'the index exactly if it covers the start. So the first range that covers the start is the first that covers ' +
    'the index, type by type (kvm_msr_allowed(): first match).',
  code: 'src/engines/svm.ts SvmFilter.install()',
  variables: [index, start, base, nmsrs],
  assumptions: [
    bvule(start, index),
    svm.isLive(base, nmsrs),
    not(cutBetween(base)),
    not(cutBetween(svm.cut(base, nmsrs))),
  ],
  goal: iff(svm.covers(index, base, nmsrs), svm.covers(start, base, nmsrs)),
};

const low = variable('low', 32);
const count = variable('count', 32);
/** The cuts at low, at low + half and at low + count - half; and whether there is one at low + count, and it. */
const cutLow = variable('cutLow', 32);
const cutHalf = variable('cutHalf', 32);
const cutRest = variable('cutRest', 32);
const cutEnd = variable('cutEnd', 32);
const bounded = proposition('bounded');
const passes = bvule(cutHalf, index);
const step = svm.searchStep(low, count, passes);

const segmentSearch: Lemma = {
  id: 'segment-search',
  title: 'the binary search ends at the last cut that is not above the index',
  statement:
    'With ascending cuts, a step keeps cuts[low] <= index < cuts[low + count] (or no cut at low + count), stays ' +
    'inside the cuts, and makes count smaller but not 0. The cuts at low, low + half, low + count - half and ' +
    'low + count are variables in that order; the new bounds are among them.',
  code: 'src/engines/svm.ts SvmFilter.slotFor()',
  variables: [index, low, count, cutLow, cutHalf, cutRest, cutEnd, bounded],
  assumptions: [
    bvult(low, 33),
    bvule(count, 33),
    not(bvule(count, 1)),
    bvule(cutLow, cutHalf),
    bvule(cutHalf, cutRest),
    implies(bounded, bvule(cutRest, cutEnd)),
    bvule(cutLow, index),
    implies(bounded, bvult(index, cutEnd)),
  ],
  goal: and(
    bvult(step.half, count),
    bvule(step.half, step.count),
    bvult(step.count, count),
    distinct(step.count, 0),
    // The new lower bound is cutHalf or cutLow, and the new upper bound cutEnd (or none) or cutRest.
    or(and(passes, eq(step.low, bvadd(low, step.half))), and(not(passes), eq(step.low, low))),
    implies(passes, eq(bvadd(step.low, step.count), bvadd(low, count))),
    implies(not(passes), and(bvult(index, cutRest), bvult(step.count, count))),
  ),
};

const memo = variable('memo', 32);
const type = variable('type', 1);
const other = variable('other', 1);
const bit = variable('bit', 1);
const part = (entry: BitVec, of: BitVec): BitVec => bvand(svm.memoPart(entry, of), 3);
const written = svm.memoWith(memo, type, bit);
/** Parts are 0 (unknown), 2 (denied) or 3 (allowed). */
const isEntry = (entry: BitVec): Bool =>
  and(bvult(entry, 16), distinct(bvand(entry, 3), 1), distinct(bvand(entry, 12), 4));

const memoBits: Lemma = {
  id: 'memo-bits',
  title: 'a remembered decision is the one that was made',
  statement:
    'Storing the decision for one type in an entry that does not know it makes the entry know that decision, leaves ' +
    'the other type as it was, and keeps the entry well formed.',
  code: 'src/engines/svm.ts SvmFilter.bit()',
  variables: [memo, type, other, bit],
  assumptions: [isEntry(memo), eq(bvand(part(memo, type), 2), 0)],
  goal: and(
    isEntry(written),
    eq(part(written, type), bvor(uint32(bit), 2)),
    implies(distinct(other, type), eq(part(written, other), part(memo, other))),
  ),
};

export const SEGMENT_LEMMAS: readonly Lemma[] = [segmentOwner, segmentSearch, memoBits];
