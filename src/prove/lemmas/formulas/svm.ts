/** What src/engines/svm.ts computes, as terms. The test compares every one with the engine. */
import { Verdict } from '../../../model/verdict.ts';
import { ceilDivide, floorDivide, num, shiftLeft, shiftRight, uint32 } from '../javascript.ts';
import {
  and,
  type BitVec,
  type Bool,
  bv,
  bvadd,
  bvand,
  bvlshr,
  bvmul,
  bvnot,
  bvor,
  bvshl,
  bvsle,
  bvslt,
  bvsub,
  bvule,
  bvult,
  bvxor,
  distinct,
  eq,
  ite,
  not,
  or,
} from '../term.ts';
import { EFAULT, EINVAL, NO_ERROR } from './errno.ts';

const BITS_PER_WINDOW = 2048 * 8;

/** SvmFilter.install(): the range is kept because the kernel's end does not wrap. */
export const isLive = (base: BitVec, nmsrs: BitVec): Bool => bvult(base, cut(base, nmsrs));

/** SvmFilter.install(): the end of a range as a Uint32Array keeps it. */
export const cut = (base: BitVec, nmsrs: BitVec): BitVec => uint32(bvadd(num(base), num(nmsrs)));

/** SvmFilter.install(): whether a segment's start lies in a range. */
export const covers = (at: BitVec, base: BitVec, nmsrs: BitVec): Bool =>
  and(bvsle(num(base), num(at)), bvslt(num(at), bvadd(num(base), num(nmsrs))));

/** SvmFilter.install(): whether a range names the access type. */
export const namesType = (flags: BitVec, type: BitVec): Bool => eq(bvand(shiftRight(flags, type), 1), 1);

/** SvmFilter.slotFor(): a step of the search among `count` cuts from `low`. 32-bit terms. */
export interface SearchStep {
  readonly half: BitVec;
  readonly low: BitVec;
  readonly count: BitVec;
}

/** SvmFilter.slotFor(): the loop's body; `passes` says that the cut at low + half is not above the index. */
export function searchStep(low: BitVec, count: BitVec, passes: Bool): SearchStep {
  const half = bvlshr(count, 1);
  return { half, low: ite(passes, bvadd(low, half), low), count: bvsub(count, half) };
}

/** SvmFilter.bit(): the entry of the memo for an index. */
export const memoEntry = (index: BitVec): BitVec => bvand(bvxor(index, bvlshr(index, 12)), 4095);

/** SvmFilter.bit(): the part of an entry for a type. */
export const memoPart = (memo: BitVec, type: BitVec): BitVec => shiftRight(memo, bvshl(uint32(type), 1));

/** SvmFilter.bit(): an entry with a decision. */
export const memoWith = (memo: BitVec, type: BitVec, bit: BitVec): BitVec =>
  bvand(bvor(memo, shiftLeft(bvor(uint32(bit), 2), bvshl(uint32(type), 1))), 0xff);

/** SvmFilter.decide(): byte of the bitmap that holds an offset. */
export const byteOf = (offset: BitVec): BitVec => shiftRight(offset, 3);

/** SvmFilter.decide(): bit of that byte. */
export const bitInByte = (offset: BitVec): BitVec => bvand(uint32(offset), 7);

/** permitted(): the index is never filtered, where the profile exempts. */
export const exempt = (index: BitVec): Bool => and(bvule(bv(0x800, 32), index), bvult(index, 0x900));

/** bitNumberOf() is not -1. */
export const isInMap = (index: BitVec): Bool => {
  const block = bvlshr(index, 13);
  return or(eq(block, 0), eq(block, 0xc0000000 >>> 13), eq(block, 0xc0010000 >>> 13));
};

/** bitNumberOf() of an index in the map. */
export function bitNumberOf(index: BitVec): BitVec {
  const block = bvlshr(index, 13);
  const inWindow = bvmul(bvand(index, 0x1fff), 2);
  const third = bvadd(inWindow, 2 * BITS_PER_WINDOW);
  const second = bvadd(inWindow, BITS_PER_WINDOW);
  return ite(eq(block, 0), bvmul(index, 2), ite(eq(block, 0xc0000000 >>> 13), second, third));
}

