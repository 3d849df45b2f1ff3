/** Which indices a range covers: the fact that lets one access stand for all between two ends. */
import * as interval from './formulas/interval.ts';
import * as reference from './formulas/reference.ts';
import * as svm from './formulas/svm.ts';
import * as vmx from './formulas/vmx.ts';
import { num } from './javascript.ts';
import type { Lemma } from './lemma.ts';
import { and, bvsle, bvslt, bvule, bvult, distinct, iff, not, variable } from './term.ts';

const x = variable('x', 32);
const y = variable('y', 32);
const index = variable('index', 32);
const base = variable('base', 32);
const nmsrs = variable('nmsrs', 32);

const wraps = bvule(reference.end(base, nmsrs), base);

const coverageConstant: Lemma = {
  id: 'coverage-constant',
  title: 'coverage is constant between the ends of ranges',
  statement:
    "If neither a range's start nor its u32 end lies in (x, y], then x and y are both inside the range or both " +
    "outside. The test is the kernel's: start <= i < (u32)(base + nmsrs) (kvm_msr_allowed(), arch/x86/kvm/x86.c).",
  code: 'src/engines/reference.ts decidingRange(), ActiveRanges.add()',
  variables: [x, y, base, nmsrs],
  assumptions: [
    bvule(x, y),
    not(and(bvult(x, base), bvule(base, y))),
    not(and(bvult(x, reference.end(base, nmsrs)), bvule(reference.end(base, nmsrs), y))),
  ],
  goal: iff(reference.covers(x, base, nmsrs), reference.covers(y, base, nmsrs)),
};

const wrapAgree: Lemma = {
  id: 'wrap-agree',
  title: 'the engines agree on which ranges wrap',
  statement:
    'For every base and every nmsrs > 0, the four ways to say that base + nmsrs leaves u32 agree: u32 end <= start, ' +
    'exact end > 0xffffffff, last index >= 0xffffffff, and (u32)(base + nmsrs) > base denied. An end of exactly 2^32 ' +
    'wraps to 0 (kvm_msr_allowed() compares with the u32 sum).',
  code:
    'src/engines/reference.ts ActiveRanges.add(), interval-map.ts compile(), vmx.ts VmxFilter.add(), ' +
    'svm.ts SvmFilter.install()',
  variables: [base, nmsrs],
  assumptions: [distinct(nmsrs, 0)],
  goal: and(
    iff(wraps, interval.wraps(base, nmsrs)),
    iff(wraps, vmx.wraps(base, nmsrs)),
    iff(wraps, not(svm.isLive(base, nmsrs))),
  ),
};

const wrapCoversNothing: Lemma = {
  id: 'wrap-covers-nothing',
  title: 'a range that wraps covers nothing',
  statement:
    'If the u32 end is not above the start, no index is inside, so an engine may leave the range out ' +
    '(kvm_msr_allowed(): i >= start and i < end).',
  code: 'src/engines/reference.ts decidingRange(); what interval, vmx and svm leave out',
  variables: [index, base, nmsrs],
  assumptions: [wraps],
  goal: not(reference.covers(index, base, nmsrs)),
};

const offsetInRange: Lemma = {
  id: 'offset-in-range',
  title: 'inside by offset is inside by ends',
  statement:
    "For a range that does not wrap, the reference's u32 comparison, vmx's 0 <= index - base < nmsrs, svm's and " +
    "interval's comparison with the exact end agree at every index.",
  code:
    'src/engines/reference.ts decidingRange(), vmx.ts VmxFilter.slotFor(), svm.ts SvmFilter.install(), ' +
    'interval-map.ts compile()',
  variables: [index, base, nmsrs],
  assumptions: [not(wraps)],
  goal: and(
    iff(reference.covers(index, base, nmsrs), vmx.covers(index, base, nmsrs)),
    iff(reference.covers(index, base, nmsrs), svm.covers(index, base, nmsrs)),
    iff(
      reference.covers(index, base, nmsrs),
      and(bvsle(num(base), num(index)), bvslt(num(index), interval.end(base, nmsrs))),
    ),
  ),
};

export const COVERAGE_LEMMAS: readonly Lemma[] = [coverageConstant, wrapAgree, wrapCoversNothing, offsetInRange];
