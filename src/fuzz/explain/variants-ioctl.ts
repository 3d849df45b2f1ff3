/** Variants of what the two ioctls accept: errno values and the order of the checks. */
import type { VmConfig } from '../../engines/contract.ts';
import { ReferenceVm } from '../../engines/reference.ts';
import {
  EFAULT,
  EINVAL,
  KVM_MSR_FILTER_MAX_BITMAP_SIZE,
  KVM_MSR_FILTER_RANGE_VALID_MASK,
  type MsrFilter,
  type MsrFilterRange,
} from '../../model/filter.ts';
import type { KernelProfile } from '../../model/profile.ts';
import type { CapEvent, FilterDelivery } from '../../model/scenario.ts';
import type { AccessType } from '../../model/verdict.ts';
import type { VariantDefinition } from './rule-variants.ts';

const SET_FILTER = 'kvm_vm_ioctl_set_msr_filter(), arch/x86/kvm/x86.c';
const ADD = 'kvm_add_msr_filter(), arch/x86/kvm/x86.c';
const SIZE = `${ADD}: BITS_TO_LONGS(nmsrs) * sizeof(long) bytes, at most KVM_MSR_FILTER_MAX_BITMAP_SIZE`;
const EMPTY = `${SET_FILTER}: no range and DEFAULT_DENY is -EINVAL; commit 043248b3280c`;
const CAP = 'kvm_vm_ioctl_enable_cap(), arch/x86/kvm/x86.c';

type ReferenceVmClass = new (config: VmConfig) => ReferenceVm;

/** A VM of a kernel in which one rule is another release's. */
function inKernel(change: (profile: KernelProfile) => Partial<KernelProfile>): ReferenceVmClass {
  return class extends ReferenceVm {
    constructor(config: VmConfig) {
      super({ ...config, profile: { ...config.profile, ...change(config.profile) } });
    }
  };
}

/** A VM that copies another number of bytes for nmsrs bits. */
function sizeOf(bytes: (nmsrs: number) => number): VariantDefinition['vm'] {
  return class extends ReferenceVm {
    protected override bitmapSize(nmsrs: number): number {
      return bytes(nmsrs);
    }
  };
}

/** A VM that sees a range changed when it checks it. */
function checked(change: (range: MsrFilterRange) => MsrFilterRange): VariantDefinition['vm'] {
  return class extends ReferenceVm {
    protected override checkRange(range: MsrFilterRange): number {
      return super.checkRange(change(range));
    }
  };
}

