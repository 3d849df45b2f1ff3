import { describe, expect, test } from 'vitest';
import { bitmapForm, bitmapText, resized, toggled, withBitmap } from './edit-range.ts';

const range = { flags: 3, base: 0x174, nmsrs: 3, bitmap: Uint8Array.of(0b101, 0, 0, 0, 0, 0, 0, 0) };

test('a bit is turned over and back', () => {
  const once = toggled(range, 0x175);
  expect(once.bitmap![0]).toBe(0b111);
  expect(toggled(once, 0x175)).toEqual(range);
  expect(toggled(range, 0x177)).toBe(range);
  expect(range.bitmap[0]).toBe(0b101);
});

describe('another nmsrs', () => {
  test('keeps the bits that it covers and clears the others', () => {
    expect(resized(range, 2)).toEqual({ ...range, nmsrs: 2, bitmap: Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0) });
    expect(resized(range, 65).bitmap).toHaveLength(16);
  });

  test('beyond what the kernel takes does not ask for gigabytes', () => {
    expect(resized(range, 0xffff_ffff).bitmap).toHaveLength(0x600);
  });
});

describe('a bitmap as text', () => {
  test('is what it allows, also if that is all', () => {
    expect([bitmapForm(range), bitmapText(range, 'allow')]).toEqual(['allow', '0x174, 0x176']);
    expect(bitmapText(toggled(range, 0x175), 'allow')).toBe('0x174-0x176');
    expect(bitmapText(range, 'deny')).toBe('0x175');
    expect(bitmapForm({ ...range, bitmap: null })).toBe('unmapped');
  });

  test('is read again in every form', () => {
    for (const form of ['allow', 'deny', 'hex'] as const) {
      expect(withBitmap(range, form, bitmapText(range, form), 'range 0')).toEqual(range);
    }
    expect(withBitmap(range, 'allow', '372 0x176', 'range 0')).toEqual(range);
  });

  test('says what is wrong with it', () => {
    expect(() => withBitmap(range, 'allow', '0x1', 'range 0')).toThrow(
      'outside the range, which covers 0x174 to 0x176',
    );
    expect(() => withBitmap(range, 'hex', 'abc', 'range 0')).toThrow('a byte has two');
  });
});
