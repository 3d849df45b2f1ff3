/** Intercept bits: what one write changes, and why a clear bit means that the filter allows the access. */
import * as svm from './formulas/svm.ts';
import * as vmx from './formulas/vmx.ts';
import { bitAt, num } from './javascript.ts';
import type { Lemma } from './lemma.ts';
import {
  and,
  type BitVec,
  type Bool,
  bv,
  bvadd,
  bvand,
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
  zeroExtend,
} from './term.ts';

const index = variable('index', 32);
const type = variable('type', 1);
const other = variable('other', 32);
const otherType = variable('otherType', 1);
const old = variable('old', 8);
const intercept = proposition('intercept');

const isSet = (byte: BitVec, mask: BitVec): Bool => distinct(bvand(byte, mask), 0);
const byte = zeroExtend(old, 32);
const same = and(eq(index, other), eq(type, otherType));

/** What of an engine decides where a bit is and what is written there. */
interface Bitmap {
  readonly covers: (index: BitVec) => Bool;
  readonly byte: (index: BitVec, type: BitVec) => BitVec;
  readonly mask: (index: BitVec, type: BitVec) => BitVec;
  readonly written: (old: BitVec, index: BitVec, type: BitVec, intercept: Bool) => BitVec;
}

const VMX: Bitmap = {
  covers: vmx.isInBitmap,
  byte: vmx.interceptByte,
  mask: (index) => vmx.interceptMask(index),
  written: (old, index, _type, intercept) => vmx.interceptWritten(old, index, intercept),
};
const SVM: Bitmap = {
  covers: svm.isInMap,
  byte: svm.interceptByte,
  mask: svm.interceptMask,
  written: svm.interceptWritten,
};

const bothIn = (bitmap: Bitmap): Bool[] => [
  bitmap.covers(index),
  bitmap.covers(other),
  // Bytes that are not written do not change; the byte that is may hold bits of other MSRs.
  eq(bitmap.byte(index, type), bitmap.byte(other, otherType)),
];

const write = (bitmap: Bitmap, lemma: Pick<Lemma, 'id' | 'title' | 'code'>): Lemma => ({
  ...lemma,
  statement:
    'For every content of the byte: after an intercept is set or cleared, the bit of that MSR and direction says so, ' +
    'and the bit of every other MSR and direction in the byte is what it was.',
  variables: [index, type, other, otherType, old, intercept],
  assumptions: bothIn(bitmap),
  goal: (() => {
    const after = bitmap.written(byte, index, type, intercept);
    const mask = bitmap.mask(other, otherType);
    return and(
      implies(same, iff(isSet(after, mask), intercept)),
      implies(not(same), iff(isSet(after, mask), isSet(byte, mask))),
      bvult(after, 0x100),
    );
  })(),
});

const wish = proposition('wish');
const allowed = proposition('allowed');
const otherAllowed = proposition('otherAllowed');

const refinement = (
  bitmap: Bitmap,
  written: Bool,
  lemma: Pick<Lemma, 'id' | 'title' | 'code' | 'statement'>,
): Lemma => ({
  ...lemma,
  variables: [index, type, other, otherType, old, wish, allowed, otherAllowed],
  assumptions: [
    ...bothIn(bitmap),
    // One filter decides: the same access has one answer.
    implies(same, iff(allowed, otherAllowed)),
    // Before, the other bit was right, or it is the one that is being written.
    or(same, isSet(byte, bitmap.mask(other, otherType)), otherAllowed),
  ],
  goal: (() => {
    const after = bitmap.written(byte, index, type, written);
    const clear = not(isSet(after, bitmap.mask(other, otherType)));
    // Refinement, and for the MSR that was written also completeness: what is wished and allowed passes through.
    return and(implies(clear, otherAllowed), implies(same, iff(clear, and(wish, allowed))));
  })(),
});

const vmxWrite = write(VMX, {
  id: 'vmx-write',
  title: 'setting a VMX intercept leaves every other bit alone',
  code: 'src/engines/vmx.ts setIntercept()',
});

