/** What src/engines/vmx.ts computes, as terms. The test compares every one with the engine. */
import { Verdict } from '../../../model/verdict.ts';
import { clz32, floorDivide, NUMBER, num, shiftLeft, shiftRight, uint32 } from '../javascript.ts';
import {
  and,
  type BitVec,
  type Bool,
  bv,
  bvadd,
  bvand,
  bvlshr,
  bvmul,
  bvneg,
  bvnot,
  bvor,
  bvsle,
  bvslt,
  bvsub,
  bvult,
  bvxor,
  distinct,
  eq,
  ite,
  not,
  or,
} from '../term.ts';
import { EFAULT, EINVAL, NO_ERROR } from './errno.ts';

const MSRS_PER_WINDOW = 0x2000;
const HIGH_WINDOW = 0x60000;
const HIGH_WORDS = 0x400 / 4;
const WRITE_WORDS = 0x800 / 4;

/** VmxFilter.add(): the last index, exact. */
export const last = (base: BitVec, nmsrs: BitVec): BitVec => bvsub(bvadd(num(base), num(nmsrs)), 1);

/** VmxFilter.add(): the range is left out because the kernel's end wraps. */
export const wraps = (base: BitVec, nmsrs: BitVec): Bool => bvsle(bv(0xffff_ffff, NUMBER), last(base, nmsrs));

/** VmxFilter.slotFor(): whether an index lies in a range. */
export function covers(index: BitVec, base: BitVec, nmsrs: BitVec): Bool {
  const offset = bvsub(num(index), num(base));
  return and(bvsle(bv(0, NUMBER), offset), bvslt(offset, num(nmsrs)));
}

/** VmxFilter.add(): slotsOfType[type] gets the slot. */
export const namesType = (flags: BitVec, type: BitVec): Bool =>
  or(and(eq(type, 0), distinct(bvand(flags, 1), 0)), and(eq(type, 1), distinct(bvand(flags, 2), 0)));

/** VmxFilter.add(): a set of slots with one more; sets are Uint16. */
export const withSlot = (slots: BitVec, slot: BitVec): BitVec => bvand(bvor(slots, shiftLeft(bv(1, 32), slot)), 0xffff);

/** VmxFilter.slotFor(): the slot that is looked at next. */
export const lowestSlot = (slots: BitVec): BitVec => bvsub(bv(31, 32), clz32(bvand(slots, bvneg(slots))));

/** VmxFilter.slotFor(): the slots that are left. */
export const otherSlots = (slots: BitVec): BitVec => bvand(slots, bvsub(slots, 1));

/** blockOf(): where the slots that may cover an index are kept. */
export const blockOf = (index: BitVec): BitVec => bvand(bvxor(bvlshr(index, 12), bvlshr(index, 20)), 4095);

/** VmxFilter.add(): where block number `block` is marked. */
export const markedBlock = (block: BitVec): BitVec => blockOf(shiftLeft(block, 12));

/** VmxFilter.add(): the blocks that are marked run from this one ... */
export const firstBlock = (base: BitVec): BitVec => bvlshr(base, 12);
/** ... to this one. */
export const lastBlock = (base: BitVec, nmsrs: BitVec): BitVec => shiftRight(last(base, nmsrs), 12);

/** VmxFilter.add(): bytes of the bitmap that are copied. */
export const copiedBytes = (nmsrs: BitVec): BitVec =>
  ite(bvult(bv(64, 32), nmsrs), shiftRight(bvadd(num(nmsrs), 7), 3), 8);

/** VmxFilter.allows(): byte that holds an offset of a slot's range. */
export const byteOf = (slot: BitVec, offset: BitVec): BitVec => bvadd(bvmul(slot, 0x600), shiftRight(offset, 3));

/** VmxFilter.allows(): bit of that byte. */
export const bitInByte = (offset: BitVec): BitVec => bvand(uint32(offset), 7);

/** VmxFilter.allows(): the index is never filtered. */
export const exempt = (index: BitVec): Bool => eq(bvlshr(index, 8), 8);

/** wordOf() is not -1; access(): the CPU looks at the bitmap. */
export const isInBitmap = (index: BitVec): Bool =>
  or(bvult(index, MSRS_PER_WINDOW), eq(bvlshr(index, 13), HIGH_WINDOW));

