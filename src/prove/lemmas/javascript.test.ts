import fc from 'fast-check';
import { describe, expect } from 'vitest';
import * as formulas from './javascript.ts';
import { anyU32, forAll, signed, tie, u32, u64, unsigned } from './tie.fixture.ts';

const anyNumber = fc.oneof(anyU32, fc.integer({ min: -(2 ** 40), max: 2 ** 40 }));
const anyPositive = fc.oneof(anyU32, fc.integer({ min: 0, max: 2 ** 50 }));
const anyCount = fc.integer({ min: 0, max: 70 });
const log = fc.integer({ min: 0, max: 12 });

describe("JavaScript's arithmetic", () => {
  tie<typeof formulas>({
    NUMBER: () => expect(2 ** (formulas.NUMBER - 1)).toBeGreaterThan(Number.MAX_SAFE_INTEGER),
    num: () => forAll([anyU32], (a) => expect(unsigned(formulas.num(u32(a)))).toBe(a)),
    uint32: () => forAll([anyNumber], (a) => expect(unsigned(formulas.uint32(u64(a)))).toBe(a >>> 0)),
    shiftRight: () =>
      forAll([anyNumber, anyCount], (a, count) => {
        expect(unsigned(formulas.shiftRight(u64(a), count))).toBe(a >>> count);
        expect(unsigned(formulas.shiftRight(u64(a), u64(count)))).toBe(a >>> count);
      }),
    shiftLeft: () =>
      forAll([anyNumber, anyCount], (a, count) => {
        expect(unsigned(formulas.shiftLeft(u64(a), count))).toBe((a << count) >>> 0);
      }),
    floorDivide: () =>
      forAll([anyPositive, log], (a, by) => {
        expect(signed(formulas.floorDivide(u64(a), by))).toBe(Math.floor(a / 2 ** by));
      }),
    ceilDivide: () =>
      forAll([anyPositive, log], (a, by) => {
        expect(signed(formulas.ceilDivide(u64(a), by))).toBe(Math.ceil(a / 2 ** by));
      }),
    min: () =>
      forAll([anyNumber, anyNumber], (a, b) => expect(signed(formulas.min(u64(a), u64(b)))).toBe(Math.min(a, b))),
    max: () =>
      forAll([anyNumber, anyNumber], (a, b) => expect(signed(formulas.max(u64(a), u64(b)))).toBe(Math.max(a, b))),
    clz32: () => forAll([anyU32], (a) => expect(unsigned(formulas.clz32(u32(a)))).toBe(Math.clz32(a))),
    bitAt: () =>
      forAll([anyU32, fc.integer({ min: 0, max: 31 })], (a, at) => {
        expect(unsigned(formulas.bitAt(u32(a), u32(at)))).toBe((a >>> at) & 1);
      }),
  });
});
