import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MsrFilter } from './filter.ts';
import { decodeFilter, encodeFilter } from './filter-binary.ts';
import { InputError } from './input-error.ts';

const u32 = fc.oneof(fc.nat({ max: 0xffff_ffff }), fc.constantFrom(0, 0, 1, 0xffff_ffff));
const anyFilter: fc.Arbitrary<MsrFilter> = fc.record({
  flags: u32,
  ranges: fc.array(
    fc.record({
      flags: u32,
      nmsrs: u32,
      base: u32,
      bitmap: fc.option(fc.uint8Array({ maxLength: 40 }), { nil: null }),
    }),
    { maxLength: 16 },
  ),
});

function withoutEmptyTail({ flags, ranges }: MsrFilter): MsrFilter {
  const last = ranges.findLastIndex((range) => range.flags || range.nmsrs || range.base || range.bitmap);
  return { flags, ranges: ranges.slice(0, last + 1) };
}

function file(length: number, fields: Record<number, number>): Uint8Array {
  const bytes = new Uint8Array(length);
  for (const [offset, byte] of Object.entries(fields)) bytes[Number(offset)] = byte;
  return bytes;
}

const pointerOf = (slot: number) => 8 + slot * 24 + 16;

describe('encodeFilter', () => {
  it('writes the layout of struct kvm_msr_filter', () => {
    const encoded = encodeFilter({
      flags: 1,
      ranges: [
        { flags: 3, nmsrs: 0x0102_0304, base: 0xc000_0080, bitmap: Uint8Array.of(0xaa, 0xbb) },
        { flags: 2, nmsrs: 5, base: 0x174, bitmap: null },
        { flags: 0, nmsrs: 0, base: 0, bitmap: new Uint8Array(0) },
        { flags: 1, nmsrs: 1, base: 0x10, bitmap: Uint8Array.of(0xcc) },
      ],
    });
    const hex = (from: number, to: number) => Buffer.from(encoded.subarray(from, to)).toString('hex');
    expect(encoded.length).toBe(395);
    expect(hex(0, 8)).toBe('0100000000000000');
    // flags, nmsrs, base, padding, bitmap = 392 (0x188)
    expect(hex(8, 32)).toBe('03000000' + '04030201' + '800000c0' + '00000000' + '8801000000000000');
    expect(hex(32, 56)).toBe('02000000' + '05000000' + '74010000' + '00000000' + '0000000000000000');
    // No bytes: the end of the file, 395 (0x18b)
    expect(hex(56, 80)).toBe('00000000' + '00000000' + '00000000' + '00000000' + '8b01000000000000');
    // bitmap = 394 (0x18a)
    expect(hex(80, 104)).toBe('01000000' + '01000000' + '10000000' + '00000000' + '8a01000000000000');
    expect(hex(104, 392)).toBe('00'.repeat(288));
    expect(hex(392, 395)).toBe('aabbcc');
  });

  it('has 16 slots', () => {
    const range = { flags: 0, nmsrs: 0, base: 0, bitmap: null };
    expect(encodeFilter({ flags: 0, ranges: new Array(16).fill(range) }).length).toBe(392);
    expect(() => encodeFilter({ flags: 0, ranges: new Array(17).fill(range) })).toThrow(RangeError);
  });
});

describe('decodeFilter', () => {
  it('gives back what was encoded, without empty slots at the end', () => {
    fc.assert(
      fc.property(anyFilter, fc.boolean(), (filter, asBuffer) => {
        const bytes = encodeFilter(filter);
        expect(decodeFilter(asBuffer ? Buffer.from(bytes) : bytes, 'f')).toEqual(withoutEmptyTail(filter));
      }),
    );
  });

  it('ends a bitmap at the next greater offset, and shares equal ones', () => {
    const pointers = { [pointerOf(0) + 1]: 1, [pointerOf(1) + 1]: 1, [pointerOf(2) + 1]: 1, [pointerOf(3) + 1]: 1 };
    const bytes = file(400, {
      ...pointers,
      [pointerOf(0)]: 0x8c, // 396
      [pointerOf(1)]: 0x88, // 392
      [pointerOf(2)]: 0x8c, // 396
      [pointerOf(3)]: 0x90, // 400, the end
      ...{ 392: 1, 393: 2, 394: 3, 395: 4, 396: 5, 397: 6, 398: 7, 399: 8 },
    });
    expect(decodeFilter(bytes, 'f').ranges.map((range) => range.bitmap)).toEqual([
      Uint8Array.of(5, 6, 7, 8),
      Uint8Array.of(1, 2, 3, 4),
      Uint8Array.of(5, 6, 7, 8),
      new Uint8Array(0),
    ]);
  });

  it('ignores padding and copies', () => {
    const bytes = file(393, { 4: 0xff, 8: 1, 20: 0xff, 23: 0xff, 24: 0x88, 25: 1, 392: 9, 44: 0xff });
    const decoded = decodeFilter(bytes, 'f');
    bytes.fill(0);
    expect(decoded).toEqual({ flags: 0, ranges: [{ flags: 1, nmsrs: 0, base: 0, bitmap: Uint8Array.of(9) }] });
  });

  it.each([
    [new Uint8Array(0), 'f.bin: 0 bytes; struct kvm_msr_filter has 392 in the x86-64 layout'],
    [new Uint8Array(391), 'f.bin: 391 bytes; struct'],
    [
      file(400, { [pointerOf(3)]: 0x87, [pointerOf(3) + 1]: 1 }),
      'f.bin: ranges[3].bitmap: offset 391; expected 0 (unmapped), or 392 to 400 (the end of the file)',
    ],
    [file(400, { [pointerOf(0)]: 0x91, [pointerOf(0) + 1]: 1 }), 'f.bin: ranges[0].bitmap: offset 401; expected'],
    [file(400, { [pointerOf(15) + 7]: 0x80 }), 'f.bin: ranges[15].bitmap: offset 9223372036854775808; expected'],
  ])('refuses malformed files: %#', (bytes, message) => {
    const decode = () => decodeFilter(bytes, 'f.bin');
    expect(decode).toThrow(InputError);
    expect(decode).toThrow(message);
  });

  it('throws nothing but InputError on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 380, maxLength: 420 }), (bytes) => {
        try {
          decodeFilter(bytes, 'f');
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
        }
      }),
    );
  });
});
