/**
 * JavaScript's arithmetic as terms. A number is a signed 64-bit vector: the engines add, subtract and scale u32 values
 * by small constants, so that no number leaves +-2^53 and doubles are exact (lemma exact-numbers). The operators on
 * 32-bit integers are those of ECMA-262, 6.1.6.1: operands are cut to 32 bits, shift counts to 5.
 */
import { type BitVec, bv, bvadd, bvand, bvlshr, bvshl, bvsle, distinct, eq, extract, ite, zeroExtend } from './term.ts';

/** Bits of a number. */
export const NUMBER = 64;

/** An unsigned value as a number. */
export const num = (value: BitVec): BitVec => zeroExtend(value, NUMBER);

/** ToUint32 / ToInt32: what a Uint32Array keeps and what the operators on integers see. */
export const uint32 = (value: BitVec): BitVec => (value.width < 32 ? zeroExtend(value, 32) : extract(31, 0, value));

/** `value >>> count` as 32 bits. */
export const shiftRight = (value: BitVec, count: BitVec | number): BitVec => bvlshr(uint32(value), shiftCount(count));

/** `value << count` as 32 bits. */
export const shiftLeft = (value: BitVec, count: BitVec | number): BitVec => bvshl(uint32(value), shiftCount(count));

function shiftCount(count: BitVec | number): BitVec {
  return bvand(typeof count === 'number' ? bv(count, 32) : uint32(count), 31);
}

/** `Math.floor(value / 2 ** log)` of a number that is not negative. */
export const floorDivide = (value: BitVec, log: number): BitVec => bvlshr(value, log);

/** `Math.ceil(value / 2 ** log)` of a number that is not negative. */
export const ceilDivide = (value: BitVec, log: number): BitVec =>
  bvadd(floorDivide(value, log), ite(distinct(bvand(value, 2 ** log - 1), 0), bv(1, NUMBER), 0));

/** `Math.min(a, b)`. */
export const min = (a: BitVec, b: BitVec): BitVec => ite(bvsle(a, b), a, b);

/** `Math.max(a, b)`. */
export const max = (a: BitVec, b: BitVec): BitVec => ite(bvsle(a, b), b, a);

/** `Math.clz32(value)`: 32 less the number of significant bits. */
export function clz32(value: BitVec): BitVec {
  let zeros = bv(32, 32);
  for (let bit = 0; bit < 32; bit++) zeros = ite(eq(extract(bit, bit, value), 1), bv(31 - bit, 32), zeros);
  return zeros;
}

/** Bit `at` (less than the width) of a value, as one bit. */
export const bitAt = (value: BitVec, at: BitVec): BitVec => extract(0, 0, bvlshr(value, at));
