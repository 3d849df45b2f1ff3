import { describe, expect, test } from 'vitest';
import { Cell, canMatch, RangeBits, rangeEnd, rangeRemark } from './range-bits.ts';

const range = (nmsrs: number, bytes: readonly number[] | null, base = 0x100, flags = 3) => ({
  flags,
  nmsrs,
  base,
  bitmap: bytes && Uint8Array.from(bytes),
});

describe('cells of a range', () => {
  // MSRs 0x100 and 0x103 allowed, up to 0x107.
  const bits = new RangeBits(range(8, [0b1001, 0, 0, 0, 0, 0, 0, 0]));

  test.each([
    [0x100, 0x101, Cell.ALLOW],
    [0x101, 0x103, Cell.DENY],
    [0x100, 0x108, Cell.MIXED],
    [0xf0, 0x101, Cell.ALLOW],
    [0x107, 0x200, Cell.DENY],
    [0x108, 0x200, Cell.NONE],
    [0x0, 0x100, Cell.NONE],
  ])('%d to %d', (first, end, cell) => expect(bits.cell(first, end)).toBe(cell));

  test('bits past nmsrs do not count', () => {
    expect(new RangeBits(range(1, [0xff, 0, 0, 0, 0, 0, 0, 0])).allowed).toBe(1);
  });

  test('what the memory does not have is not denied', () => {
    const short = new RangeBits(range(16, [0]));
    expect(short.cell(0x108, 0x110)).toBe(Cell.UNMAPPED);
    expect(short.tally(0x100, 0x110)).toEqual({ allow: 0, deny: 8, unmapped: 8 });
    expect(new RangeBits(range(4, null)).cell(0x100, 0x104)).toBe(Cell.UNMAPPED);
  });

  test('a range that wraps is drawn to the end of the line', () => {
    const wrapping = new RangeBits(range(8, [255, 0, 0, 0, 0, 0, 0, 0], 0xffff_fffc));
    expect(wrapping.end).toBe(2 ** 32);
    expect(wrapping.cell(0, 4)).toBe(Cell.NONE);
  });
});

describe('what can be said of a range', () => {
  const full = [255, 0, 0, 0, 0, 0, 0, 0];

  test('one that ends at 2^32 or later never matches: its end wraps in u32', () => {
    const last = range(4, full, 0xffff_fffc);
    expect(rangeEnd(last)).toBe(0);
    expect(rangeRemark(last)).toBe('base + nmsrs wraps to 0x0: never matches');
    expect(canMatch(last, 1)).toBe(false);
    expect(rangeRemark(range(3, full, 0xffff_fffc))).toBeUndefined();
  });

  test.each([
    [range(0, null), 'empty slot'],
    [range(0x3001, null), 'more than 0x3000 MSRs: -EINVAL'],
    [range(1, full, 0, 7), 'unknown flags 0x7: -EINVAL'],
    [range(1, null), 'bitmap in unmapped memory: -EFAULT'],
    [range(1, [1]), 'the bitmap’s memory ends early: -EFAULT'],
    [range(1, full, 0, 0), 'neither R nor W: never matches'],
  ])('%#', (given, remark) => expect(rangeRemark(given)).toBe(remark));

  test('the direction has to fit', () => {
    expect(canMatch(range(1, full, 0, 1), 1)).toBe(true);
    expect(canMatch(range(1, full, 0, 1), 2)).toBe(false);
  });
});
