import { describe, expect, test } from 'vitest';
import { AREAS, isIntercepted, msrOf, placeOf } from './layout.ts';

describe('VMX bitmap (SDM vol. 3C, 26.6.9)', () => {
  test.each([
    [0x0, false, 0x000, 0],
    [0x174, false, 0x02e, 4],
    [0x1fff, false, 0x3ff, 7],
    [0xc000_0080, false, 0x410, 0],
    [0x174, true, 0x82e, 4],
    [0xc000_0101, true, 0xc20, 1],
    [0xc000_1fff, true, 0xfff, 7],
  ])('%d, write %s', (index, write, byte, bit) => {
    expect(placeOf('vmx', { index, write })).toEqual({ byte, bit });
  });

  test.each([0x2000, 0xbfff_ffff, 0xc000_2000, 0xc001_0000])('%d is outside', (index) => {
    expect(placeOf('vmx', { index, write: false })).toBeUndefined();
  });
});

describe('SVM permissions map (APM vol. 2, 15.11)', () => {
  test.each([
    [0x0, false, 0x000, 0],
    [0x174, true, 0x05d, 1],
    [0xc000_0080, false, 0x820, 0],
    [0xc001_0000, true, 0x1000, 1],
    [0xc001_1fff, true, 0x17ff, 7],
  ])('%d, write %s', (index, write, byte, bit) => {
    expect(placeOf('svm', { index, write })).toEqual({ byte, bit });
  });

  test('the last 2 KiB stand for nothing', () => expect(msrOf('svm', { byte: 0x1800, bit: 0 })).toBeUndefined());
});

test.each(['vmx', 'svm'] as const)('every bit of %s goes there and back', (vendor) => {
  for (const { first, end } of AREAS[vendor]) {
    for (let bit = 0; bit < (end - first) * 8; bit++) {
      const place = { byte: first + (bit >>> 3), bit: bit & 7 };
      expect(placeOf(vendor, msrOf(vendor, place)!)).toEqual(place);
    }
  }
});

test('1 intercepts, and so does what the page does not have', () => {
  expect(isIntercepted(Uint8Array.of(0b10), { byte: 0, bit: 1 })).toBe(true);
  expect(isIntercepted(Uint8Array.of(0b10), { byte: 0, bit: 0 })).toBe(false);
  expect(isIntercepted(Uint8Array.of(0b10), { byte: 1, bit: 0 })).toBe(true);
});
