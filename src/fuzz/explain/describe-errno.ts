/** Why the two ioctls answer as they do: the first check, in the kernel's order, that fails. */
import {
  EFAULT,
  EINVAL,
  ENOTTY,
  KVM_CAP_X86_USER_SPACE_MSR,
  KVM_MSR_FILTER_MAX_BITMAP_SIZE,
  type MsrFilterRange,
} from '../../model/filter.ts';
import { hex } from '../../model/json-fields.ts';
import type { KernelProfile } from '../../model/profile.ts';
import type { CapEvent, FilterEvent } from '../../model/scenario.ts';

/** The documented answer and the check that gives it. */
export interface DocumentedAnswer {
  readonly errno: number;
  readonly rule: string;
}

/** What a kernel of the profile documents for the ioctl. */
export function documentedErrno(event: FilterEvent | CapEvent, profile: KernelProfile): DocumentedAnswer {
  return event.kind === 'cap' ? documentedCap(event, profile) : documentedFilter(event, profile);
}

function documentedCap({ mask, flags = 0, cap = KVM_CAP_X86_USER_SPACE_MSR }: CapEvent, profile: KernelProfile) {
  if (cap !== KVM_CAP_X86_USER_SPACE_MSR) return refused(`capability ${cap} cannot be enabled`);
  if (flags !== 0) return refused(`kvm_enable_cap.flags ${hex(flags)} is not 0`);
  if (mask > 7n && profile.unknownMaskBitsRejected) return refused(`exit mask ${hex(mask)} has bits other than 0x7`);
  return { errno: 0, rule: 'the exit mask is accepted' };
}

function documentedFilter({ filter, delivery }: FilterEvent, profile: KernelProfile): DocumentedAnswer {
  const { flags, ranges } = filter;
  if (delivery === 'compat') return { errno: ENOTTY, rule: 'the 32-bit ioctl number from a 64-bit task is unknown' };
  if (delivery === 'short') return { errno: EFAULT, rule: 'struct kvm_msr_filter cannot be read whole' };
  if (profile.unknownFilterFlagsRejected && flags > 1) return refused(`filter flags ${hex(flags)} has unknown bits`);
  if (profile.emptyDenyRejected && (flags & 1) === 1 && ranges.every(({ nmsrs }) => nmsrs === 0))
    return refused('DEFAULT_DENY without any range');
  for (const [slot, range] of ranges.entries()) {
    if (range.nmsrs === 0) continue;
    const bad = badRange(range, `range ${slot}`, profile);
    if (bad) return bad;
  }
  return { errno: 0, rule: 'the filter passes every check' };
}

function badRange(
  { flags, nmsrs, bitmap }: MsrFilterRange,
  name: string,
  profile: KernelProfile,
): DocumentedAnswer | undefined {
  const wrongFlags = flags === 0 || flags > 3 ? refused(`${name}: flags ${hex(flags)} is not r, w or rw`) : undefined;
  if (profile.rangeChecks === 'flags-size-copy' && wrongFlags) return wrongFlags;
  const size = Math.ceil(nmsrs / 64) * 8;
  const most = KVM_MSR_FILTER_MAX_BITMAP_SIZE;
  if (size > most) return refused(`${name}: nmsrs ${nmsrs} needs ${size} bytes, more than ${most}`);
  if (bitmap === null) return { errno: EFAULT, rule: `${name}: the bitmap pointer is not mapped` };
  if (bitmap.length < size)
    return { errno: EFAULT, rule: `${name}: ${bitmap.length} of ${size} bitmap bytes can be read` };
  return wrongFlags;
}

function refused(rule: string): DocumentedAnswer {
  return { errno: EINVAL, rule };
}
