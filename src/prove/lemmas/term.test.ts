import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  and,
  bv,
  bvadd,
  bvand,
  bvlshr,
  bvmul,
  bvneg,
  bvnot,
  bvor,
  bvshl,
  bvsle,
  bvslt,
  bvsub,
  bvule,
  bvult,
  bvxor,
  concat,
  eq,
  evaluate,
  exclusive,
  extract,
  FALSE,
  implies,
  ite,
  not,
  or,
  proposition,
  TRUE,
  toSmtLib,
  variable,
  variablesOf,
  zeroExtend,
} from './term.ts';

const x = variable('x', 8);
const y = variable('y', 8);
const p = proposition('p');

describe('terms', () => {
  it('are refused where widths or sorts do not fit', () => {
    expect(() => bvadd(x, variable('z', 9))).toThrow('widths differ: 8 and 9 bits');
    expect(() => bvand(x, 256)).toThrow('256 does not fit into 8 bits');
    expect(() => bv(-129, 8)).toThrow('does not fit');
    expect(() => variable('z', 0)).toThrow('at least one bit');
    expect(() => variable('t_1', 8)).toThrow('no name');
    expect(() => extract(8, 0, x)).toThrow('no bits 8 to 0 in 8 bits');
    expect(() => extract(0, 1, x)).toThrow('no bits');
    expect(() => zeroExtend(x, 7)).toThrow('cannot be extended');
    expect(() => ite(p, x, variable('z', 4))).toThrow('widths differ');
    // @ts-expect-error a bit vector is no Boolean
    expect(() => and(p, x)).toThrow('and takes Booleans');
    // @ts-expect-error a Boolean is no bit vector
    expect(() => bvult(p, 1)).toThrow('a bit vector is needed');
  });

  it('print as SMT-LIB, shared ones once', () => {
    const sum = bvadd(x, 1);
    expect(toSmtLib([eq(bvmul(sum, sum), y), implies(p, not(TRUE))])).toEqual({
      definitions: ['(define-fun t_1 () (_ BitVec 8) (bvadd x #x01))'],
      terms: ['(= (bvmul t_1 t_1) y)', '(=> p (not true))'],
    });
    expect(toSmtLib([bv(5, 3), extract(6, 2, x), zeroExtend(x, 12)]).terms).toEqual([
      '#b101',
      '((_ extract 6 2) x)',
      '((_ zero_extend 4) x)',
    ]);
  });

  it('know their variables', () => {
    expect(variablesOf(and(p, eq(bvadd(x, y), x))).map(({ name }) => name)).toEqual(['p', 'x', 'y']);
  });

  it('evaluate as 8-bit arithmetic does', () => {
    const byte = fc.integer({ min: 0, max: 255 });
    const asSigned = (value: number) => (value << 24) >> 24;
    fc.assert(
      fc.property(byte, byte, fc.boolean(), (a, b, c) => {
        const at = { x: BigInt(a), y: BigInt(b), p: c };
        const bits = (term: Parameters<typeof bvnot>[0]) => Number(evaluate(term, at));
        expect(bits(bvadd(x, y))).toBe((a + b) & 255);
        expect(bits(bvsub(x, y))).toBe((a - b) & 255);
        expect(bits(bvmul(x, y))).toBe((a * b) & 255);
        expect(bits(bvand(x, y))).toBe(a & b);
        expect(bits(bvor(x, y))).toBe(a | b);
        expect(bits(bvxor(x, y))).toBe(a ^ b);
        expect(bits(bvnot(x))).toBe(~a & 255);
        expect(bits(bvneg(x))).toBe(-a & 255);
        expect(bits(bvshl(x, y))).toBe(b > 7 ? 0 : (a << b) & 255);
        expect(bits(bvlshr(x, y))).toBe(b > 7 ? 0 : a >>> b);
        expect(bits(extract(6, 2, x))).toBe((a >>> 2) & 31);
        expect(bits(concat(x, y))).toBe(a * 256 + b);
        expect(bits(zeroExtend(x, 20))).toBe(a);
        expect(bits(ite(p, x, y))).toBe(c ? a : b);
        expect(evaluate(bvult(x, y), at)).toBe(a < b);
        expect(evaluate(bvule(x, y), at)).toBe(a <= b);
        expect(evaluate(bvslt(x, y), at)).toBe(asSigned(a) < asSigned(b));
        expect(evaluate(bvsle(x, y), at)).toBe(asSigned(a) <= asSigned(b));
        expect(evaluate(eq(x, y), at)).toBe(a === b);
        expect(evaluate(exclusive(p, bvult(x, y)), at)).toBe(c !== a < b);
        expect(evaluate(or(p, FALSE), at)).toBe(c);
      }),
      { seed: 1 },
    );
  });

  it('are not evaluated without values that fit', () => {
    expect(() => evaluate(x, {})).toThrow('no value for x');
    expect(() => evaluate(x, { x: 256n })).toThrow('does not fit');
    expect(() => evaluate(x, { x: true })).toThrow('BitVec');
  });
});
