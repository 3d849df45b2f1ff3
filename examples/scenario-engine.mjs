// An engine that handles whole scenarios: ioctls with their errno, the exit mask, batches of accesses, replies.
//
//   npx msrdiff fuzz --engines reference,interval --engine-module examples/scenario-engine.mjs
//
// It states in `capabilities.events` what it can run. What it leaves out ("apic", "candidates", ...) makes the rest
// of such a scenario incomparable for this engine, which is no error.

const EFAULT = -14;
const EINVAL = -22;
const ENOTTY = -25;

// Verdict bytes, see docs/engines.md.
const ALLOW = 0;
const GP = 1;
const EXIT_FILTER = 2;
const EXIT_UNKNOWN = 3;
const EXIT_INVAL = 4;

class ExampleVm {
  constructor({ profile, base }) {
    this.profile = profile;
    this.base = base;
    this.reset();
  }

  /** Optional: saves creating a VM for every case. */
  reset() {
    this.ranges = [];
    this.deny = false;
    this.mask = 0;
    this.exited = false;
  }

  setFilter(filter, delivery) {
    if (delivery === 'compat') return ENOTTY;
    if (delivery === 'short') return EFAULT;
    // This example knows the newest rules only; see KernelProfile for what changed between releases.
    if (filter.flags > 1) return EINVAL;
    const used = filter.ranges.filter((range) => range.nmsrs > 0);
    if (used.length === 0 && filter.flags === 1) return EINVAL;
    for (const { flags, nmsrs, bitmap } of used) {
      if (flags === 0 || flags > 3) return EINVAL;
      const bytes = Math.ceil(nmsrs / 64) * 8;
      if (bytes > 0x600) return EINVAL;
      if (bitmap === null || bitmap.length < bytes) return EFAULT;
    }
    // A copy: user space may reuse the memory.
    this.ranges = used.map((range) => ({ ...range, bitmap: range.bitmap.slice() }));
    this.deny = filter.flags === 1;
    return 0;
  }

  enableCap({ mask, flags = 0, cap = 188 }) {
    if (cap !== 188 || flags !== 0 || mask > 7n) return EINVAL;
    this.mask = Number(mask);
    return 0;
  }

  access({ indices, types }, verdicts) {
    for (let i = 0; i < indices.length; i++) verdicts[i] = this.judge(indices[i], types[i]);
    this.exited = indices.length > 0 && verdicts[indices.length - 1] >= EXIT_FILTER;
  }

  reply(error) {
    const pending = this.exited;
    this.exited = false;
    if (!pending) return 0;
    return error === 0 ? 1 : 2;
  }

  judge(index, type) {
    if (!this.allows(index, type)) return this.mask & 4 ? EXIT_FILTER : GP;
    // 0 handled, 1 unknown, 2 invalid; without "apic" in the capabilities the APIC is always off (mode 0).
    const outcome = this.base.outcome(index, type, 0);
    if (outcome === 0) return ALLOW;
    if (outcome === 1) return this.mask & 2 ? EXIT_UNKNOWN : GP;
    return this.mask & 1 ? EXIT_INVAL : GP;
  }

  allows(index, type) {
    if ((index >= 0x800 && index <= 0x8ff) || this.ranges.length === 0) return true;
    for (const { base, nmsrs, flags, bitmap } of this.ranges) {
      const end = (base + nmsrs) >>> 0;
      if (index >= base && index < end && flags & (1 << type)) {
        const bit = index - base;
        return ((bitmap[bit >> 3] >> (bit & 7)) & 1) === 1;
      }
    }
    return !this.deny;
  }
}

export default {
  name: 'scenario-example',
  capabilities: { events: ['filter', 'cap', 'access', 'reply'] },
  createVm: (config) => new ExampleVm(config),
};
