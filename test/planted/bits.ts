/** Mistakes in what a range or the default says: bit numbers, bitmaps, defaults. Planted in the reference. */
import { ReferenceVm } from '../../src/engines/reference.ts';
import { ALLOW, bugsOf, DENY, filter, R, range, read, W } from './support.ts';

const BITS = 'api.rst, "KVM_X86_SET_MSR_FILTER": bit i of the bitmap is MSR base + i';

class OffsetVm extends ReferenceVm {
  protected place(offset: number): number {
    return offset;
  }

  protected override bitOf(slot: number, index: number): number {
    const bit = this.place(index - this.ranges.start[slot]!);
    return (this.ranges.bitmap[slot]![bit >>> 3]! >>> (bit & 7)) & 1;
  }
}

export const BIT_BUGS = bugsOf('lookup', 'reference', [
  {
    id: 'bit-order',
    title: 'bits of a byte are numbered from the most significant one',
    cite: BITS,
    smallest: 5,
    example: [filter(ALLOW, [range(0, R, 1, [0])]), read(0)],
    vm: class extends OffsetVm {
      protected override place(offset: number): number {
        return offset ^ 7;
      }
    },
  },
  {
    id: 'word-order',
    title: 'the bitmap is read as big-endian 64-bit words',
    cite: BITS,
    smallest: 5,
    example: [filter(ALLOW, [range(0, R, 1, [0])]), read(0)],
    vm: class extends OffsetVm {
      protected override place(offset: number): number {
        return offset ^ 0x38;
      }
    },
  },
  {
    id: 'mask-5ff',
    title: 'the offset is masked with 0x600 - 1, which is no power of two less one',
    cite: 'userspace_msr_exit_test.c, deny_msr(): msr & (KVM_MSR_FILTER_MAX_BITMAP_SIZE - 1)',
    // Bit 9 is the lowest that the mask drops: 513 MSRs.
    smallest: 517,
    example: [filter(ALLOW, [range(0, R, 513, [512])]), read(512)],
    vm: class extends OffsetVm {
      protected override place(offset: number): number {
        return offset & 0x5ff;
      }
    },
  },
  {
    id: 'mask-1fff',
    title: 'the offset is masked with 0x1fff, as in the hardware bitmaps',
    cite: 'vmx_set_msr_bitmap_read(): msr &= 0x1fff; a filter range holds up to 0x3000 MSRs',
    // At 0x4b564d00, which KVM handles: where it does not, an exit mask is needed too.
    smallest: 8197,
    example: [filter(ALLOW, [range(0x4b56_2d00, R, 8193, [8192])]), read(0x4b56_4d00)],
    vm: class extends OffsetVm {
      protected override place(offset: number): number {
        return offset & 0x1fff;
      }
    },
  },
  {
    id: 'index-as-offset',
    title: 'the low bits of the index, not index - base, number the bit',
    cite: BITS,
    smallest: 5,
    example: [filter(ALLOW, [range(1, R, 1, [0])]), read(1)],
    vm: class extends ReferenceVm {
      protected override bitOf(slot: number, index: number): number {
        const bit = index & 63;
        return (this.ranges.bitmap[slot]![bit >>> 3]! >>> (bit & 7)) & 1;
      }
    },
  },
  {
    id: 'bits-inverted',
    title: 'a set bit denies',
    cite: BITS,
    smallest: 5,
    example: [filter(ALLOW, [range(0, R)]), read(0)],
    vm: class extends ReferenceVm {
      protected override bitOf(slot: number, index: number): number {
        return 1 - super.bitOf(slot, index);
      }
    },
  },
  {
    id: 'copy-rounds-down',
    title: 'the bitmap is copied in whole 8-byte words, rounded down',
    cite: 'BITS_TO_LONGS() rounds up',
    smallest: 5,
    example: [filter(ALLOW, [range(0, R, 1, [0])]), read(0)],
    vm: class extends ReferenceVm {
      protected override bitOf(slot: number, index: number): number {
        const { start, end } = this.ranges;
        const whole = ((end[slot]! - start[slot]!) >>> 0) & ~63;
        return index - start[slot]! < whole ? super.bitOf(slot, index) : 0;
      }
    },
  },
  {
    id: 'default-inverted',
    title: 'the default action is inverted',
    cite: 'KVM_MSR_FILTER_DEFAULT_ALLOW is 0, _DENY is 1',
    smallest: 5,
    example: [filter(ALLOW, [range(0, W)]), read(0)],
    vm: class extends ReferenceVm {
      protected override activate(ranges: ReferenceVm['ranges'], defaultAllow: boolean): void {
        super.activate(ranges, !defaultAllow);
      }
    },
  },
  {
    id: 'default-kept',
    title: 'a new filter keeps the default of the one before',
    cite: 'the merged kvm_vm_ioctl_set_msr_filter() sets default_allow in the new filter object',
    smallest: 5,
    example: [filter(DENY, [range(0, W)]), read(0)],
    vm: class extends ReferenceVm {
      protected override activate(ranges: ReferenceVm['ranges']): void {
        super.activate(ranges, this.defaultAllow);
      }
    },
  },
]);
