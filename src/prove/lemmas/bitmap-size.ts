/** Sizes of range bitmaps: rounding, limits, errors, and where the bits of a range are. */
import * as interval from './formulas/interval.ts';
import * as reference from './formulas/reference.ts';
import * as svm from './formulas/svm.ts';
import * as vmx from './formulas/vmx.ts';
import { floorDivide, NUMBER, num } from './javascript.ts';
import type { Lemma } from './lemma.ts';
import {
  and,
  type BitVec,
  type Bool,
  bv,
  bvadd,
  bvmul,
  bvsle,
  bvslt,
  bvsub,
  bvule,
  bvult,
  distinct,
  eq,
  iff,
  proposition,
  variable,
} from './term.ts';

const MAX_NMSRS = 12_288;

const index = variable('index', 32);
const base = variable('base', 32);
const nmsrs = variable('nmsrs', 32);
const length = variable('length', 32);
const flags = variable('flags', 32);
const isNull = proposition('isNull');
const flagsFirst = proposition('flagsFirst');
const offset = variable('offset', 32);
const slot = variable('slot', 32);

/** A double holds it exactly. */
const isExact = (value: BitVec): Bool =>
  and(bvslt(bv(-Number.MAX_SAFE_INTEGER - 1, NUMBER), value), bvsle(value, Number.MAX_SAFE_INTEGER));

const exactNumbers: Lemma = {
  id: 'exact-numbers',
  title: 'every number that the engines form is exact',
  statement:
    "For all u32 values, the engines' sums, differences and products stay within +-(2^53 - 1): doubles hold them " +
    'exactly, the 64-bit vectors of the other lemmas do not overflow, and the sign of a sum of u32 is positive.',
  code:
    'src/engines/reference.ts bitmapSize(), add(), bitOf(); interval-map.ts compile(); interval.ts setFilter(); ' +
    'vmx.ts add(), slotFor(), validate(); svm.ts install(), decide(), rangeError()',
  variables: [index, base, nmsrs, length],
  assumptions: [],
  goal: and(
    isExact(interval.end(base, nmsrs)),
    bvsle(bv(0, NUMBER), interval.end(base, nmsrs)),
    isExact(vmx.last(base, nmsrs)),
    isExact(reference.offsetOf(index, base)),
    isExact(reference.bitmapSize(nmsrs)),
    isExact(bvadd(num(nmsrs), 63)),
    isExact(bvmul(num(length), 8)),
  ),
};

const sizeRounding: Lemma = {
  id: 'size-rounding',
  title: 'the size of a bitmap is BITS_TO_LONGS(nmsrs) * sizeof(long)',
  statement:
    "For all u32 nmsrs, the reference's ceil(nmsrs / 64) * 8 is the kernel's 64-bit (nmsrs + 63) / 64 * 8, holds " +
    'nmsrs bits, and less than 64 bits more (BITS_TO_LONGS, include/linux/bitops.h; kvm_add_msr_filter()).',
  code: 'src/engines/reference.ts bitmapSize()',
  variables: [nmsrs],
  assumptions: [],
  goal: and(
    eq(reference.bitmapSize(nmsrs), bvmul(floorDivide(bvadd(num(nmsrs), 63), 6), 8)),
    bvsle(num(nmsrs), bvmul(reference.bitmapSize(nmsrs), 8)),
    bvslt(bvmul(reference.bitmapSize(nmsrs), 8), bvadd(num(nmsrs), 64)),
  ),
};

const sizeLimit: Lemma = {
  id: 'size-limit',
  title: 'the engines agree on which ranges are too large',
  statement:
    'For all u32 nmsrs, more than 0x600 bytes (KVM_MSR_FILTER_MAX_BITMAP_SIZE) is more than 12,288 MSRs in all four ' +
    'forms, nmsrs near 2^32 included.',
  code: 'src/engines/reference.ts checkRange(), interval.ts setFilter(), vmx.ts validate(), svm.ts rangeError()',
  variables: [nmsrs],
  assumptions: [],
  goal: and(
    ...[reference, interval, vmx, svm].map((engine) => iff(engine.tooLarge(nmsrs), bvult(bv(MAX_NMSRS, 32), nmsrs))),
  ),
};