/** wordOf() of an index in the bitmap. */
export const wordOf = (index: BitVec): BitVec =>
  ite(bvult(index, MSRS_PER_WINDOW), bvlshr(index, 5), bvadd(bv(HIGH_WORDS, 32), bvlshr(bvand(index, 0x1fff), 5)));

/** setIntercept(), tests(): byte of the page that holds an intercept. */
export const interceptByte = (index: BitVec, type: BitVec): BitVec =>
  bvadd(bvadd(bvmul(wordOf(index), 4), bvlshr(bvand(index, 31), 3)), bvmul(uint32(type), 0x800));

/** setIntercept(), tests(): mask of the bit in that byte. */
export const interceptMask = (index: BitVec): BitVec => shiftLeft(bv(1, 32), bvand(index, 7));

/** setIntercept(): the byte after the intercept is set or cleared. */
export const interceptWritten = (old: BitVec, index: BitVec, intercept: Bool): BitVec =>
  bvand(ite(intercept, bvor(old, interceptMask(index)), bvand(old, bvnot(interceptMask(index)))), 0xff);

/** access(): word of the page that the CPU reads. */
export const accessWord = (index: BitVec, type: BitVec): BitVec =>
  bvadd(
    bvadd(ite(eq(bvlshr(index, 31), 0), bv(0, 32), HIGH_WORDS), bvlshr(bvand(index, 0x1fff), 5)),
    ite(eq(type, 0), bv(0, 32), WRITE_WORDS),
  );

/** access(): bit of that word. */
export const accessBit = (index: BitVec): BitVec => bvand(index, 31);

/** updateIntercept(): what is written for an MSR that KVM wants to intercept or not. */
export const intercepts = (wanted: Bool, allowed: Bool): Bool => or(wanted, not(allowed));

/** mergeNested(): what is written into L2's page for a merged MSR. */
export const mergedIntercept = (own: Bool, l1: Bool): Bool => or(own, l1);

/** validate(): the flags are none that the kernel takes. */
export const badFlags = (flags: BitVec): Bool => or(bvult(flags, 1), bvult(bv(3, 32), flags));

const longs = (nmsrs: BitVec): BitVec => floorDivide(bvadd(num(nmsrs), 63), 6);

/** validate(): more bits than the kernel takes. */
export const tooLarge = (nmsrs: BitVec): Bool => bvult(bv(192, NUMBER), longs(nmsrs));

/** validate(): the memory ends before the bitmap does. */
export const unreadable = (nmsrs: BitVec, length: BitVec, isNull: Bool): Bool =>
  or(isNull, bvult(num(length), bvmul(longs(nmsrs), 8)));

/** validate(). */
export function rangeError(flags: BitVec, nmsrs: BitVec, length: BitVec, isNull: Bool, flagsFirst: Bool): BitVec {
  const late = ite(badFlags(flags), EINVAL, NO_ERROR);
  const copied = ite(unreadable(nmsrs, length, isNull), EFAULT, late);
  const sized = ite(tooLarge(nmsrs), EINVAL, copied);
  return ite(and(badFlags(flags), flagsFirst), EINVAL, sized);
}

/** setFilter(): flags of the filter that the kernel does not know. */
export const unknownFilterFlags = (flags: BitVec): Bool => distinct(bvlshr(flags, 1), 0);

/** setFilter(): what is in no range is denied. */
export const denies = (flags: BitVec): Bool => eq(bvsub(bv(1, 32), bvand(flags, 1)), 0);

/** updateOutcomes(), emulate(): entry allowed * 4 + outcome of the table. */
export function verdict(allowed: Bool, outcome: BitVec, mask: BitVec, ignoreMsrs: Bool): BitVec {
  const exitIf = (reason: number, exit: number): BitVec =>
    ite(distinct(bvand(mask, reason), 0), bv(exit, 8), Verdict.GP);
  const entry = bvadd(bvmul(ite(allowed, bv(1, 32), 0), 4), uint32(outcome));
  const unknown = ite(ignoreMsrs, bv(Verdict.ALLOW, 8), exitIf(2, Verdict.EXIT_UNKNOWN));
  const late = ite(eq(entry, 5), unknown, exitIf(1, Verdict.EXIT_INVAL));
  return ite(bvult(entry, 4), exitIf(4, Verdict.EXIT_FILTER), ite(eq(entry, 4), bv(Verdict.ALLOW, 8), late));
}
