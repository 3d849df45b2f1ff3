/** The ranges that are in force, and what the ioctls of a generation let into them. */
import { E2BIG, EFAULT, EINVAL, type MsrFilterRange } from '../../model/filter.ts';
import { AccessType } from '../../model/verdict.ts';
import type { HistoryRules } from './rules.ts';

const READ_WRITE = 3;

interface Entry {
  readonly slot: number;
  readonly flags: number;
  /** First index, and (u32)(base + nmsrs). */
  readonly start: number;
  readonly end: number;
  readonly bits: Uint8Array;
}

/** What the scan found: the slot and bit that decide. */
export interface Match {
  readonly slot: number;
  readonly bit: number;
  readonly allows: boolean;
}

export class Ranges {
  private readonly entries: Entry[] = [];
  private readonly rules: HistoryRules;

  constructor(rules: HistoryRules) {
    this.rules = rules;
  }

  /** Ranges accepted so far, those of no MSRs included where they count. */
  get count(): number {
    return this.entries.length;
  }

  /** Appends a range: 0 or a negative errno. The order of the checks is kvm_vm_ioctl_add_msr_allowlist()'s. */
  add(slot: number, { flags, nmsrs, base, bitmap }: MsrFilterRange): number {
    const { rules } = this;
    if (nmsrs === 0 && rules.emptyRange === 'skipped') return 0;
    const badFlags = flags > READ_WRITE || (flags === 0 && rules.zeroFlags === 'refused');
    if (badFlags && rules.rangeChecks === 'flags-size-copy') return EINVAL;
    const bytes = Math.floor((nmsrs + 63) / 64) * 8;
    if (bytes > rules.maxBitmapBytes) return EINVAL;
    if (bytes > (bitmap?.length ?? 0)) return EFAULT;
    if (badFlags) return EINVAL;
    if (this.count >= rules.maxRanges) return E2BIG;
    const end = (base + nmsrs) >>> 0;
    if (rules.overlap === 'clash-refused' && this.clashes(flags, base, end)) return EINVAL;
    this.entries.push({ slot, flags, start: base, end, bits: (bitmap ?? new Uint8Array(0)).slice(0, bytes) });
    return 0;
  }

  /** The first range that covers the index and names the direction. */
  find(index: number, type: AccessType): Match | undefined {
    const wanted = type === AccessType.READ ? 1 : 2;
    for (const { slot, flags, start, end, bits } of this.entries) {
      if (index < start || index >= end || (flags & wanted) === 0) continue;
      const bit = index - start;
      return { slot, bit, allows: ((bits[bit >> 3]! >> (bit & 7)) & 1) === 1 };
    }
    return undefined;
  }

  /** msr_range_overlaps(): in u32, so that a range that wraps overlaps nothing. */
  private clashes(flags: number, start: number, end: number): boolean {
    return this.entries.some(
      (other) => (other.flags & flags) !== 0 && Math.max(start, other.start) < Math.min(end, other.end),
    );
  }
}
