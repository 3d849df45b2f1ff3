import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MsrFilter, MsrFilterRange } from './filter.ts';
import { filterToJson, formatFilter, parseFilter } from './filter-json.ts';
import { InputError } from './input-error.ts';

const u32 = fc.oneof(
  fc.nat({ max: 0xffff_ffff }),
  fc.nat({ max: 200 }),
  fc.constantFrom(0, 1, 2, 3, 0x800, 12288, 12289, 0xffff_fff0, 0xffff_ffff),
);

/** Bitmaps of exactly the size that the kernel reads, mostly uniform, sometimes with bits from nmsrs on. */
const fittingRange: fc.Arbitrary<MsrFilterRange> = fc
  .record({
    flags: u32,
    nmsrs: fc.oneof(fc.nat({ max: 300 }), fc.constantFrom(12287, 12288, 12289)),
    base: u32,
    fill: fc.constantFrom(0, 0xff),
    flips: fc.array(fc.nat({ max: 12288 }), { maxLength: 20 }),
    clearPadding: fc.boolean(),
  })
  .map(({ flags, nmsrs, base, fill, flips, clearPadding }) => {
    const bitmap = new Uint8Array(Math.ceil(nmsrs / 64) * 8).fill(fill);
    for (const flip of nmsrs === 0 ? [] : flips) bitmap[(flip % nmsrs) >>> 3]! ^= 1 << (flip & 7);
    if (clearPadding) {
      for (let bit = nmsrs; bit < bitmap.length * 8; bit++) bitmap[bit >>> 3]! &= ~(1 << (bit & 7));
    }
    return { flags, nmsrs, base, bitmap };
  });

const anyRange: fc.Arbitrary<MsrFilterRange> = fc.record({
  flags: u32,
  nmsrs: u32,
  base: u32,
  bitmap: fc.option(fc.uint8Array({ maxLength: 40 }), { nil: null }),
});

const anyFilter: fc.Arbitrary<MsrFilter> = fc.record({
  flags: u32,
  ranges: fc.array(fc.oneof(fittingRange, anyRange), { maxLength: 16 }),
});

const range = (fields: object) => ({ flags: 'rw', base: '0x174', nmsrs: 3, bitmap: null, ...fields });
const filter = (...ranges: object[]) => ({ flags: 'deny', ranges });
const bitmapOf = (fields: object) => parseFilter(filter(range(fields)), 'f').ranges[0]!.bitmap;

describe('round trip', () => {
  it('gives back every filter byte for byte', () => {
    fc.assert(
      fc.property(anyFilter, (value) => {
        const text = formatFilter(value);
        expect(parseFilter(JSON.parse(text), 'f')).toEqual(value);
        expect(JSON.parse(text)).toEqual(filterToJson(value));
      }),
      { numRuns: 300 },
    );
  });

  it('writes lists of at most 16 entries', () => {
    fc.assert(
      fc.property(fittingRange, (value) => {
        const { bitmap } = filterToJson({ flags: 0, ranges: [value] }).ranges[0]!;
        if (bitmap === null || typeof bitmap === 'string') return;
        expect(Object.values(bitmap)[0]!.length).toBeLessThanOrEqual(16);
      }),
    );
  });
});

describe('parseFilter', () => {
  it('reads numbers, hex strings and words', () => {
    const json = {
      flags: '0x1',
      ranges: [
        { flags: 'r', base: 0x174, nmsrs: '0x3', bitmap: '07 '.trim() },
        { flags: 7, base: '0xC0000080', nmsrs: 4294967295, bitmap: '0xAAbb' },
        { flags: '0xffffffff', base: 0, nmsrs: 0, bitmap: '' },
      ],
    };
    expect(parseFilter(json, 'f')).toEqual({
      flags: 1,
      ranges: [
        { flags: 1, base: 0x174, nmsrs: 3, bitmap: Uint8Array.of(7) },
        { flags: 7, base: 0xc000_0080, nmsrs: 0xffff_ffff, bitmap: Uint8Array.of(0xaa, 0xbb) },
        { flags: 0xffff_ffff, base: 0, nmsrs: 0, bitmap: new Uint8Array(0) },
      ],
    });
  });

  it('turns lists into the bytes that the kernel reads', () => {
    const bytes = (...first: number[]) => Uint8Array.of(...first, ...new Array(8 - first.length).fill(0));
    expect(bitmapOf({ bitmap: { allow: ['0x174', 0x176] } })).toEqual(bytes(0b101));
    expect(bitmapOf({ bitmap: { deny: ['0x174', 0x176] } })).toEqual(bytes(0b010));
    expect(bitmapOf({ nmsrs: 20, bitmap: { allow: ['0x17b-0x17d'] } })).toEqual(bytes(0x80, 0x03));
    expect(bitmapOf({ nmsrs: 20, bitmap: { deny: [] } })).toEqual(bytes(0xff, 0xff, 0x0f));
    expect(bitmapOf({ nmsrs: 65, bitmap: { allow: [] } })).toEqual(new Uint8Array(16));
    expect(bitmapOf({ nmsrs: 0, bitmap: { deny: [] } })).toEqual(new Uint8Array(0));
  });

  it('takes every MSR up to 0xffffffff in a list', () => {
    const fields = { base: '0xfffffffe', nmsrs: 4, bitmap: { allow: ['0xfffffffe-0xffffffff'] } };
    expect(bitmapOf(fields)).toEqual(Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0));
  });
});

