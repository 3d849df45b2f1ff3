/** Bitmaps as bytes: what the kernel reads of them, and what it looks at. */
import { KVM_MSR_FILTER_MAX_NMSRS, type MsrFilterRange } from '../../model/filter.ts';

/** Bytes that the kernel copies: BITS_TO_LONGS(nmsrs) * sizeof(long). */
export function bytesRead(nmsrs: number): number {
  return Math.ceil(nmsrs / 64) * 8;
}

/** Bytes that hold the bits of so many MSRs; what VMMs with `div_ceil(8)` allocate. */
export function bytesOfBits(nmsrs: number): number {
  return Math.ceil(nmsrs / 8);
}

/** Whether all the bits that decide are there. */
export function hasItsBits({ nmsrs, bitmap }: MsrFilterRange): boolean {
  return nmsrs > 0 && nmsrs <= KVM_MSR_FILTER_MAX_NMSRS && bitmap !== null && bitmap.length >= bytesOfBits(nmsrs);
}

/** The range with the bytes that the kernel reads; those that are added are 0. */
export function padded(range: MsrFilterRange): MsrFilterRange {
  if (!hasItsBits(range) || range.bitmap!.length >= bytesRead(range.nmsrs)) return range;
  const bitmap = new Uint8Array(bytesRead(range.nmsrs));
  bitmap.set(range.bitmap!);
  return { ...range, bitmap };
}

/** The range with exactly the bytes that the kernel reads, and 0 in the bits that it never looks at. */
export function trimmed(range: MsrFilterRange): MsrFilterRange {
  if (!hasItsBits(range)) return range;
  const { nmsrs } = range;
  const bitmap = padded(range).bitmap!.slice(0, bytesRead(nmsrs));
  for (const bit of bitsPast(nmsrs, bitmap)) bitmap[bit >>> 3]! &= ~(1 << (bit & 7));
  return { ...range, bitmap };
}

/** Numbers of the bits from nmsrs on that are 1, as far as the kernel reads the bytes. */
export function bitsPast(nmsrs: number, bitmap: Uint8Array): number[] {
  const end = Math.min(bitmap.length, bytesRead(nmsrs)) * 8;
  const set: number[] = [];
  for (let bit = nmsrs; bit < end; bit++) if (((bitmap[bit >>> 3]! >>> (bit & 7)) & 1) === 1) set.push(bit);
  return set;
}