const readable: Lemma = {
  id: 'copy-length',
  title: 'the engines agree on which bitmaps cannot be read',
  statement:
    'For every nmsrs that passes the size check and every length of the readable memory below 2^32 bytes, the four ' +
    'forms of the -EFAULT check agree: fewer bytes than BITS_TO_LONGS(nmsrs) * sizeof(long) (memdup_user() in ' +
    'kvm_add_msr_filter()).',
  code: 'src/engines/reference.ts checkRange(), interval.ts setFilter(), vmx.ts validate(), svm.ts rangeError()',
  variables: [nmsrs, length, isNull],
  assumptions: [distinct(nmsrs, 0), bvule(nmsrs, MAX_NMSRS)],
  goal: and(
    ...[interval, vmx, svm].map((engine) =>
      iff(engine.unreadable(nmsrs, length, isNull), reference.unreadable(nmsrs, length, isNull)),
    ),
  ),
};

const rangeErrno: Lemma = {
  id: 'range-errno',
  title: 'the engines end in the same errno for a range',
  statement:
    'For all u32 flags, nmsrs > 0 and lengths, in both orders of the checks (5.10: size, copy, flags; later: flags ' +
    'first), the four engines return the same of 0, -EINVAL and -EFAULT (kvm_add_msr_filter()).',
  code: 'src/engines/reference.ts checkRange(), interval.ts setFilter(), vmx.ts validate(), svm.ts rangeError()',
  variables: [flags, nmsrs, length, isNull, flagsFirst],
  assumptions: [distinct(nmsrs, 0)],
  goal: and(
    ...[interval, vmx, svm].map((engine) =>
      eq(
        engine.rangeError(flags, nmsrs, length, isNull, flagsFirst),
        reference.rangeError(flags, nmsrs, length, isNull, flagsFirst),
      ),
    ),
  ),
};

const bitInBuffer: Lemma = {
  id: 'bit-in-buffer',
  title: 'every MSR of a range has its bit inside the bitmap, at the same place in every engine',
  statement:
    'If a range that does not wrap covers an index, index - base is below nmsrs, its byte is among the bytes that are ' +
    'copied, and reference, vmx (less its slot) and svm look at the same bit of the same byte ' +
    '(kvm_msr_allowed(): test_bit(index - start, bitmap)).',
  code: 'src/engines/reference.ts bitOf(), vmx.ts VmxFilter.allows(), svm.ts SvmFilter.decide()',
  variables: [index, base, nmsrs],
  assumptions: [bvule(nmsrs, MAX_NMSRS), reference.covers(index, base, nmsrs)],
  goal: (() => {
    const at = reference.offsetOf(index, base);
    return and(
      bvsle(bv(0, NUMBER), at),
      bvslt(at, num(nmsrs)),
      bvslt(num(reference.byteOf(at)), reference.bitmapSize(nmsrs)),
      eq(svm.byteOf(at), reference.byteOf(at)),
      eq(svm.bitInByte(at), reference.bitInByte(at)),
      eq(vmx.byteOf(bv(0, 32), at), reference.byteOf(at)),
      eq(vmx.bitInByte(at), reference.bitInByte(at)),
    );
  })(),
};

const slotBuffer: Lemma = {
  id: 'slot-buffer',
  title: "vmx's copy of a bitmap is complete and stays in its slot",
  statement:
    "The bytes that are copied have the bit of every offset below nmsrs, fit into the slot's 0x600 bytes, and exist " +
    'in every bitmap that passes the length check; offsets are looked up at the byte they were copied to, inside the ' +
    'slot and inside the buffer.',
  code: 'src/engines/vmx.ts VmxFilter.add(), allows()',
  variables: [slot, nmsrs, offset],
  assumptions: [bvult(slot, 16), bvule(nmsrs, MAX_NMSRS), bvult(offset, nmsrs)],
  goal: and(
    bvult(reference.byteOf(num(offset)), vmx.copiedBytes(nmsrs)),
    bvule(vmx.copiedBytes(nmsrs), 0x600),
    bvsle(num(vmx.copiedBytes(nmsrs)), reference.bitmapSize(nmsrs)),
    bvule(bvmul(slot, 0x600), vmx.byteOf(slot, offset)),
    bvult(vmx.byteOf(slot, offset), bvmul(bvadd(slot, 1), 0x600)),
    bvult(vmx.byteOf(slot, offset), 16 * 0x600),
    eq(bvsub(vmx.byteOf(slot, offset), bvmul(slot, 0x600)), reference.byteOf(num(offset))),
  ),
};

export const BITMAP_SIZE_LEMMAS: readonly Lemma[] = [
  exactNumbers,
  sizeRounding,
  sizeLimit,
  readable,
  rangeErrno,
  bitInBuffer,
  slotBuffer,
];
