/** Where intercept bits are in the VMX MSR bitmap and the SVM MSR permissions map. */
import * as audit from './formulas/audit.ts';
import * as svm from './formulas/svm.ts';
import * as vmx from './formulas/vmx.ts';
import { shiftLeft } from './javascript.ts';
import type { Lemma } from './lemma.ts';
import { and, bv, bvadd, bvand, bvlshr, bvmul, bvult, eq, iff, implies, not, or, variable } from './term.ts';

const index = variable('index', 32);
const other = variable('other', 32);
const type = variable('type', 1);
const otherType = variable('otherType', 1);
const one = bv(1, 32);

const vmxPosition: Lemma = {
  id: 'vmx-position',
  title: 'every MSR and direction has a bit of its own in the VMX MSR bitmap',
  statement:
    'Within the windows 0-0x1fff and 0xc0000000-0xc0001fff, two (index, direction) share a bit only if they are the ' +
    'same; every byte is in the 4 KiB page, reads in its first half and writes in the second (SDM vol. 3C, 26.6.9).',
  code: 'src/engines/vmx.ts wordOf(), setIntercept(), tests()',
  variables: [index, type, other, otherType],
  assumptions: [vmx.isInBitmap(index), vmx.isInBitmap(other)],
  goal: and(
    implies(
      and(
        eq(vmx.interceptByte(index, type), vmx.interceptByte(other, otherType)),
        eq(vmx.interceptMask(index), vmx.interceptMask(other)),
      ),
      and(eq(index, other), eq(type, otherType)),
    ),
    bvult(vmx.interceptByte(index, type), 4096),
    iff(eq(type, 0), bvult(vmx.interceptByte(index, type), 0x800)),
  ),
};

const vmxForms: Lemma = {
  id: 'vmx-forms',
  title: 'the CPU of vmx reads the bit that the kernel of vmx writes',
  statement:
    'The word and bit that access() tests are the byte and bit that setIntercept() writes, by the layout of ' +
    'little-endian words, and the one that the bitmap audit expects (SDM vol. 3C, 26.6.9).',
  code: 'src/engines/vmx.ts access(), wordOf(), setIntercept(); src/fuzz/audit.ts bitPosition()',
  variables: [index, type],
  assumptions: [vmx.isInBitmap(index)],
  goal: and(
    eq(bvadd(bvmul(vmx.accessWord(index, type), 4), bvlshr(vmx.accessBit(index), 3)), vmx.interceptByte(index, type)),
    eq(shiftLeft(one, bvand(vmx.accessBit(index), 7)), vmx.interceptMask(index)),
    eq(bvlshr(audit.vmxPosition(index, type), 3), vmx.interceptByte(index, type)),
    eq(shiftLeft(one, bvand(audit.vmxPosition(index, type), 7)), vmx.interceptMask(index)),
  ),
};

const svmPosition: Lemma = {
  id: 'svm-position',
  title: 'every MSR and direction has a bit of its own in the MSR permissions map',
  statement:
    'Within the windows 0-0x1fff, 0xc0000000-0xc0001fff and 0xc0010000-0xc0011fff, two (index, direction) share a ' +
    'bit only if they are the same; every byte is in the first three quarters of the 8 KiB, never in the reserved ' +
    'fourth; RDMSR has the even bit, WRMSR the odd one (APM vol. 2, 15.11).',
  code: 'src/engines/svm.ts bitNumberOf(), writeBit()',
  variables: [index, type, other, otherType],
  assumptions: [svm.isInMap(index), svm.isInMap(other)],
  goal: and(
    implies(
      and(
        eq(svm.interceptByte(index, type), svm.interceptByte(other, otherType)),
        eq(svm.interceptMask(index, type), svm.interceptMask(other, otherType)),
      ),
      and(eq(index, other), eq(type, otherType)),
    ),
    bvult(svm.interceptByte(index, type), 3 * 2048),
    eq(bvand(svm.bitNumberOf(index), 1), 0),
  ),
};

const svmForms: Lemma = {
  id: 'svm-forms',
  title: 'the CPU of svm reads the bit that the kernel of svm writes',
  statement:
    'The byte and bit that access() tests, the ones that writeBit() writes, and the one that the bitmap audit expects ' +
    'are the same; the bit of a write does not leave the byte (APM vol. 2, 15.11; svm_msrpm_bit_nr()).',
  code: 'src/engines/svm.ts access(), bitNumberOf(), writeBit(); src/fuzz/audit.ts bitPosition()',
  variables: [index, type],
  assumptions: [svm.isInMap(index)],
  goal: and(
    eq(svm.accessByte(index), svm.interceptByte(index, type)),
    bvult(svm.accessBit(index, type), 8),
    eq(shiftLeft(one, svm.accessBit(index, type)), svm.interceptMask(index, type)),
    eq(bvlshr(audit.svmPosition(index, type), 3), svm.interceptByte(index, type)),
    eq(shiftLeft(one, bvand(audit.svmPosition(index, type), 7)), svm.interceptMask(index, type)),
  ),
};

const windows: Lemma = {
  id: 'windows',
  title: 'the bitmaps cover the windows of the manuals and nothing else',
  statement:
    'An index is looked up in the VMX MSR bitmap exactly if it is in 0-0x1fff or 0xc0000000-0xc0001fff (SDM vol. 3C, ' +
    '26.6.9), and in the MSR permissions map exactly if it is in one of these or in 0xc0010000-0xc0011fff (APM ' +
    'vol. 2, 15.11). Any other access is intercepted.',
  code: 'src/engines/vmx.ts access(), wordOf(); src/engines/svm.ts bitNumberOf()',
  variables: [index],
  assumptions: [],
  goal: (() => {
    const inWindow = (start: number) => and(not(bvult(index, start)), bvult(index, start + 0x2000));
    const low = bvult(index, 0x2000);
    const high = inWindow(0xc000_0000);
    return and(
      iff(vmx.isInBitmap(index), or(low, high)),
      iff(svm.isInMap(index), or(low, high, inWindow(0xc001_0000))),
    );
  })(),
};

export const POSITION_LEMMAS: readonly Lemma[] = [windows, vmxPosition, vmxForms, svmPosition, svmForms];
