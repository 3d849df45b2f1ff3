/** A filter as C that a VMM can include: bitmaps as arrays, and a `struct kvm_msr_filter` that points to them. */
import type { MsrFilter, MsrFilterRange } from '../../model/filter.ts';
import { hex } from '../../model/json-fields.ts';

const FILTER_FLAGS = ['KVM_MSR_FILTER_DEFAULT_ALLOW', 'KVM_MSR_FILTER_DEFAULT_DENY'];
const RANGE_FLAGS = ['0', 'KVM_MSR_FILTER_READ', 'KVM_MSR_FILTER_WRITE', 'KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE'];

/** Needs <linux/kvm.h>, which includes <asm/kvm.h>. */
export function filterToC({ flags, ranges }: MsrFilter): string {
  const bitmaps = ranges.map(({ bitmap }, slot) => (bitmap === null ? '' : bitmapArray(bitmap, slot)));
  const slots = ranges.map((range, slot) => `\t\t{\n${rangeFields(range, slot)}\n\t\t},`);
  return [
    '#include <linux/kvm.h>\n',
    ...bitmaps.filter((text) => text !== ''),
    'static struct kvm_msr_filter msr_filter = {',
    `\t.flags = ${FILTER_FLAGS[flags] ?? hex(flags)},`,
    ...(slots.length === 0 ? [] : ['\t.ranges = {', ...slots, '\t},']),
    '};\n',
  ].join('\n');
}

function bitmapArray(bitmap: Uint8Array, slot: number): string {
  const lines: string[] = [];
  for (let at = 0; at < bitmap.length; at += 16) {
    const bytes = Array.from(bitmap.subarray(at, at + 16), (byte) => `0x${byte.toString(16).padStart(2, '0')}`);
    lines.push(`\t${bytes.join(', ')},`);
  }
  return `static __u8 msr_bitmap_${slot}[${bitmap.length}] = {\n${lines.join('\n')}\n};\n`;
}

function rangeFields({ flags, nmsrs, base, bitmap }: MsrFilterRange, slot: number): string {
  return [
    `.flags = ${RANGE_FLAGS[flags] ?? hex(flags)},`,
    `.nmsrs = ${nmsrs},`,
    `.base = ${hex(base)},`,
    `.bitmap = ${bitmap === null ? '0' : `msr_bitmap_${slot}`},`,
  ]
    .map((field) => `\t\t\t${field}`)
    .join('\n');
}
