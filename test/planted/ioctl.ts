/** Mistakes in the two ioctls: what is accepted, which errno, and what a failure leaves. Planted in the reference. */
import { ReferenceVm } from '../../src/engines/reference.ts';
import type { MsrFilter, MsrFilterRange } from '../../src/model/filter.ts';
import type { CapEvent, FilterDelivery } from '../../src/model/scenario.ts';
import { ALLOW, bugsOf, cap, DENY, filter, R, range, withProfile } from './support.ts';

const EFAULT = -14;
const EINVAL = -22;
const CHECKS = 'kvm_add_msr_filter(), arch/x86/kvm/x86.c';
const UNUSED_BITS = 'cf5029d5dd7c "KVM: x86: Protect the unused bits in MSR exiting flags"';
const unmapped: MsrFilterRange = { ...range(0, R), bitmap: null };

/** A VM whose ioctl sees another filter than user space has passed. */
abstract class RewritingVm extends ReferenceVm {
  protected abstract rewrite(range: MsrFilterRange): MsrFilterRange;

  override setFilter(filter: MsrFilter, delivery: FilterDelivery): number {
    return super.setFilter({ ...filter, ranges: filter.ranges.map((range) => this.rewrite(range)) }, delivery);
  }
}

export const IOCTL_BUGS = bugsOf('ioctl', 'reference', [
  {
    id: 'empty-deny-accepted',
    title: 'an empty filter with DEFAULT_DENY is accepted',
    cite: '043248b3280c "KVM: x86: Forbid userspace MSR filters for x2APIC"',
    smallest: 1,
    example: [filter(DENY)],
    vm: withProfile({ emptyDenyRejected: false }),
  },
  {
    id: 'filter-flags-accepted',
    title: 'unknown filter flags are accepted',
    cite: UNUSED_BITS,
    smallest: 1,
    example: [filter(2)],
    vm: withProfile({ unknownFilterFlagsRejected: false }),
  },
  {
    id: 'range-flags-accepted',
    title: 'unknown flags of a range are accepted if it has a known one too',
    cite: CHECKS,
    smallest: 3,
    example: [filter(ALLOW, [range(0, 5)])],
    vm: class extends RewritingVm {
      protected override rewrite(range: MsrFilterRange): MsrFilterRange {
        return (range.flags & 3) === 0 ? range : { ...range, flags: range.flags & 3 };
      }
    },
  },
  {
    id: 'range-flags-0',
    title: 'a range without READ and WRITE is accepted',
    cite: CHECKS,
    smallest: 3,
    example: [filter(ALLOW, [range(0, 0)])],
    vm: class extends ReferenceVm {
      protected override checkRange(range: MsrFilterRange): number {
        return super.checkRange(range.flags === 0 ? { ...range, flags: 1 } : range);
      }
    },
  },
  {
    id: 'limit-one-high',
    title: '12,289 MSRs pass the size check',
    cite: 'KVM_MSR_FILTER_MAX_BITMAP_SIZE is 0x600 bytes',
    smallest: 12291,
    example: [filter(ALLOW, [range(0, R, 12289)])],
    vm: class extends ReferenceVm {
      protected override bitmapSize(nmsrs: number): number {
        return nmsrs === 12289 ? 1536 : super.bitmapSize(nmsrs);
      }
    },
  },
  {
    id: 'limit-one-low',
    title: '12,288 MSRs fail the size check',
    cite: 'KVM_MSR_FILTER_MAX_BITMAP_SIZE is 0x600 bytes',
    smallest: 12290,
    example: [filter(ALLOW, [range(0, R, 12288)])],
    vm: class extends ReferenceVm {
      protected override checkRange(range: MsrFilterRange): number {
        return super.checkRange(range.nmsrs === 12288 ? { ...range, nmsrs: 12289 } : range);
      }
    },
  },
  {
    id: 'size-in-32-bits',
    title: 'nmsrs + 63 is computed in 32 bits, so the largest counts look like empty ranges',
    cite: 'BITS_TO_LONGS(nmsrs) * sizeof(long) in 64 bits; "!bitmap_size" guards 32-bit kernels only',
    // The smallest count that wraps; the range has one bit per MSR in the size.
    smallest: 1 + 1 + 0xffff_ffc1,
    example: [filter(ALLOW, [range(0, R, 0xffff_ffc1)])],
    vm: class extends RewritingVm {
      protected override rewrite(range: MsrFilterRange): MsrFilterRange {
        return range.nmsrs > 0xffff_ffc0 ? { ...range, nmsrs: 0 } : range;
      }
    },
  },
  {
    id: 'rounded-to-bytes',
    title: 'the bitmap is read in bytes, not in 8-byte words, so a short buffer is no fault',
    cite: 'BITS_TO_LONGS(nmsrs) * sizeof(long) bytes are copied',
    smallest: 3,
    example: [filter(ALLOW, [range(0, R, 1, [], 1)])],
    vm: class extends ReferenceVm {
      protected override checkRange(range: MsrFilterRange): number {
        const whole = this.bitmapSize(range.nmsrs);
        if (range.bitmap === null || range.bitmap.length >= whole || whole > 1536) return super.checkRange(range);
        const padded = new Uint8Array(whole);
        return super.checkRange(range.bitmap.length * 8 >= range.nmsrs ? { ...range, bitmap: padded } : range);
      }
    },
  },
  {
    id: 'rounded-up-one-more',
    title: 'one 8-byte word too many is read when nmsrs is a multiple of 64',
    cite: 'BITS_TO_LONGS() is DIV_ROUND_UP(), not nmsrs / 64 + 1',
    smallest: 66,
    example: [filter(ALLOW, [range(0, R, 64)])],
    vm: class extends ReferenceVm {
      protected override checkRange(range: MsrFilterRange): number {
        const extra = range.nmsrs % 64 === 0 && range.nmsrs < 12288 ? 1 : 0;
        return super.checkRange({ ...range, nmsrs: range.nmsrs + extra });
      }
    },
  },
  {
    id: 'empty-slot-checked',
    title: 'the flags of a slot with nmsrs 0 are checked',
    cite: CHECKS,
    smallest: 2,
    example: [filter(ALLOW, [range(0, 0, 0)])],
    vm: class extends ReferenceVm {
      override setFilter(filter: MsrFilter, delivery: FilterDelivery): number {
        const bad = filter.ranges.some(({ nmsrs, flags }) => nmsrs === 0 && (flags === 0 || flags > 3));
        const error = super.setFilter(filter, delivery);
        return bad && error === 0 ? EINVAL : error;
      }
    },
  },
  {
    id: 'efault-for-einval',
    title: 'a bad range is answered with -EFAULT',
    cite: 'api.rst and kvm_add_msr_filter(): -EINVAL for flags and sizes',
    smallest: 3,
    example: [filter(ALLOW, [range(0, 0)])],
    vm: class extends ReferenceVm {
      protected override checkRange(range: MsrFilterRange): number {
        return super.checkRange(range) === 0 ? 0 : EFAULT;
      }
    },
  },
  {
    id: 'einval-for-efault',
    title: 'an unreadable bitmap is answered with -EINVAL',
    cite: 'memdup_user() returns -EFAULT',
    smallest: 3,
    example: [filter(ALLOW, [unmapped])],
    vm: class extends ReferenceVm {
      protected override checkRange(range: MsrFilterRange): number {
        return super.checkRange(range) === 0 ? 0 : EINVAL;
      }
    },
  },
  {
    id: 'copy-before-flags',
    title: 'the bitmap is copied before the flags of the range are checked',
    cite: 'order of Linux 5.10; later kernels check flags first',
    smallest: 3,
    example: [filter(ALLOW, [{ ...unmapped, flags: 0 }])],
    vm: withProfile({ rangeChecks: 'size-copy-flags' }),
  },
  {
    id: 'copies-first',
    title: 'all bitmaps are copied before any range is checked',
    cite: 'kvm_add_msr_filter() is called range by range',
    smallest: 5,
    example: [filter(ALLOW, [range(0, 0), unmapped])],
    vm: class extends ReferenceVm {
      override setFilter(filter: MsrFilter, delivery: FilterDelivery): number {
        const error = super.setFilter(filter, delivery);
        const fault = filter.ranges.some((range) => range.nmsrs > 0 && this.checkRange(range) === EFAULT);
        const inRanges = filter.flags <= 1 && filter.ranges.some(({ nmsrs }) => nmsrs > 0);
        return error === EINVAL && fault && inRanges ? EFAULT : error;
      }
    },
  },
  {
    id: 'compat-accepted',
    title: 'the 32-bit ioctl number is accepted from a 64-bit task',
    cite: '2e3272bc1790; the compat number goes to kvm_arch_vm_compat_ioctl() alone',
    smallest: 1,
    example: [filter(ALLOW, [], 'compat')],
    vm: class extends ReferenceVm {
      override setFilter(filter: MsrFilter, delivery: FilterDelivery): number {
        return super.setFilter(filter, delivery === 'compat' ? 'normal' : delivery);
      }
    },
  },
  {
    id: 'short-einval',
    title: 'an unreadable struct is answered with -EINVAL',
    cite: 'copy_from_user() fails with -EFAULT',
    smallest: 1,
    example: [filter(ALLOW, [], 'short')],
    vm: class extends ReferenceVm {
      override setFilter(filter: MsrFilter, delivery: FilterDelivery): number {
        return delivery === 'short' ? EINVAL : super.setFilter(filter, delivery);
      }
    },
  },
  {
    id: 'cap-bits-accepted',
    title: 'unknown bits of the exit mask are accepted',
    cite: UNUSED_BITS,
    smallest: 1,
    example: [cap(8)],
    vm: class extends ReferenceVm {
      override enableCap(event: CapEvent): number {
        return super.enableCap({ ...event, mask: event.mask & 7n });
      }
    },
  },
  {
    id: 'cap-high-bits-accepted',
    title: 'the exit mask is checked after it was truncated to 32 bits',
    cite: UNUSED_BITS,
    smallest: 1,
    example: [{ kind: 'cap', mask: 1n << 32n }],
    vm: class extends ReferenceVm {
      override enableCap(event: CapEvent): number {
        return super.enableCap({ ...event, mask: event.mask & 0xffff_ffffn });
      }
    },
  },
  {
    id: 'cap-flags-accepted',
    title: 'kvm_enable_cap.flags is not checked',
    cite: 'kvm_vm_ioctl_enable_cap(): "if (cap->flags) return -EINVAL"',
    smallest: 1,
    example: [cap(0, { flags: 1 })],
    vm: class extends ReferenceVm {
      override enableCap(event: CapEvent): number {
        return super.enableCap({ ...event, flags: 0 });
      }
    },
  },
  {
    id: 'cap-189-accepted',
    title: 'KVM_CAP_X86_MSR_FILTER can be enabled',
    cite: 'KVM_CAP_X86_MSR_FILTER is reported, not enabled: -EINVAL',
    smallest: 1,
    example: [cap(0, { cap: 189 })],
    vm: class extends ReferenceVm {
      override enableCap(event: CapEvent): number {
        return event.cap === 189 ? 0 : super.enableCap(event);
      }
    },
  },
]);