describe('formatFilter', () => {
  it('writes one range per line', () => {
    const value: MsrFilter = {
      flags: 1,
      ranges: [
        { flags: 3, base: 0x174, nmsrs: 3, bitmap: Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0) },
        { flags: 1, base: 0x10, nmsrs: 16, bitmap: Uint8Array.of(0xff, 0xfd, 0, 0, 0, 0, 0, 0) },
        { flags: 4, base: 0, nmsrs: 1, bitmap: Uint8Array.of(1) },
        { flags: 2, base: 0xc000_0080, nmsrs: 0xffff_ffff, bitmap: null },
      ],
    };
    expect(formatFilter(value)).toBe(`{
  "flags": "deny",
  "ranges": [
    {"flags": "rw", "base": "0x174", "nmsrs": 3, "bitmap": {"allow": ["0x174-0x175"]}},
    {"flags": "r", "base": "0x10", "nmsrs": 16, "bitmap": {"deny": ["0x19"]}},
    {"flags": "0x4", "base": "0x0", "nmsrs": 1, "bitmap": "01"},
    {"flags": "w", "base": "0xc0000080", "nmsrs": 4294967295, "bitmap": null}
  ]
}
`);
    expect(formatFilter({ flags: 2, ranges: [] })).toBe('{\n  "flags": "0x2",\n  "ranges": []\n}\n');
  });

  it('prefers the shorter list, and allow if both are equal', () => {
    const written = (first: number) => {
      const bitmap = Uint8Array.of(first, 0, 0, 0, 0, 0, 0, 0);
      return filterToJson({ flags: 0, ranges: [{ flags: 1, base: 0x174, nmsrs: 3, bitmap }] }).ranges[0]!.bitmap;
    };
    expect(written(0b000)).toEqual({ allow: [] });
    expect(written(0b111)).toEqual({ deny: [] });
    expect(written(0b101)).toEqual({ deny: ['0x175'] });
    expect(written(0b100)).toEqual({ allow: ['0x176'] });
  });

  it('writes hex where a list would lose bytes or be long', () => {
    const written = (fields: Partial<MsrFilterRange>) =>
      filterToJson({ flags: 0, ranges: [{ flags: 1, base: 0, nmsrs: 8, bitmap: null, ...fields }] }).ranges[0]!.bitmap;
    expect(written({ bitmap: Uint8Array.of(0, 1, 0, 0, 0, 0, 0, 0) })).toBe('0001000000000000');
    expect(written({ bitmap: new Uint8Array(16) })).toBe('00'.repeat(16));
    expect(written({ nmsrs: 64, bitmap: new Uint8Array(8).fill(0x55) })).toBe('55'.repeat(8));
    expect(written({ nmsrs: 12_289, bitmap: new Uint8Array(1544) })).toBe('00'.repeat(1544));
    // The MSR after 0xffffffff has no index: only the list without it can be written.
    const past = { base: 0xffff_ffff, nmsrs: 2 };
    expect(written({ ...past, bitmap: Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0) })).toEqual({ allow: ['0xffffffff'] });
    expect(written({ ...past, bitmap: Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0) })).toEqual({ deny: ['0xffffffff'] });
  });
});