export const IOCTL_VARIANTS: readonly VariantDefinition[] = [
  {
    name: 'unknown filter flags accepted',
    sentence: 'bits of kvm_msr_filter.flags other than DEFAULT_DENY are ignored instead of -EINVAL',
    source: `${SET_FILTER}; commit cf5029d5dd7c`,
    vm: inKernel(() => ({ unknownFilterFlagsRejected: false })),
  },
  {
    name: 'unknown filter flags rejected',
    sentence: 'bits of kvm_msr_filter.flags other than DEFAULT_DENY are -EINVAL, which this kernel ignores',
    source: `${SET_FILTER} before commit cf5029d5dd7c`,
    vm: inKernel(() => ({ unknownFilterFlagsRejected: true })),
  },
  {
    name: 'empty DENY accepted',
    sentence: 'a filter without ranges and DEFAULT_DENY is accepted and turns filtering off, instead of -EINVAL',
    source: EMPTY,
    vm: inKernel(() => ({ emptyDenyRejected: false })),
  },
  {
    name: 'empty DENY denies everything',
    sentence: 'a filter without ranges and DEFAULT_DENY is accepted and denies everything, instead of -EINVAL',
    source: EMPTY,
    vm: class extends inKernel(() => ({ emptyDenyRejected: false })) {
      override allows(index: number, type: AccessType): boolean {
        return (this.ranges.count > 0 || this.defaultAllow || this.exempt(index)) && super.allows(index, type);
      }
    },
  },
  {
    name: 'nmsrs limit 12289',
    sentence: 'a range of 12,289 MSRs is accepted, one more than fits into 0x600 bytes',
    source: SIZE,
    vm: checked((range) => (range.nmsrs === 12289 ? { ...range, nmsrs: 12288 } : range)),
  },
  {
    name: 'bitmap of 0x600 bytes rejected',
    sentence: 'a bitmap of exactly 0x600 bytes (12,225 to 12,288 MSRs) is -EINVAL',
    source: SIZE,
    vm: class extends ReferenceVm {
      protected override checkRange(range: MsrFilterRange): number {
        const full = this.bitmapSize(range.nmsrs) === KVM_MSR_FILTER_MAX_BITMAP_SIZE;
        return super.checkRange(full ? { ...range, nmsrs: 12289 } : range);
      }
    },
  },
  {
    name: 'no limit of nmsrs',
    sentence: 'a range of more than 12,288 MSRs is accepted if its bitmap can be read',
    source: SIZE,
    vm: class extends ReferenceVm {
      protected override checkRange(range: MsrFilterRange): number {
        if (this.bitmapSize(range.nmsrs) <= KVM_MSR_FILTER_MAX_BITMAP_SIZE) return super.checkRange(range);
        const flags = super.checkRange({ ...range, nmsrs: 1, bitmap: new Uint8Array(8) });
        if (flags !== 0 && this.config.profile.rangeChecks === 'flags-size-copy') return flags;
        return (range.bitmap?.length ?? 0) < this.bitmapSize(range.nmsrs) ? EFAULT : flags;
      }
    },
  },
  {
    name: 'bitmap size rounded to bytes',
    sentence: 'nmsrs is rounded up to bytes instead of 64-bit words, so that shorter bitmaps are accepted',
    source: SIZE,
    vm: sizeOf((nmsrs) => Math.ceil(nmsrs / 8)),
  },
  {
    name: 'bitmap size rounded to 32-bit words',
    sentence: 'nmsrs is rounded up to 32-bit words instead of 64-bit words, as a 32-bit kernel does',
    source: SIZE,
    vm: sizeOf((nmsrs) => Math.ceil(nmsrs / 32) * 4),
  },
  {
    name: 'bitmap size rounded down',
    sentence: 'nmsrs is rounded down to bytes, so that the last bits are not copied and read as 0',
    source: SIZE,
    vm: sizeOf((nmsrs) => Math.floor(nmsrs / 8)),
  },
  {
    name: 'range checks in the other order',
    sentence: 'range flags and bitmap are checked in the other order, which exchanges -EINVAL and -EFAULT',
    source: `${ADD}: size, copy, flags (5.10); flags, size, copy (later)`,
    vm: inKernel(({ rangeChecks }) => ({
      rangeChecks: rangeChecks === 'flags-size-copy' ? 'size-copy-flags' : 'flags-size-copy',
    })),
  },
  {
    name: 'range flags 0 accepted',
    sentence: 'a range whose flags name no access type is accepted instead of -EINVAL',
    source: `${ADD}: !range->flags is -EINVAL`,
    vm: checked((range) => (range.flags === 0 ? { ...range, flags: 1 } : range)),
  },
  {
    name: 'unknown range flags accepted',
    sentence: 'unknown bits in the flags of a range are ignored instead of -EINVAL',
    source: `${ADD}: flags & ~(READ | WRITE) is -EINVAL`,
    vm: checked((range) => ({ ...range, flags: range.flags & KVM_MSR_FILTER_RANGE_VALID_MASK })),
  },
  {
    name: 'flags of empty slots checked',
    sentence: 'a slot with nmsrs = 0 and invalid flags is -EINVAL instead of being skipped',
    source: `${ADD}: a slot with nmsrs = 0 is skipped before anything else of it is looked at`,
    vm: class extends ReferenceVm {
      override setFilter(filter: MsrFilter, delivery: FilterDelivery): number {
        // Checked as a range of one MSR with a bitmap; what is rejected then is the flags.
        const ranges = filter.ranges.map((range) =>
          range.nmsrs === 0 && (range.flags === 0 || range.flags > 3) ? { ...range, nmsrs: 1 } : range,
        );
        const error = super.setFilter(filter, delivery);
        return error === 0 && ranges.some((range, i) => range !== filter.ranges[i]) ? EINVAL : error;
      }
    },
  },
  {
    name: '32-bit ioctl number accepted',
    sentence: 'the 32-bit ioctl number from a 64-bit task sets the filter instead of -ENOTTY',
    source: 'kvm_arch_vm_compat_ioctl(), arch/x86/kvm/x86.c: reached from 32-bit tasks only',
    vm: class extends ReferenceVm {
      override setFilter(filter: MsrFilter, delivery: FilterDelivery): number {
        return super.setFilter(filter, delivery === 'compat' ? 'normal' : delivery);
      }
    },
  },
  {
    name: 'unknown mask bits accepted',
    sentence: 'bits of the exit mask other than INVAL, UNKNOWN and FILTER are accepted instead of -EINVAL',
    source: `${CAP}; commit cf5029d5dd7c`,
    vm: inKernel(() => ({ unknownMaskBitsRejected: false })),
  },
  {
    name: 'exit mask checked in 32 bits',
    sentence: 'unknown bits of the exit mask from bit 32 on are cut off instead of -EINVAL',
    source: `${CAP}: args[0] is a u64`,
    vm: class extends ReferenceVm {
      override enableCap(event: CapEvent): number {
        return super.enableCap({ ...event, mask: event.mask & 0xffff_ffffn });
      }
    },
  },
  {
    name: 'capability flags ignored',
    sentence: 'kvm_enable_cap.flags other than 0 is accepted instead of -EINVAL',
    source: `${CAP}: cap->flags other than 0 is -EINVAL`,
    vm: class extends ReferenceVm {
      override enableCap(event: CapEvent): number {
        return super.enableCap({ ...event, flags: 0 });
      }
    },
  },
  {
    name: 'KVM_CAP_X86_MSR_FILTER enables exits',
    sentence: 'enabling capability 189 is accepted instead of -EINVAL',
    source: `${CAP}: the exit mask is KVM_CAP_X86_USER_SPACE_MSR (188)`,
    vm: class extends ReferenceVm {
      override enableCap(event: CapEvent): number {
        return super.enableCap({ ...event, cap: event.cap === 189 ? 188 : (event.cap ?? 188) });
      }
    },
  },
];
