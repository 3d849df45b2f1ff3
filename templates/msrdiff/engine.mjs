// The engine under test: it answers "does this filter allow this access?", msrdiff does the rest of a VM. Put yours here,
// or have it called from here: https://github.com/torvalds/linux/blob/master/Documentation/virt/kvm/api.rst, section
// "KVM_X86_SET_MSR_FILTER", is what it is to follow. node_modules/msrdiff/docs/engines.md has the other forms.
//
//   npx msrdiff fuzz --engine-module msrdiff/engine.mjs --seconds 30
//
// `filter` is the filter in force as the ioctl accepted it, without empty slots: { flags, ranges: [{ flags, nmsrs,
// base, bitmap }] }, or null when none is. `index` is a u32; `write` is true for WRMSR.

export const name = 'mine';

export function allowed(filter, index, write) {
  if (filter === null) return true;
  // x2APIC MSRs are never filtered.
  if (index >= 0x800 && index <= 0x8ff) return true;
  for (const { base, nmsrs, flags, bitmap } of filter.ranges) {
    // The kernel computes the end in 32 bits: a range that reaches 2^32 matches nothing.
    const end = (base + nmsrs) >>> 0;
    if (index < base || index >= end) continue;
    // A range that does not name the access type is transparent.
    if ((flags & (write ? 2 : 1)) === 0) continue;
    const bit = index - base;
    return ((bitmap[bit >> 3] >> (bit & 7)) & 1) === 1;
  }
  return filter.flags === 0;
}
