/** Changes of one range. Bits keep their numbers. */

import { KVM_MSR_FILTER_MAX_NMSRS, type MsrFilterRange } from '../../src/model/filter.ts';
import { filterToJson, parseFilter, type RangeJson } from '../../src/model/filter-json.ts';
import { bytesToHex } from '../../src/model/hex-bytes.ts';
import { hex } from '../../src/model/json-fields.ts';
import { LINE_END } from '../number-line/viewport.ts';

/** The bitmap as long as the kernel reads it; bits past nmsrs are cleared. An unmapped one stays so. */
export function resized(range: MsrFilterRange, nmsrs: number): MsrFilterRange {
  if (range.bitmap === null) return { ...range, nmsrs };
  const bytes = Math.ceil(Math.min(nmsrs, KVM_MSR_FILTER_MAX_NMSRS) / 64) * 8;
  const bitmap = new Uint8Array(bytes);
  bitmap.set(range.bitmap.subarray(0, bytes));
  for (let bit = nmsrs; bit < bytes * 8; bit++) bitmap[bit >>> 3]! &= ~(1 << (bit & 7));
  return { ...range, nmsrs, bitmap };
}

/** The bit of an MSR turned over; unchanged where the bitmap has no such bit. */
export function toggled(range: MsrFilterRange, index: number): MsrFilterRange {
  const bit = index - range.base;
  if (range.bitmap === null || bit < 0 || bit >= range.nmsrs || bit >>> 3 >= range.bitmap.length) return range;
  const bitmap = range.bitmap.slice();
  bitmap[bit >>> 3]! ^= 1 << (bit & 7);
  return { ...range, bitmap };
}

export const BITMAP_FORMS = ['allow', 'deny', 'hex', 'unmapped'] as const;
export type BitmapForm = (typeof BITMAP_FORMS)[number];

/** Longest list that is easier to read than bytes. */
const MAX_LIST = 16;

/** How the bitmap is best written: what is allowed, or else denied, if that is a short list; or bytes. */
export function bitmapForm(range: MsrFilterRange): BitmapForm {
  const { bitmap } = filterToJson({ flags: 0, ranges: [range] }).ranges[0]!;
  if (bitmap === null) return 'unmapped';
  if (typeof bitmap === 'string') return 'hex';
  return 'allow' in bitmap || runsOf(range, 1).length <= MAX_LIST ? 'allow' : 'deny';
}

/** The bitmap as text of that form; what a list cannot say, as bits past nmsrs, is left out of it. */
export function bitmapText(range: MsrFilterRange, form: BitmapForm): string {
  if (form === 'unmapped') return '';
  if (form === 'hex') return bytesToHex(range.bitmap ?? new Uint8Array());
  return runsOf(range, form === 'allow' ? 1 : 0).join(', ');
}

/** MSRs whose bit has that value, as indices and ranges of them. */
function runsOf({ base, nmsrs, bitmap }: MsrFilterRange, value: 0 | 1): string[] {
  const bytes = bitmap ?? new Uint8Array();
  const bits = Math.min(nmsrs, bytes.length * 8, LINE_END - base);
  const isListed = (bit: number): boolean => ((bytes[bit >>> 3]! >>> (bit & 7)) & 1) === value;
  const runs: string[] = [];
  for (let bit = 0; bit < bits; bit++) {
    const first = bit;
    while (bit < bits && isListed(bit)) bit++;
    if (bit > first) runs.push(bit - first === 1 ? hex(base + first) : `${hex(base + first)}-${hex(base + bit - 1)}`);
  }
  return runs;
}

/** @throws InputError, whose message begins with `where` and names what cannot be read */
export function withBitmap(range: MsrFilterRange, form: BitmapForm, text: string, where: string): MsrFilterRange {
  const { flags, base, nmsrs } = range;
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  const list = words.map((word) => (/^\d+$/.test(word) ? Number(word) : word));
  const bitmap = { allow: { allow: list }, deny: { deny: list }, hex: words.join(''), unmapped: null }[form];
  const json: RangeJson = { flags, base, nmsrs, bitmap };
  return parseFilter({ flags: 0, ranges: [json] }, where).ranges[0]!;
}
