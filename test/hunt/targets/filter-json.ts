import type { MsrFilterRange } from '../../../src/model/filter.ts';
import { parseFilter } from '../../../src/model/filter-json.ts';
import { parseJsonText } from '../../../src/model/json-text.ts';
import { checkFilter, numberOf } from '../check-filter.ts';
import { accepted, asText, expect, type Target } from '../target.ts';

/** Filters as they are used, for all targets that read some. */
export const FILTER_SEEDS: readonly string[] = [
  '{"flags":"deny","ranges":[{"flags":"rw","base":"0x174","nmsrs":3,"bitmap":{"allow":["0x174","0x175-0x176"]}}]}',
  '{"flags":1,"ranges":[{"flags":"r","base":3221225600,"nmsrs":5,"bitmap":"1f00000000000000"}]}',
  '{"flags":"allow","ranges":[{"flags":3,"base":"0xfffffff0","nmsrs":16,"bitmap":{"deny":["0xfffffffe-0xffffffff"]}}]}',
  '{"flags":"0x2","ranges":[{"flags":"0x7","base":0,"nmsrs":"0x3000","bitmap":null},{"flags":"w","base":0,"nmsrs":0,' +
    '"bitmap":""}]}',
  '{"flags":"allow","ranges":[]}',
];

interface RangeText {
  readonly base: unknown;
  readonly nmsrs: unknown;
  readonly bitmap: string | null | Readonly<Record<'allow' | 'deny', readonly (string | number)[]>>;
}

/** The bits that the text says, bit by bit: without the reader under test. */
function checkBits(text: RangeText, { base, nmsrs, bitmap }: MsrFilterRange, slot: number): void {
  expect(numberOf(text.base) === base && numberOf(text.nmsrs) === nmsrs, `range ${slot} has another base or nmsrs`);
  if (text.bitmap === null) {
    expect(bitmap === null, `range ${slot}: null is a bitmap`);
    return;
  }
  if (typeof text.bitmap === 'string') {
    const digits = text.bitmap.replace(/^0x/i, '').toLowerCase();
    expect(Buffer.from(bitmap!).toString('hex') === digits, `range ${slot} has other bytes`);
    return;
  }
  const { allow, deny } = text.bitmap;
  const listed = new Set<number>();
  for (const entry of allow ?? deny) {
    const [first, last] = String(entry).includes('-') ? String(entry).split('-') : [entry, entry];
    for (let index = numberOf(first); index <= numberOf(last); index++) listed.add(index);
  }
  expect(bitmap!.length === Math.ceil(nmsrs / 64) * 8, `range ${slot}: ${bitmap!.length} bytes for ${nmsrs} MSRs`);
  for (let bit = 0; bit < bitmap!.length * 8; bit++) {
    const value = (bitmap![bit >>> 3]! >>> (bit & 7)) & 1;
    const wanted = bit < nmsrs && listed.has(base + bit) === (allow !== undefined) ? 1 : 0;
    expect(value === wanted, `range ${slot}: bit ${bit} is ${value}`);
  }
}

export const target: Target = {
  name: 'filter-json',
  form: 'json',
  seeds: FILTER_SEEDS,
  words: [
    'flags',
    'ranges',
    'base',
    'nmsrs',
    'bitmap',
    'allow',
    'deny',
    'r',
    'w',
    'rw',
    '0x174-0x176',
    '0x1-0x0',
    'ff',
  ],
  sources: ['src/model/filter-json', 'src/model/json-', 'src/model/hex-bytes', 'src/model/input-error'],
  run(input) {
    const text = asText(input);
    const filter = accepted(() => parseFilter(parseJsonText(text, 'FILE'), 'FILE'), 'FILE');
    if (!filter) return;
    const { ranges } = JSON.parse(text) as { ranges: RangeText[] };
    expect(ranges.length === filter.ranges.length, 'another number of ranges');
    for (const [slot, range] of filter.ranges.entries()) checkBits(ranges[slot]!, range, slot);
    checkFilter(filter);
  },
};
