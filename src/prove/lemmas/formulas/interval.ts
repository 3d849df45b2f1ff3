/** What src/engines/interval.ts and interval-map.ts compute, as terms. The test compares every one with the engine. */
import { Verdict } from '../../../model/verdict.ts';
import { floorDivide, max, min, NUMBER, num, shiftLeft, shiftRight, uint32 } from '../javascript.ts';
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
  bvslt,
  bvsub,
  bvult,
  distinct,
  eq,
  ite,
  not,
  or,
} from '../term.ts';
import { EFAULT, EINVAL, NO_ERROR } from './errno.ts';

/** compile(): the exact end. */
export const end = (base: BitVec, nmsrs: BitVec): BitVec => bvadd(num(base), num(nmsrs));

/** compile(): the range is skipped because the kernel's end wraps. */
export const wraps = (base: BitVec, nmsrs: BitVec): Bool => bvslt(bv(0xffff_ffff, NUMBER), end(base, nmsrs));

/** compile(): whether a range names the access type. */
export const namesType = (flags: BitVec, type: BitVec): Bool => distinct(bvand(flags, shiftLeft(bv(1, 32), type)), 0);

/** One step of claim() past an owned interval [a, b): what it emits, and where it goes on. All are numbers. */
export interface ClaimStep {
  readonly emits: Bool;
  /** End of the emitted piece [from, to). */
  readonly to: BitVec;
  readonly next: BitVec;
}

/** claim(): the loop's body, at `from`, for a range that ends at `end`. */
export const claimStep = (from: BitVec, rangeEnd: BitVec, a: BitVec, b: BitVec): ClaimStep => ({
  emits: and(bvslt(from, a), bvslt(from, rangeEnd)),
  to: min(a, rangeEnd),
  next: ite(bvslt(from, b), max(from, b), from),
});

/** claim(): whether a last piece [from, end) is emitted after the loop. */
export const claimsRest = (from: BitVec, rangeEnd: BitVec): Bool => bvslt(from, rangeEnd);

/** own(): where the part of [at, end) in the page of `at` stops. All are numbers. */
export const pageStop = (at: BitVec, pieceEnd: BitVec): BitVec =>
  min(pieceEnd, bvmul(bvadd(floorDivide(at, 12), 1), 4096));

/** own(): position in the page half, by which bits are written. */
export const positionInPage = (at: BitVec): BitVec => bvand(uint32(at), 4095);

/** own(), exempt(): first word of a page's half. */
export const firstWord = (page: BitVec, type: BitVec): BitVec => bvor(shiftLeft(page, 8), shiftLeft(type, 7));

/** allows(), access(): the word that decides an access. */
export const lookupWord = (page: BitVec, type: BitVec, index: BitVec): BitVec =>
  bvor(firstWord(page, type), bvand(shiftRight(index, 5), 127));

/** allows(), access(): the bit of that word. */
export const lookupBit = (index: BitVec): BitVec => bvand(index, 31);

/** allows(), access(): the directory's entry for an index. */
export const directoryEntry = (index: BitVec): BitVec => shiftRight(index, 12);

/** One step of copyBits(): which bits of which words. */
export interface CopyStep {
  /** Word of the page half, from its first. */
  readonly word: BitVec;
  readonly bit: BitVec;
  readonly taken: BitVec;
  /** Word of the source; the next one is read too unless `shift` is 0. */
  readonly sourceWord: BitVec;
  readonly shift: BitVec;
}

/** copyBits(): where the step at `done` reads and writes. 32-bit terms. */
export function copyStep(to: BitVec, count: BitVec, from: BitVec, done: BitVec): CopyStep {
  const bit = bvand(bvadd(to, done), 31);
  const room = bvsub(bv(32, 32), bit);
  const left = bvsub(count, done);
  const sourceBit = bvadd(from, done);
  return {
    word: bvlshr(bvadd(to, done), 5),
    bit,
    taken: ite(bvult(room, left), room, left),
    sourceWord: bvlshr(sourceBit, 5),
    shift: bvand(sourceBit, 31),
  };
}

/** copyBits(): the page's word after a step that found `old`, and `low` and `high` in the source. */
export function copiedWord(
  old: BitVec,
  low: BitVec,
  high: BitVec,
  step: Pick<CopyStep, 'bit' | 'taken' | 'shift'>,
): BitVec {
  const { bit, taken, shift } = step;
  const lowPart = shiftRight(low, shift);
  const highPart = ite(eq(shift, 0), bv(0, 32), shiftLeft(high, bvsub(bv(32, 32), shift)));
  const part = shiftLeft(bvsub(shiftLeft(bv(1, 32), taken), 1), bit);
  const mask = ite(eq(taken, 32), bv(0xffff_ffff, 32), part);
  return bvor(bvand(old, bvnot(mask)), bvand(shiftLeft(bvor(lowPart, highPart), bit), mask));
}

/** exempt(): whether a word of the half of page 0x800 >>> 12 is filled. */
export const exemptWord = (word: BitVec): Bool => and(not(bvult(word, 0x800 >>> 5)), bvult(word, (0x8ff >>> 5) + 1));

/** setFilter(): the flags are none that the kernel takes. */
export const badFlags = (flags: BitVec): Bool => not(or(eq(flags, 1), eq(flags, 2), eq(flags, 3)));

/** setFilter(): more bits than the kernel takes. */
export const tooLarge = (nmsrs: BitVec): Bool => bvult(bv(12_288, 32), nmsrs);

/** setFilter(): the memory ends before the bitmap does. */
export const unreadable = (nmsrs: BitVec, length: BitVec, isNull: Bool): Bool =>
  or(
    isNull,
    bvslt(bvmul(num(length), 8), num(nmsrs)),
    bvult(shiftRight(length, 3), shiftRight(bvadd(num(nmsrs), 63), 6)),
  );

/** setFilter(): the errno that one range ends in. */
export function rangeError(flags: BitVec, nmsrs: BitVec, length: BitVec, isNull: Bool, flagsFirst: Bool): BitVec {
  const late = ite(badFlags(flags), EINVAL, NO_ERROR);
  const copied = ite(unreadable(nmsrs, length, isNull), EFAULT, late);
  const sized = ite(tooLarge(nmsrs), EINVAL, copied);
  return ite(and(flagsFirst, badFlags(flags)), EINVAL, sized);
}

/** setFilter(): flags of the filter that the kernel does not know. */
export const unknownFilterFlags = (flags: BitVec): Bool => bvult(bv(1, 32), flags);

/** setFilter(): what is in no range is denied. */
export const denies = (flags: BitVec): Bool => eq(bvand(flags, 1), 1);

/** tabulate(), access(): entry (allowed << 2) | outcome of the table. */
export function verdict(allowed: Bool, outcome: BitVec, mask: BitVec, ignoreMsrs: Bool): BitVec {
  const exitIf = (reason: number, exit: number): BitVec =>
    ite(distinct(bvand(mask, reason), 0), bv(exit, 8), Verdict.GP);
  const entry = bvor(bvshl(ite(allowed, bv(1, 32), 0), 2), uint32(outcome));
  const unknown = ite(ignoreMsrs, bv(Verdict.ALLOW, 8), exitIf(2, Verdict.EXIT_UNKNOWN));
  const allowedEntry = ite(
    eq(entry, 4),
    bv(Verdict.ALLOW, 8),
    ite(eq(entry, 5), unknown, exitIf(1, Verdict.EXIT_INVAL)),
  );
  return ite(bvult(entry, 4), exitIf(4, Verdict.EXIT_FILTER), allowedEntry);
}