describe('errors', () => {
  const u32Form = 'a number from 0 to 4294967295 or a hex string such as "0x174"';
  it.each([
    [null, 'f.json: expected an object, found null'],
    [[], 'f.json: expected an object, found an array'],
    [{ flags: 'deny' }, 'f.json: ranges: missing; every key of the form must be given'],
    [{ flags: 'deny', ranges: [], x: 1 }, 'f.json: x: unknown key; known here: flags, ranges'],
    [JSON.parse('{"flags": 0, "ranges": [], "__proto__": 1}'), 'f.json: __proto__: unknown key'],
    [{ flags: 'Deny', ranges: [] }, `f.json: flags: expected one of allow, deny, or ${u32Form}; found "Deny"`],
    [{ flags: 0, ranges: {} }, 'f.json: ranges: expected an array, found an object'],
    [{ flags: 0, ranges: new Array(17).fill(range({})) }, 'f.json: ranges: 17 entries; at most 16 are possible'],
    [filter(range({}), range({}), range({ nmsrs: -1 })), `f.json: ranges[2].nmsrs: expected ${u32Form}, found -1`],
    [filter(range({ base: 4294967296 })), 'f.json: ranges[0].base: expected'],
    [filter(range({ base: '0x100000000' })), 'f.json: ranges[0].base: expected'],
    [filter(range({ base: '372' })), 'f.json: ranges[0].base: expected'],
    [filter(range({ nmsrs: 1.5 })), 'f.json: ranges[0].nmsrs: expected'],
    [filter(range({ flags: 'x' })), 'f.json: ranges[0].flags: expected one of r, w, rw, or'],
    [filter(range({ size: 1 })), 'f.json: ranges[0].size: unknown key; known here: flags, base, nmsrs, bitmap'],
    [filter(range({ bitmap: 7 })), 'f.json: ranges[0].bitmap: expected null, hex bytes, {"allow": [...]} or'],
    [filter(range({ bitmap: '0xabc' })), 'f.json: ranges[0].bitmap: 3 hex digits; a byte has two'],
    [filter(range({ bitmap: 'zz' })), 'f.json: ranges[0].bitmap: expected hex digits, found "zz"'],
    [filter(range({ bitmap: {} })), 'f.json: ranges[0].bitmap: give exactly one of allow and deny'],
    [filter(range({ bitmap: { allow: [], deny: [] } })), 'f.json: ranges[0].bitmap: give exactly one of'],
    [filter(range({ bitmap: { allow: 3 } })), 'f.json: ranges[0].bitmap.allow: expected an array, found 3'],
    [
      filter(range({ bitmap: { deny: ['0x174', '0x177'] } })),
      'f.json: ranges[0].bitmap.deny[1]: "0x177" is outside the range, which covers 0x174 to 0x176',
    ],
    [filter(range({ bitmap: { allow: ['0x173-0x174'] } })), 'f.json: ranges[0].bitmap.allow[0]: "0x173-0x174" is out'],
    [filter(range({ bitmap: { allow: ['0x176-0x174'] } })), 'f.json: ranges[0].bitmap.allow[0]: "0x176-0x174" ends'],
    [filter(range({ bitmap: { allow: ['10-20'] } })), 'f.json: ranges[0].bitmap.allow[0]: expected an MSR index'],
    [filter(range({ nmsrs: 0, bitmap: { allow: [0] } })), 'f.json: ranges[0].bitmap.allow[0]: 0 is outside the range'],
    // Covers 0xffffffff and nothing that wraps around to 0.
    [filter(range({ base: 0xffff_ffff, nmsrs: 2, bitmap: { allow: [0] } })), 'f.json: ranges[0].bitmap.allow[0]: 0 is'],
    [
      filter(range({ nmsrs: 12_289, bitmap: { allow: [] } })),
      'f.json: ranges[0].bitmap: a list stands for at most 12288 MSRs, nmsrs is 12289; give hex bytes or null',
    ],
  ])('%#: %j', (json, message) => {
    const parse = () => parseFilter(json, 'f.json');
    expect(parse).toThrow(InputError);
    expect(parse).toThrow(message);
  });

  it('throws nothing but InputError on any JSON', () => {
    const nearFilter = fc.record(
      { flags: fc.jsonValue(), ranges: fc.array(fc.oneof(fc.jsonValue(), fc.object())) },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), nearFilter), (json) => {
        try {
          parseFilter(json, 'f');
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
        }
      }),
    );
  });
});
