/**
 * `struct kvm_msr_filter` as user space passes it to `KVM_X86_SET_MSR_FILTER`, invalid ones included.
 * Source: Documentation/virt/kvm/api.rst, section "KVM_X86_SET_MSR_FILTER".
 */

/** Slots in `struct kvm_msr_filter`. */
export const KVM_MSR_FILTER_MAX_RANGES = 16;
/** Largest bitmap that the kernel copies, in bytes: 12,288 MSRs. */
export const KVM_MSR_FILTER_MAX_BITMAP_SIZE = 0x600;
/** Largest `nmsrs` that the kernel accepts. */
export const KVM_MSR_FILTER_MAX_NMSRS = KVM_MSR_FILTER_MAX_BITMAP_SIZE * 8;

export const KVM_MSR_FILTER_DEFAULT_ALLOW = 0;
export const KVM_MSR_FILTER_DEFAULT_DENY = 1;
export const KVM_MSR_FILTER_VALID_MASK = 1;

export const KVM_MSR_FILTER_READ = 1;
export const KVM_MSR_FILTER_WRITE = 2;
export const KVM_MSR_FILTER_RANGE_VALID_MASK = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE;

/** First and last MSR index of the x2APIC window, which filters do not apply to (commit 9389b9d5d356). */
export const X2APIC_FIRST = 0x800;
export const X2APIC_LAST = 0x8ff;

/** One slot. Every field may hold any u32; the ioctl, not the type, decides what is valid. */
export interface MsrFilterRange {
  /** `KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE`, u32. */
  readonly flags: number;
  /** Number of MSRs (bits) in the bitmap, u32. 0 leaves the slot empty. */
  readonly nmsrs: number;
  /** First MSR index, u32. */
  readonly base: number;
  /**
   * The bytes that are readable at the user pointer, bit i of byte i / 8 (least significant first) for MSR
   * base + i, 1 = allow. The kernel reads `ceil(nmsrs / 64) * 8` bytes: a shorter array is memory that ends
   * there (-EFAULT), a longer one has bytes that are never looked at. `null`: a pointer to unmapped memory.
   */
  readonly bitmap: Uint8Array | null;
}

/** `struct kvm_msr_filter`, valid or not. */
export interface MsrFilter {
  /** `KVM_MSR_FILTER_DEFAULT_ALLOW` or `_DENY`; any u32. */
  readonly flags: number;
  /** At most 16 slots, in slot order. */
  readonly ranges: readonly MsrFilterRange[];
}

/** Errno values that the ioctls return, negative as in the kernel. */
export const E2BIG = -7;
export const EFAULT = -14;
export const EINVAL = -22;
export const ENOTTY = -25;
/** No errno of KVM's: what an older ABI has no call for, where that is to be compared. */
export const EOPNOTSUPP = -95;

export const KVM_CAP_X86_USER_SPACE_MSR = 188;
export const KVM_CAP_X86_MSR_FILTER = 189;

/** `KVM_MSR_EXIT_REASON_*`: bits of the `KVM_CAP_X86_USER_SPACE_MSR` mask, and `kvm_run.msr.reason`. */
export const KVM_MSR_EXIT_REASON_INVAL = 1;
export const KVM_MSR_EXIT_REASON_UNKNOWN = 2;
export const KVM_MSR_EXIT_REASON_FILTER = 4;
export const KVM_MSR_EXIT_REASON_VALID_MASK = 7;

export const MSR_IA32_TSC_DEADLINE = 0x6e0;
