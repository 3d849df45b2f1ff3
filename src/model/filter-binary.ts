/**
 * Filters as the x86-64 `struct kvm_msr_filter`, followed by the bitmaps that it points to. Little endian.
 * Source: arch/x86/include/uapi/asm/kvm.h, Linux 5.10 on.
 *
 *     struct kvm_msr_filter_range, 24 bytes       struct kvm_msr_filter, 392 bytes
 *       +0  u32 flags                               +0  u32 flags
 *       +4  u32 nmsrs                               +4  u32 padding
 *       +8  u32 base                                +8  ranges[16]
 *       +12 u32 padding
 *       +16 u64 bitmap
 *
 * In a file, `bitmap` is the byte offset of the bitmap in that file; 0 is a pointer to unmapped memory. A
 * bitmap reaches from its offset to the next greater offset that a slot uses, or to the end of the file, so an
 * offset equal to the file's length is a bitmap without bytes.
 */
import { KVM_MSR_FILTER_MAX_RANGES, type MsrFilter, type MsrFilterRange } from './filter.ts';
import { BITMAP_MAX_BYTES } from './filter-json.ts';
import { InputError } from './input-error.ts';

/** Size of `struct kvm_msr_filter`. */
export const FILTER_STRUCT_BYTES = 392;
const RANGES_OFFSET = 8;
const RANGE_BYTES = 24;

const NMSRS = 4;
const BASE = 8;
const BITMAP = 16;

/**
 * The struct and its bitmaps, each slot's after the one before it; padding is 0.
 *
 * @throws RangeError if there are more than 16 ranges
 */
export function encodeFilter(filter: MsrFilter): Uint8Array {
  if (filter.ranges.length > KVM_MSR_FILTER_MAX_RANGES) {
    throw new RangeError(`a filter has ${KVM_MSR_FILTER_MAX_RANGES} slots, not ${filter.ranges.length}`);
  }
  const length = filter.ranges.reduce((sum, range) => sum + (range.bitmap?.length ?? 0), FILTER_STRUCT_BYTES);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, filter.flags, true);
  let free = FILTER_STRUCT_BYTES;
  for (const [slot, { flags, nmsrs, base, bitmap }] of filter.ranges.entries()) {
    const start = RANGES_OFFSET + slot * RANGE_BYTES;
    view.setUint32(start, flags, true);
    view.setUint32(start + NMSRS, nmsrs, true);
    view.setUint32(start + BASE, base, true);
    if (bitmap === null) continue;
    view.setBigUint64(start + BITMAP, BigInt(bitmap.length === 0 ? length : free), true);
    bytes.set(bitmap, free);
    free += bitmap.length;
  }
  return bytes;
}

/**
 * Reads what {@link encodeFilter} writes. Padding is ignored, slots with the same offset have the same bitmap,
 * and trailing slots that are all 0 are left out.
 *
 * @param where the file that the bytes come from, for messages
 * @throws InputError if the struct is cut off or an offset is outside the part after it
 */
export function decodeFilter(bytes: Uint8Array, where: string): MsrFilter {
  if (bytes.length < FILTER_STRUCT_BYTES) {
    const mend = `struct kvm_msr_filter has ${FILTER_STRUCT_BYTES} in the x86-64 layout`;
    throw new InputError(`${where}: ${bytes.length} bytes; ${mend}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const offsets: number[] = [];
  for (let slot = 0; slot < KVM_MSR_FILTER_MAX_RANGES; slot++) offsets.push(bitmapOffset(view, slot, where));

  const ranges: MsrFilterRange[] = [];
  let used = 0;
  for (const [slot, offset] of offsets.entries()) {
    const start = RANGES_OFFSET + slot * RANGE_BYTES;
    const flags = view.getUint32(start, true);
    const nmsrs = view.getUint32(start + NMSRS, true);
    const base = view.getUint32(start + BASE, true);
    const end = offsets.reduce((least, other) => (other > offset && other < least ? other : least), bytes.length);
    if (offset !== 0 && end - offset > BITMAP_MAX_BYTES) {
      const found = `${end - offset} bytes, and at most ${BITMAP_MAX_BYTES} are read`;
      throw new InputError(`${where}: ranges[${slot}].bitmap: ${found}: no kernel looks at them`);
    }
    // A copy: `slice` of a Buffer would be a view of the file's bytes.
    ranges.push({ flags, nmsrs, base, bitmap: offset === 0 ? null : new Uint8Array(bytes.subarray(offset, end)) });
    if (flags !== 0 || nmsrs !== 0 || base !== 0 || offset !== 0) used = slot + 1;
  }
  return { flags: view.getUint32(0, true), ranges: ranges.slice(0, used) };
}

function bitmapOffset(view: DataView, slot: number, where: string): number {
  const offset = view.getBigUint64(RANGES_OFFSET + slot * RANGE_BYTES + BITMAP, true);
  if (offset !== 0n && (offset < FILTER_STRUCT_BYTES || offset > view.byteLength)) {
    const mend = `expected 0 (unmapped), or ${FILTER_STRUCT_BYTES} to ${view.byteLength} (the end of the file)`;
    throw new InputError(`${where}: ranges[${slot}].bitmap: offset ${offset}; ${mend}`);
  }
  return Number(offset);
}
