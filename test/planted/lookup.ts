/** Mistakes in kvm_msr_allowed(): which range decides, and by which bit. Planted in the reference. */
import { ReferenceVm } from '../../src/engines/reference.ts';
import { AccessType } from '../../src/model/verdict.ts';
import { ALLOW, bugsOf, cap, DENY, filter, R, RW, range, read, W } from './support.ts';

const FIRST_MATCH = 'kvm_msr_allowed(), arch/x86/kvm/x86.c';

/** The slots 0 to n - 1 by n: a list made for every access would take most of the time. */
const SLOTS: readonly (readonly number[])[] = Array.from({ length: 17 }, (_, n) => [...Array(n).keys()]);

/** The scan with its parts replaceable, so that each bug is one of them. */
class ScanVm extends ReferenceVm {
  protected order(count: number): readonly number[] {
    return SLOTS[count]!;
  }

  protected covers(i: number, index: number): boolean {
    return index >= this.ranges.start[i]! && index < this.ranges.end[i]!;
  }

  protected names(flags: number, flag: number): boolean {
    return (flags & flag) !== 0;
  }

  protected override decidingRange(index: number, type: AccessType): number {
    const flag = type === AccessType.READ ? 1 : 2;
    const found = this.order(this.ranges.count).find(
      (i) => this.covers(i, index) && this.names(this.ranges.flags[i]!, flag),
    );
    return found ?? -1;
  }

  /** nmsrs of a range, from its u32 end. */
  protected nmsrs(i: number): number {
    return (this.ranges.end[i]! - this.ranges.start[i]!) >>> 0;
  }
}

