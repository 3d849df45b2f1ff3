/** What src/engines/reference.ts computes, as terms. The test compares every one with the engine. */
import {
  KVM_MSR_FILTER_MAX_BITMAP_SIZE,
  KVM_MSR_FILTER_RANGE_VALID_MASK,
  KVM_MSR_FILTER_VALID_MASK,
  X2APIC_FIRST,
  X2APIC_LAST,
} from '../../../model/filter.ts';
import { Verdict } from '../../../model/verdict.ts';
import { ceilDivide, num, shiftRight, uint32 } from '../javascript.ts';
import {
  and,
  type BitVec,
  type Bool,
  bv,
  bvadd,
  bvand,
  bvmul,
  bvnot,
  bvsub,
  bvule,
  bvult,
  distinct,
  eq,
  ite,
  or,
} from '../term.ts';
import { EFAULT, EINVAL, NO_ERROR } from './errno.ts';

/** ActiveRanges.add(): the end as a Uint32Array keeps it. */
export const end = (base: BitVec, nmsrs: BitVec): BitVec => uint32(bvadd(num(base), num(nmsrs)));

/** decidingRange(): whether an index lies in a range. */
export const covers = (index: BitVec, base: BitVec, nmsrs: BitVec): Bool =>
  and(bvule(base, index), bvult(index, end(base, nmsrs)));

/** decidingRange(): whether a range names the access type. */
export const namesType = (flags: BitVec, type: BitVec): Bool =>
  distinct(bvand(flags, ite(eq(type, 0), bv(1, 32), 2)), 0);

/** bitOf(): offset of an index in its range. */
export const offsetOf = (index: BitVec, base: BitVec): BitVec => bvsub(num(index), num(base));

/** bitOf(): byte of the bitmap that holds an offset. */
export const byteOf = (offset: BitVec): BitVec => shiftRight(offset, 3);

/** bitOf(): bit of that byte. */
export const bitInByte = (offset: BitVec): BitVec => bvand(uint32(offset), 7);

/** bitmapSize(). */
export const bitmapSize = (nmsrs: BitVec): BitVec => bvmul(ceilDivide(num(nmsrs), 6), 8);

/** checkRange(): the flags are none that the kernel takes. */
export const badFlags = (flags: BitVec): Bool =>
  or(distinct(bvand(flags, bvnot(bv(KVM_MSR_FILTER_RANGE_VALID_MASK, 32))), 0), eq(flags, 0));

/** checkRange(): more bits than the kernel takes. */
export const tooLarge = (nmsrs: BitVec): Bool => bvult(bv(KVM_MSR_FILTER_MAX_BITMAP_SIZE, 64), bitmapSize(nmsrs));

/** checkRange(): the memory ends before the bitmap does. */
export const unreadable = (nmsrs: BitVec, length: BitVec, isNull: Bool): Bool =>
  or(isNull, bvult(num(length), bitmapSize(nmsrs)));

/** checkRange(). */
export function rangeError(flags: BitVec, nmsrs: BitVec, length: BitVec, isNull: Bool, flagsFirst: Bool): BitVec {
  const late = ite(badFlags(flags), EINVAL, NO_ERROR);
  const copied = ite(unreadable(nmsrs, length, isNull), EFAULT, late);
  const sized = ite(tooLarge(nmsrs), EINVAL, copied);
  return ite(and(flagsFirst, badFlags(flags)), EINVAL, sized);
}

/** setFilter(): flags of the filter that the kernel does not know. */
export const unknownFilterFlags = (flags: BitVec): Bool =>
  distinct(bvand(flags, bvnot(bv(KVM_MSR_FILTER_VALID_MASK, 32))), 0);

/** setFilter(): what is in no range is denied. */
export const denies = (flags: BitVec): Bool => distinct(bvand(flags, 1), 0);

/** exempt(), where the profile exempts. */
export const exempt = (index: BitVec): Bool => and(bvule(bv(X2APIC_FIRST, 32), index), bvule(index, X2APIC_LAST));

/** judge(): verdict by the filter's decision, KVM's own outcome, the exit mask and ignore_msrs. */
export function verdict(allowed: Bool, outcome: BitVec, mask: BitVec, ignoreMsrs: Bool): BitVec {
  const deflect = (reason: number, exit: number): BitVec =>
    ite(distinct(bvand(mask, reason), 0), bv(exit, 8), Verdict.GP);
  const handled = or(eq(outcome, 0), and(eq(outcome, 1), ignoreMsrs));
  const known = ite(eq(outcome, 1), deflect(2, Verdict.EXIT_UNKNOWN), deflect(1, Verdict.EXIT_INVAL));
  return ite(allowed, ite(handled, bv(Verdict.ALLOW, 8), known), deflect(4, Verdict.EXIT_FILTER));
}
