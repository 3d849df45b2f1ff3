/** Changes of one range. Bits keep their numbers. */

import { KVM_MSR_FILTER_MAX_NMSRS, type MsrFilterRange } from '../../src/model/filter.ts';
import { filterToJson, parseFilter, type RangeJson } from '../../src/model/filter-json.ts';

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

/** How the bitmap is written: the shortest form, and its text. */
export function bitmapText(range: MsrFilterRange): { readonly form: BitmapForm; readonly text: string } {
  const { bitmap } = filterToJson({ flags: 0, ranges: [range] }).ranges[0]!;
  if (bitmap === null) return { form: 'unmapped', text: '' };
  if (typeof bitmap === 'string') return { form: 'hex', text: bitmap };
  if ('allow' in bitmap) return { form: 'allow', text: bitmap.allow.join(', ') };
  return { form: 'deny', text: bitmap.deny.join(', ') };
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
