// A filter builder: the code of a VMM that makes a struct kvm_msr_filter of what its user configures.
//
//   npx msrdiff builders --random 200 --module examples/filter-builder.mjs
//
// `policy` is { default, rules: [{ msrs: [{ first, last }], read, write }] }: actions are 'allow' or 'deny', read or
// write may be absent, and the first rule that names an MSR and a direction decides. The answer is the filter that the
// VMM would pass to the ioctl, or a negative errno if it gives up.
//
// This one makes a range of each rule's MSRs, and has a mistake that is often made: it takes `last` for the end.

export const name = 'example';

const FLAGS = { read: 1, write: 2 };

export function build(policy) {
  const ranges = [];
  for (const { msrs, ...actions } of policy.rules) {
    for (const { first, last } of msrs) {
      const nmsrs = last - first;
      if (nmsrs > 12288) return -22;
      for (const [direction, action] of Object.entries(actions)) {
        const bitmap = new Uint8Array(Math.ceil(nmsrs / 64) * 8).fill(action === 'allow' ? 0xff : 0);
        ranges.push({ flags: FLAGS[direction], base: first, nmsrs, bitmap });
      }
    }
  }
  if (ranges.length > 16) return -7;
  return { flags: policy.default === 'allow' ? 0 : 1, ranges };
}
