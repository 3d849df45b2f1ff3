/** Mistakes in what an ioctl leaves behind: replacing, keeping and copying filters. Planted in the reference. */
import { ReferenceVm } from '../../src/engines/reference.ts';
import type { MsrFilter, MsrFilterRange } from '../../src/model/filter.ts';
import type { CapEvent, FilterDelivery } from '../../src/model/scenario.ts';
import { ALLOW, bugsOf, cap, DENY, filter, R, range, read, withProfile, write } from './support.ts';

const UNUSED_BITS = 'cf5029d5dd7c "KVM: x86: Protect the unused bits in MSR exiting flags"';
const unmapped: MsrFilterRange = { ...range(0, R), bitmap: null };

export const REPLACEMENT_BUGS = bugsOf('ioctl', 'reference', [
  {
    id: 'cleared-on-error',
    title: 'an ioctl that fails turns filtering off',
    cite: 'SRCU fix of March 2021 (b318e8decf6b): all or nothing',
    smallest: 6,
    example: [filter(ALLOW, [range(0, R)]), filter(DENY), read(0)],
    vm: class extends ReferenceVm {
      override setFilter(filter: MsrFilter, delivery: FilterDelivery): number {
        const error = super.setFilter(filter, delivery);
        if (error !== 0) super.setFilter({ flags: 0, ranges: [] }, 'normal');
        return error;
      }
    },
  },
  {
    id: 'half-replaced',
    title: 'an ioctl that fails leaves the ranges before the bad one',
    cite: 'SRCU fix of March 2021 (b318e8decf6b): the live filter was edited range by range',
    smallest: 7,
    example: [filter(ALLOW, [range(0, R), range(0, 0)]), read(0)],
    vm: withProfile({ replacement: 'in-place' }),
  },
  {
    id: 'filter-not-replaced',
    title: 'an empty filter leaves the one before in force',
    cite: 'api.rst: an empty filter with DEFAULT_ALLOW turns filtering off',
    smallest: 6,
    example: [filter(ALLOW, [range(0, R)]), filter(ALLOW), read(0)],
    vm: class extends ReferenceVm {
      protected override activate(ranges: ReferenceVm['ranges'], defaultAllow: boolean): void {
        if (ranges.count > 0) super.activate(ranges, defaultAllow);
      }
    },
  },
  {
    id: 'ranges-appended',
    title: 'a new filter adds its ranges to those of the one before',
    cite: 'KVM_X86_ADD_MSR_ALLOWLIST of the drafts (v2-v5) appended',
    smallest: 8,
    example: [filter(ALLOW, [range(0, R)]), filter(ALLOW, [range(0, 2)]), read(0)],
    vm: class extends ReferenceVm {
      override setFilter(filter: MsrFilter, delivery: FilterDelivery): number {
        const before = this.ranges;
        const error = super.setFilter(filter, delivery);
        if (error !== 0 || this.ranges.count === 0) return error;
        const { ranges } = this;
        for (let i = 0; i < before.count && ranges.count < 16; i++) {
          ranges.start[ranges.count] = before.start[i]!;
          ranges.end[ranges.count] = before.end[i]!;
          ranges.flags[ranges.count] = before.flags[i]!;
          ranges.bitmap[ranges.count] = before.bitmap[i]!;
          ranges.count++;
        }
        return error;
      }
    },
  },
  {
    id: 'bitmap-by-reference',
    title: "the user's bitmap is kept by reference",
    cite: 'memdup_user(): the kernel keeps a copy',
    smallest: 5,
    example: [filter(ALLOW, [range(0, R)], 'overwritten'), read(0)],
    vm: class extends ReferenceVm {
      override setFilter(filter: MsrFilter, delivery: FilterDelivery): number {
        const error = super.setFilter(filter, delivery);
        if (error !== 0 || delivery !== 'overwritten') return error;
        for (let i = 0; i < this.ranges.count; i++) {
          this.ranges.bitmap[i] = filter.ranges[this.ranges.slot[i]!]!.bitmap!;
        }
        return error;
      }
    },
  },
  {
    id: 'shared-bitmap',
    title: 'two ranges of the same size get the bitmap of the first',
    cite: 'api.rst: every range has its own pointer',
    smallest: 7,
    example: [filter(ALLOW, [range(0, 2), range(0, R, 1, [0])]), read(0)],
    vm: class extends ReferenceVm {
      protected override bitOf(slot: number, index: number): number {
        const { bitmap, start } = this.ranges;
        const first = bitmap.findIndex(({ length }) => length === bitmap[slot]!.length);
        const bit = index - start[slot]!;
        return (bitmap[first]![bit >>> 3]! >>> (bit & 7)) & 1;
      }
    },
  },
  {
    id: 'cap-stored-on-error',
    title: 'the exit mask is stored before it is checked',
    cite: UNUSED_BITS,
    smallest: 3,
    example: [cap(10), write(0)],
    vm: class extends ReferenceVm {
      override enableCap(event: CapEvent): number {
        const error = super.enableCap(event);
        this.mask = Number(event.mask & 7n);
        return error;
      }
    },
  },
]);

export const PROFILE_IOCTL_BUGS = bugsOf('ioctl', 'reference', [
  {
    id: 'early-swap',
    title: 'a failed ioctl leaves the old filter in the kernels that edited the live one',
    cite: 'Linux 5.10.0 to 5.10.26, before b318e8decf6b',
    profile: '5.10.0',
    smallest: 7,
    example: [filter(ALLOW, [range(0, R), range(0, 0)]), read(0)],
    vm: withProfile({ replacement: 'swap' }),
  },
  {
    id: 'early-flag-check',
    title: 'flags are checked before the copy in the kernels that copied first',
    cite: 'kvm_add_msr_filter() of Linux 5.10',
    profile: '5.10',
    smallest: 3,
    example: [filter(ALLOW, [{ ...unmapped, flags: 0 }])],
    vm: withProfile({ rangeChecks: 'flags-size-copy' }),
  },
]);