export const LOOKUP_BUGS = bugsOf('lookup', 'reference', [
  {
    id: 'start-exclusive',
    title: 'the first MSR of a range is not in it',
    cite: FIRST_MATCH,
    smallest: 5,
    example: [filter(ALLOW, [range(0, R)]), read(0)],
    vm: class extends ScanVm {
      protected override covers(i: number, index: number): boolean {
        return index > this.ranges.start[i]! && index < this.ranges.end[i]!;
      }
    },
  },
  {
    id: 'start-one-low',
    title: 'the MSR before a range is in it',
    cite: FIRST_MATCH,
    smallest: 5,
    example: [filter(ALLOW, [range(1, R)]), read(0)],
    vm: class extends ScanVm {
      protected override covers(i: number, index: number): boolean {
        return index >= this.ranges.start[i]! - 1 && index < this.ranges.end[i]!;
      }
    },
  },
  {
    id: 'end-inclusive',
    title: 'the MSR after a range is in it',
    cite: FIRST_MATCH,
    smallest: 5,
    example: [filter(ALLOW, [range(0, R)]), read(1)],
    vm: class extends ScanVm {
      protected override covers(i: number, index: number): boolean {
        return index >= this.ranges.start[i]! && index <= this.ranges.end[i]!;
      }
    },
  },
  {
    id: 'end-one-short',
    title: 'the last MSR of a range is not in it',
    cite: FIRST_MATCH,
    smallest: 5,
    example: [filter(ALLOW, [range(0, R)]), read(0)],
    vm: class extends ScanVm {
      protected override covers(i: number, index: number): boolean {
        return index >= this.ranges.start[i]! && index < this.ranges.end[i]! - 1;
      }
    },
  },
  {
    id: 'last-match',
    title: 'the last range that matches wins',
    cite: FIRST_MATCH,
    smallest: 7,
    example: [filter(ALLOW, [range(0, R), range(0, R, 1, [0])]), read(0)],
    vm: class extends ScanVm {
      protected override order(count: number): readonly number[] {
        return super.order(count).toReversed();
      }
    },
  },
  {
    id: 'flags-ignored',
    title: 'a range decides reads and writes whatever its flags say',
    cite: FIRST_MATCH,
    smallest: 5,
    example: [filter(ALLOW, [range(0, W)]), read(0)],
    vm: class extends ScanVm {
      protected override names(): boolean {
        return true;
      }
    },
  },
  {
    id: 'flags-equal',
    title: 'the flags of a range are compared with ==, so both together match nothing',
    cite: FIRST_MATCH,
    smallest: 5,
    example: [filter(ALLOW, [range(0, RW)]), read(0)],
    vm: class extends ScanVm {
      protected override names(flags: number, flag: number): boolean {
        return flags === flag;
      }
    },
  },
  {
    id: 'end-64-bit',
    title: 'base + nmsrs is computed in 64 bits, so the top of the index space can be covered',
    cite: FIRST_MATCH,
    // 0xffffffff is unknown to KVM: without an exit reason the denial and the unknown MSR are the same #GP.
    smallest: 6,
    example: [filter(ALLOW, [range(0xffff_ffff, R)]), cap(2), read(0xffff_ffff)],
    vm: class extends ScanVm {
      protected override covers(i: number, index: number): boolean {
        return index >= this.ranges.start[i]! && index < this.ranges.start[i]! + this.nmsrs(i);
      }
    },
  },
  {
    id: 'wrap-to-low',
    title: 'a range that wraps covers the MSRs from 0 on',
    cite: FIRST_MATCH,
    smallest: 6,
    example: [filter(ALLOW, [range(0xffff_ffff, R, 2)]), read(0)],
    vm: class extends ScanVm {
      protected override covers(i: number, index: number): boolean {
        return super.covers(i, index) || (this.ranges.end[i]! < this.ranges.start[i]! && index < this.ranges.end[i]!);
      }
    },
  },
  {
    id: 'signed',
    title: 'indices are compared as signed numbers',
    cite: FIRST_MATCH,
    smallest: 6,
    example: [filter(ALLOW, [range(0x7fff_ffff, R)]), cap(2), read(0x7fff_ffff)],
    vm: class extends ScanVm {
      protected override covers(i: number, index: number): boolean {
        return (index | 0) >= (this.ranges.start[i]! | 0) && (index | 0) < (this.ranges.end[i]! | 0);
      }
    },
  },
  {
    id: 'types-swapped',
    title: 'KVM_MSR_FILTER_READ and _WRITE are mixed up',
    cite: 'READ is 1, WRITE is 2',
    smallest: 5,
    example: [filter(ALLOW, [range(0, R)]), read(0)],
    vm: class extends ScanVm {
      protected override names(flags: number, flag: number): boolean {
        return (flags & (3 - flag)) !== 0;
      }
    },
  },
  {
    id: 'mismatch-denies',
    title: 'a range that covers the MSR but not the direction denies',
    cite: FIRST_MATCH,
    smallest: 5,
    example: [filter(ALLOW, [range(0, W)]), read(0)],
    vm: class extends ReferenceVm {
      override allows(index: number, type: AccessType): boolean {
        const other = this.decidingRange(index, (1 - type) as AccessType);
        if (other >= 0 && this.decidingRange(index, type) < 0 && !this.exempt(index)) return false;
        return super.allows(index, type);
      }
    },
  },
  {
    id: 'msr-0-empty',
    title: 'base 0 stands for an empty slot',
    cite: 'QEMU, kvm_filter_msr(): a slot is free if its msr is 0',
    smallest: 5,
    example: [filter(ALLOW, [range(0, R)]), read(0)],
    vm: class extends ScanVm {
      protected override covers(i: number, index: number): boolean {
        return this.ranges.start[i] !== 0 && super.covers(i, index);
      }
    },
  },
  {
    id: 'eight-ranges',
    title: 'only the first 8 ranges are searched',
    cite: 'KVM_MSR_FILTER_MAX_RANGES is 16',
    smallest: 21,
    example: [filter(ALLOW, [...Array(8).fill(range(0, W)), range(0, R)]), read(0)],
    vm: class extends ScanVm {
      protected override order(count: number): readonly number[] {
        return super.order(Math.min(count, 8));
      }
    },
  },
  {
    id: 'slot-15',
    title: 'the last slot is not searched',
    cite: 'KVM_MSR_FILTER_MAX_RANGES is 16',
    smallest: 20,
    example: [filter(ALLOW, [...Array(15).fill(range(0, 0, 0)), range(0, R)]), read(0)],
    vm: class extends ScanVm {
      protected override covers(i: number, index: number): boolean {
        return this.ranges.slot[i] !== 15 && super.covers(i, index);
      }
    },
  },
  {
    id: 'hole-ends',
    title: 'an empty slot ends the search',
    cite: 'kvm_add_msr_filter(): "if (!user_range->nmsrs) return 0" skips one slot',
    smallest: 6,
    example: [filter(ALLOW, [range(0, 0, 0), range(0, R)]), read(0)],
    vm: class extends ScanVm {
      protected override covers(i: number, index: number): boolean {
        return this.ranges.slot[i] === i && super.covers(i, index);
      }
    },
  },
  {
    id: 'wrapped-is-empty',
    title: 'a filter whose ranges all wrap counts as empty, so filtering is off',
    cite: 'a wrapped range matches nothing, but counts: DENY applies',
    smallest: 5,
    example: [filter(DENY, [range(0xffff_ffff, R)]), read(0)],
    vm: class extends ReferenceVm {
      override allows(index: number, type: AccessType): boolean {
        const { count, start, end } = this.ranges;
        const live = start.subarray(0, count).some((first, i) => end[i]! > first);
        return !live || super.allows(index, type);
      }
    },
  },
]);
