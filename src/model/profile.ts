/**
 * Kernel profiles: named sets of the rules that changed between releases.
 * Sources: the commits named at each field; api.rst of the release.
 */

/** The rules of a kernel: what changed between releases. */
export interface KernelProfile {
  /** The first release, or the commit, that it holds for. */
  readonly id: string;
  /** Releases that it holds for and what is special in them, in one line. */
  readonly title: string;
  /** Position in time as major * 1000 + minor; the catalogue's `since` / `until` refer to it. */
  readonly release: number;
  /** 0x800-0x8ff are exempt from filters (9389b9d5d356; absent in 1a155254ff93). */
  readonly x2apicExempt: boolean;
  /** All ranges empty with DEFAULT_DENY: -EINVAL (043248b3280c); before: accepted, filtering off. */
  readonly emptyDenyRejected: boolean;
  /** Unknown `kvm_msr_filter.flags` bits: -EINVAL (cf5029d5dd7c); before: ignored. */
  readonly unknownFilterFlagsRejected: boolean;
  /** Unknown bits in the exit mask: -EINVAL (cf5029d5dd7c); before: stored, truncated to 32 bits. */
  readonly unknownMaskBitsRejected: boolean;
  /** Order of the checks of one range, which decides between -EINVAL and -EFAULT. */
  readonly rangeChecks: 'size-copy-flags' | 'flags-size-copy';
  /**
   * `in-place`: the live filter is cleared, then edited range by range, so a failed ioctl leaves it half built
   * (before the SRCU fix of March 2021). `swap`: all or nothing.
   */
  readonly replacement: 'in-place' | 'swap';
  /**
   * When intercepts are re-synthesized after a filter change: from a shadow of KVM's wishes (to 6.16), or
   * recalculated from vCPU state (6.17 on).
   */
  readonly intercepts: 'shadow' | 'recalc';
  /**
   * Vendors whose exit fastpath completes WRMSR TSC_DEADLINE before the filter is asked: with the VMX
   * preemption timer only (kvm_can_use_hv_timer(), to 6.1 at least), or everywhere (6.18).
   */
  readonly tscDeadlineFastpath: { readonly vmx: boolean; readonly svm: boolean };
  /** vmcs02 / vmcb02 honour L0's filter for FS/GS/KERNEL_GS_BASE (67f4b9969c30). */
  readonly nestedHonoursFilterForBases: boolean;
}

const V6_1: KernelProfile = {
  id: '6.1',
  title: 'Linux 6.1 to 6.16: shadow intercepts, flags checked first',
  release: 6001,
  x2apicExempt: true,
  emptyDenyRejected: true,
  unknownFilterFlagsRejected: true,
  unknownMaskBitsRejected: true,
  rangeChecks: 'flags-size-copy',
  replacement: 'swap',
  intercepts: 'shadow',
  tscDeadlineFastpath: { vmx: true, svm: false },
  nestedHonoursFilterForBases: true,
};

const V5_10: KernelProfile = {
  ...V6_1,
  id: '5.10',
  title: 'Linux 5.10.27 to 5.10.153: unknown flags ignored, size and copy before flags',
  release: 5010,
  unknownFilterFlagsRejected: false,
  unknownMaskBitsRejected: false,
  rangeChecks: 'size-copy-flags',
  nestedHonoursFilterForBases: false,
};

/** Range checks as before, flags of filter and exit mask as after: measured on Debian's 5.10.223 (docs/findings.md). */
const V5_10_154: KernelProfile = {
  ...V5_10,
  id: '5.10.154',
  title: 'Linux 5.10.154 on: unknown flags rejected, size and copy before range flags',
  unknownFilterFlagsRejected: true,
  unknownMaskBitsRejected: true,
};

const V5_10_0: KernelProfile = {
  ...V5_10,
  id: '5.10.0',
  title: 'Linux 5.10.0 to 5.10.26: a failed ioctl leaves a half-built filter',
  replacement: 'in-place',
};

const ORIGINAL: KernelProfile = {
  ...V5_10_0,
  id: '1a155254ff93',
  title: 'the commit that introduced filtering: no x2APIC exemption, empty + DENY accepted',
  release: 5009,
  x2apicExempt: false,
  emptyDenyRejected: false,
};

const V6_18: KernelProfile = {
  ...V6_1,
  id: '6.18',
  title: 'Linux 6.17 on: intercepts recalculated, fastpath without the timer condition',
  release: 6018,
  intercepts: 'recalc',
  tscDeadlineFastpath: { vmx: true, svm: true },
};

/** Oldest first. */
export const KERNEL_PROFILES: readonly KernelProfile[] = [ORIGINAL, V5_10_0, V5_10, V5_10_154, V6_1, V6_18];
export const NEWEST_PROFILE: KernelProfile = V6_18;

/** The profile of that id, or of `newest`; undefined if there is none. */
export function findProfile(id: string): KernelProfile | undefined {
  return id === 'newest' ? NEWEST_PROFILE : KERNEL_PROFILES.find((profile) => profile.id === id);
}

/** Patch levels of 5.10.y from which on its profiles hold. */
const LEVELS_5_10: readonly (readonly [number, KernelProfile])[] = [
  [154, V5_10_154],
  [27, V5_10],
  [0, V5_10_0],
];

/**
 * The newest profile that is not newer than a kernel release; undefined if none is. Takes what has a release in it:
 * "6.12.115+deb12", or a whole "Linux 5.10.0-32-amd64 (#1 SMP Debian 5.10.223-1)", where the distribution's own number
 * counts, because the other one does not have the patch level.
 */
export function profileOfRelease(release: string): KernelProfile | undefined {
  const match = /Debian (\d+)\.(\d+)\.(\d+)/.exec(release) ?? /(\d+)\.(\d+)(?:\.(\d+))?/.exec(release);
  if (!match) return undefined;
  const [major, minor, level] = [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
  const position = major * 1000 + minor;
  // 6.17 introduced the recalculation that the 6.18 profile stands for.
  if (position === 6017) return V6_18;
  if (position === V5_10.release) return LEVELS_5_10.find(([from]) => level >= from)![1];
  return KERNEL_PROFILES.filter((profile) => profile.release <= position).at(-1);
}