const svmWrite = write(SVM, {
  id: 'svm-write',
  title: 'setting an SVM intercept leaves every other bit alone',
  code: 'src/engines/svm.ts writeBit()',
});

const vmxRefinement = refinement(VMX, vmx.intercepts(not(wish), allowed), {
  id: 'vmx-refinement',
  title: 'a clear bit of the VMX MSR bitmap means that the filter allows the access',
  statement:
    'Writing wanted OR NOT allowed for one MSR and direction keeps, for any content of the page, every bit that was ' +
    'right right (a clear bit implies that the filter allows the access) and makes the bit that is written right: ' +
    'clear exactly if KVM does not want the intercept and the filter allows it (vmx_set_intercept_for_msr(), ' +
    'vmx_msr_filter_changed()). Written for every candidate after a change, the invariant holds for the whole page.',
  code: 'src/engines/vmx.ts updateIntercept(), applyCandidate(), filterChanged()',
});

const svmRefinement = refinement(SVM, svm.intercepts(wish, allowed), {
  id: 'svm-refinement',
  title: 'a clear bit of the MSR permissions map means that the filter allows the access',
  statement:
    'Writing NOT (wish AND allowed) for one MSR and direction keeps, for any content of the map, every bit that was ' +
    'right right (a clear bit implies that the filter allows the access) and makes the bit that is written right ' +
    '(set_msr_interception(), svm_msr_filter_changed()). Written for every candidate after a change, the invariant ' +
    'holds for the whole map.',
  code: 'src/engines/svm.ts applyWish(), filterChanged()',
});

const own = proposition('own');
const l1 = proposition('l1');
const l0Byte = variable('l0', 8);
const l1Byte = variable('l1Byte', 8);
const bit = variable('bit', 8);

const nestedMerge: Lemma = {
  id: 'nested-merge',
  title: "an MSR passes through to L2 only where L0's and L1's bitmaps let it",
  statement:
    "vmx's merged intercept is clear exactly if both are; svm's merged byte has a clear bit exactly where both bytes " +
    'have one (nested_vmx_prepare_msr_bitmap(), nested_svm_merge_msrpm()).',
  code: 'src/engines/vmx.ts mergeNested(), src/engines/svm.ts mergeByte()',
  variables: [own, l1, l0Byte, l1Byte, bit],
  assumptions: [bvult(bit, 8)],
  goal: and(
    iff(not(vmx.mergedIntercept(own, l1)), and(not(own), not(l1))),
    iff(eq(bitAt(svm.mergedByte(l0Byte, l1Byte), bit), 0), and(eq(bitAt(l0Byte, bit), 0), eq(bitAt(l1Byte, bit), 0))),
  ),
};

const nestedChunk: Lemma = {
  id: 'nested-chunk',
  title: 'the chunk that is merged for an MSR holds its bits',
  statement:
    'For every MSR in the map, the aligned chunk of 4 bytes (to 6.16) or 8 bytes (later) that is merged contains the ' +
    "byte of the MSR's two bits and stays in the three quarters that are used (nested_svm_merge_msrpm()).",
  code: 'src/engines/svm.ts mergeNested()',
  variables: [index, type],
  assumptions: [svm.isInMap(index)],
  goal: and(
    ...[2, 3].flatMap((log) => {
      const start = svm.chunkStart(index, log);
      const at = num(svm.interceptByte(index, type));
      return [
        bvule(start, at),
        bvult(at, bvadd(start, 2 ** log)),
        eq(bvand(start, 2 ** log - 1), 0),
        bvule(bvadd(start, 2 ** log), bv(3 * 2048, 64)),
      ];
    }),
  ),
};

export const INTERCEPT_LEMMAS: readonly Lemma[] = [
  vmxWrite,
  svmWrite,
  vmxRefinement,
  svmRefinement,
  nestedMerge,
  nestedChunk,
];