/** writeBit(): byte of the map that holds an intercept. */
export const interceptByte = (index: BitVec, type: BitVec): BitVec =>
  bvlshr(bvadd(bitNumberOf(index), uint32(type)), 3);

/** writeBit(): mask of the bit in that byte. */
export const interceptMask = (index: BitVec, type: BitVec): BitVec =>
  shiftLeft(bv(1, 32), bvand(bvadd(bitNumberOf(index), uint32(type)), 7));

/** writeBit(): the byte after the intercept is set or cleared. */
export function interceptWritten(old: BitVec, index: BitVec, type: BitVec, intercept: Bool): BitVec {
  const mask = interceptMask(index, type);
  return bvand(ite(intercept, bvor(old, mask), bvand(old, bvnot(mask))), 0xff);
}

/** access(): byte of the map that the CPU reads. */
export const accessByte = (index: BitVec): BitVec => bvlshr(bitNumberOf(index), 3);

/** access(): bit of that byte. */
export const accessBit = (index: BitVec, type: BitVec): BitVec => bvadd(bvand(bitNumberOf(index), 7), uint32(type));

/** applyWish(): what is written for an MSR that KVM wants to pass through or not. */
export const intercepts = (wish: Bool, allowed: Bool): Bool => not(and(wish, allowed));

/** mergeByte(): what is written into L2's map in a merged chunk. */
export const mergedByte = (l0: BitVec, l1: BitVec): BitVec => bvor(l0, l1);

/** mergeNested(): first byte of the chunk of 2 ** log bytes that is merged for an MSR. */
export const chunkStart = (index: BitVec, log: number): BitVec =>
  bvmul(floorDivide(num(bitNumberOf(index)), 3 + log), 2 ** log);

/** rangeError(): the flags are none that the kernel takes. */
export const badFlags = (flags: BitVec): Bool => or(eq(flags, 0), bvult(bv(3, 32), flags));

const bytes = (nmsrs: BitVec): BitVec => bvmul(ceilDivide(num(nmsrs), 6), 8);

/** rangeError(): more bits than the kernel takes. */
export const tooLarge = (nmsrs: BitVec): Bool => bvult(bv(0x600, 64), bytes(nmsrs));

/** rangeError(): the memory ends before the bitmap does. */
export const unreadable = (nmsrs: BitVec, length: BitVec, isNull: Bool): Bool =>
  or(isNull, bvult(num(length), bytes(nmsrs)));

/** rangeError(). */
export function rangeError(flags: BitVec, nmsrs: BitVec, length: BitVec, isNull: Bool, flagsFirst: Bool): BitVec {
  const flagError = ite(badFlags(flags), EINVAL, NO_ERROR);
  const copied = (otherwise: BitVec): BitVec => ite(unreadable(nmsrs, length, isNull), EFAULT, otherwise);
  const early = ite(badFlags(flags), EINVAL, ite(tooLarge(nmsrs), EINVAL, copied(NO_ERROR)));
  return ite(flagsFirst, early, ite(tooLarge(nmsrs), EINVAL, copied(flagError)));
}

/** setFilter(): flags of the filter that the kernel does not know. */
export const unknownFilterFlags = (flags: BitVec): Bool => distinct(flags, ite(denies(flags), bv(1, 32), 0));

/** setFilter(): what is in no range is denied. */
export const denies = (flags: BitVec): Bool => distinct(bvand(flags, 1), 0);

/** updateEndings(), intercepted(): entry 0 if denied, else outcome + 1. */
export function verdict(allowed: Bool, outcome: BitVec, mask: BitVec, ignoreMsrs: Bool): BitVec {
  const faultOr = (reason: number, exit: number): BitVec => ite(eq(bvand(mask, reason), 0), bv(Verdict.GP, 8), exit);
  const entry = ite(allowed, bvadd(uint32(outcome), 1), 0);
  const unknown = ite(ignoreMsrs, bv(Verdict.ALLOW, 8), faultOr(2, Verdict.EXIT_UNKNOWN));
  const late = ite(eq(entry, 2), unknown, faultOr(1, Verdict.EXIT_INVAL));
  return ite(eq(entry, 0), faultOr(4, Verdict.EXIT_FILTER), ite(eq(entry, 1), bv(Verdict.ALLOW, 8), late));
}
