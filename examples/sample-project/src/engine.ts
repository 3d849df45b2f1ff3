/** A VMM's own decision, as it might stand anywhere in its code: whether a filter allows an access. */
import type { MsrFilter } from 'msrdiff';

export const name = 'sample';

export function allowed(filter: MsrFilter | null, index: number, write: boolean): boolean {
  // x2APIC MSRs are never filtered (api.rst, KVM_X86_SET_MSR_FILTER).
  if (filter === null || (index >= 0x800 && index <= 0x8ff)) return true;
  for (const { base, nmsrs, flags, bitmap } of filter.ranges) {
    const end = (base + nmsrs) >>> 0;
    if (index < base || index >= end) continue;
    if ((flags & (write ? 2 : 1)) === 0) continue;
    const bit = index - base;
    return ((bitmap![bit >> 3]! >> (bit & 7)) & 1) === 1;
  }
  return filter.flags === 0;
}
