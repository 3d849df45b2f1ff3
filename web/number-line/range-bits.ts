/** What a range, or a piece of it, says: the bits of its bitmap summed up, so that any stretch is answered at once. */
import {
  KVM_MSR_FILTER_MAX_NMSRS,
  KVM_MSR_FILTER_RANGE_VALID_MASK,
  type MsrFilterRange,
} from '../../src/model/filter.ts';
import { hex } from '../../src/model/json-fields.ts';
import { LINE_END } from './viewport.ts';

/** What a stretch of MSRs is drawn as. `UNMAPPED`: the bitmap has no bytes there. `EXEMPT`: no filter applies. */
export const Cell = { NONE: 0, ALLOW: 1, DENY: 2, MIXED: 3, UNMAPPED: 4, EXEMPT: 5 } as const;
export type Cell = (typeof Cell)[keyof typeof Cell];

/** Numbers of MSRs by what is said of them. */
export interface Tally {
  readonly allow: number;
  readonly deny: number;
  readonly unmapped: number;
}

export class RangeBits {
  readonly range: MsrFilterRange;
  /** MSRs [base, end) as they are numbered, never beyond the line. */
  readonly end: number;
  /** Allowed bits before bit i; as long as the bitmap has bits of this range. */
  private readonly before: Uint32Array;

  constructor(range: MsrFilterRange) {
    this.range = range;
    this.end = Math.min(LINE_END, range.base + range.nmsrs);
    const bytes = range.bitmap ?? new Uint8Array();
    // Nothing beyond what the kernel accepts is worth summing up: such a filter is rejected.
    const bits = Math.min(range.nmsrs, bytes.length * 8, KVM_MSR_FILTER_MAX_NMSRS);
    this.before = new Uint32Array(bits + 1);
    for (let bit = 0; bit < bits; bit++)
      this.before[bit + 1] = this.before[bit]! + ((bytes[bit >>> 3]! >>> (bit & 7)) & 1);
  }

  /** Of the MSRs in [first, end) that the range covers. */
  tally(first: number, end: number): Tally {
    const { base } = this.range;
    const [from, to] = [Math.max(first, base) - base, Math.min(end, this.end) - base];
    if (from >= to) return { allow: 0, deny: 0, unmapped: 0 };
    const known = this.before.length - 1;
    const [a, b] = [Math.min(from, known), Math.min(to, known)];
    const allow = this.before[b]! - this.before[a]!;
    return { allow, deny: b - a - allow, unmapped: to - from - (b - a) };
  }

  cell(first: number, end: number): Cell {
    return cellOf(this.tally(first, end));
  }

  /** All that are allowed. */
  get allowed(): number {
    return this.before.at(-1)!;
  }
}

export function cellOf({ allow, deny, unmapped }: Tally): Cell {
  if (allow > 0) return deny > 0 || unmapped > 0 ? Cell.MIXED : Cell.ALLOW;
  if (deny > 0) return Cell.DENY;
  return unmapped > 0 ? Cell.UNMAPPED : Cell.NONE;
}

/** base + nmsrs as the kernel computes it, in u32. */
export function rangeEnd({ base, nmsrs }: MsrFilterRange): number {
  return (base + nmsrs) >>> 0;
}

/**
 * Why no access can match the range, or why the ioctl does not take it; undefined if there is nothing to say.
 * Source: kvm_add_msr_filter() and kvm_msr_allowed(), arch/x86/kvm/x86.c.
 */
export function rangeRemark(range: MsrFilterRange): string | undefined {
  const { flags, nmsrs, bitmap } = range;
  if (nmsrs === 0) return 'empty slot';
  if ((flags & ~KVM_MSR_FILTER_RANGE_VALID_MASK) !== 0) return `unknown flags ${hex(flags)}: -EINVAL`;
  if (nmsrs > KVM_MSR_FILTER_MAX_NMSRS) return `more than ${hex(KVM_MSR_FILTER_MAX_NMSRS)} MSRs: -EINVAL`;
  if (bitmap === null) return 'bitmap in unmapped memory: -EFAULT';
  if (bitmap.length < Math.ceil(nmsrs / 64) * 8) return 'the bitmap’s memory ends early: -EFAULT';
  if (flags === 0) return 'neither R nor W: never matches';
  if (range.base + nmsrs >= LINE_END) return `base + nmsrs wraps to ${hex(rangeEnd(range))}: never matches`;
  return undefined;
}

/** Whether an access of that direction can be decided by the range: it is accepted, and its end does not wrap. */
export function canMatch(range: MsrFilterRange, flag: number): boolean {
  return (range.flags & flag) !== 0 && rangeRemark(range) === undefined;
}
