/** What KVM_X86_SET_MSR_FILTER refuses. Results are the reference's, per profile. */
import {
  KVM_MSR_FILTER_MAX_NMSRS,
  KVM_MSR_FILTER_RANGE_VALID_MASK,
  KVM_MSR_FILTER_VALID_MASK,
  type MsrFilter,
} from '../../model/filter.ts';
import { hex } from '../../model/json-fields.ts';
import type { KernelProfile } from '../../model/profile.ts';
import { resultName } from '../../model/result-name.ts';
import { install } from '../decisions.ts';
import { profileNames } from '../profile-names.ts';
import { rangeErrno } from './analysis.ts';
import { bytesOfBits, bytesRead } from './bytes.ts';
import { type Finding, finding, type Where } from './finding.ts';
import type { Check } from './subject.ts';

/** `-EINVAL on 5.10.154 to 6.18; accepted on 5.10.0, 5.10` */
export function errnoText(profiles: readonly KernelProfile[], errno: (profile: KernelProfile) => number): string {
  const groups = new Map<number, string[]>();
  for (const profile of profiles) {
    const result = errno(profile);
    groups.set(result, [...(groups.get(result) ?? []), profile.id]);
  }
  return [...groups]
    .sort(([a], [b]) => a - b)
    .map(([result, ids]) => `${result === 0 ? 'accepted' : resultName('errno', result)} on ${profileNames(ids)}`)
    .join('; ');
}

/** Profiles that refuse, for `where`, unless all do. */
function refusing(profiles: readonly KernelProfile[], errno: (profile: KernelProfile) => number): Where {
  const ids = profiles.filter((profile) => errno(profile) !== 0).map(({ id }) => id);
  return ids.length === profiles.length ? {} : { profiles: ids };
}

export const checkFilterFlags: Check = ({ filter, profiles }) => {
  const unknown = (filter.flags & ~KVM_MSR_FILTER_VALID_MASK) >>> 0;
  if (unknown === 0) return [];
  const errno = (profile: KernelProfile): number => install({ flags: unknown, ranges: [] }, profile).errno;
  return [
    finding('filter-flags', {
      where: refusing(profiles, errno),
      message: `flags ${hex(filter.flags)} of the filter: bits ${hex(unknown)} are not defined: ${errnoText(profiles, errno)}`,
      mend: 'flags is 0 (KVM_MSR_FILTER_DEFAULT_ALLOW) or 1 (KVM_MSR_FILTER_DEFAULT_DENY)',
    }),
  ];
};

export const checkEmptyDeny: Check = ({ filter, profiles }) => {
  const deny = (filter.flags & 1) === 1 && filter.ranges.every(({ nmsrs }) => nmsrs === 0);
  if (!deny) return [];
  const errno = (profile: KernelProfile): number => install({ flags: 1, ranges: [] }, profile).errno;
  return [
    finding('empty-deny', {
      where: refusing(profiles, errno),
      message: `DEFAULT_DENY without a range: ${errnoText(profiles, errno)}; where accepted, it turns filtering off`,
      mend: 'to deny everything give a range of one MSR with bit 0; to turn filtering off use flags 0',
    }),
  ];
};

export const checkRanges: Check = ({ filter, profiles }) =>
  filter.ranges.flatMap((_, slot) => rangeFindings(filter, slot, profiles));

function rangeFindings({ ranges }: MsrFilter, slot: number, profiles: readonly KernelProfile[]): Finding[] {
  const range = ranges[slot]!;
  const { flags, nmsrs, bitmap } = range;
  // The kernel looks at nothing of such a slot.
  if (nmsrs === 0) return [];
  const errno = (profile: KernelProfile): number => rangeErrno(range, profile);
  const results = errnoText(profiles, errno);
  const where = { range: slot, ...refusing(profiles, errno) };
  const findings: Finding[] = [];
  if (flags === 0 || (flags & ~KVM_MSR_FILTER_RANGE_VALID_MASK) !== 0) {
    const what = flags === 0 ? 'flags 0 of the range name no access type' : `flags ${hex(flags)} of the range`;
    const mend = 'flags is 1 (KVM_MSR_FILTER_READ), 2 (KVM_MSR_FILTER_WRITE) or 3';
    findings.push(finding('range-flags', { where, message: `${what}: ${results}`, mend }));
  }
  if (nmsrs > KVM_MSR_FILTER_MAX_NMSRS) {
    const message = `nmsrs ${nmsrs}, more than ${KVM_MSR_FILTER_MAX_NMSRS} (a bitmap of 0x600 bytes): ${results}`;
    findings.push(finding('too-many-msrs', { where, message, mend: 'split the range; up to 16 ranges are possible' }));
  } else if (bitmap === null) {
    const mend = `point to ${bytesRead(nmsrs)} bytes; a slot that is not used has nmsrs 0`;
    findings.push(finding('bitmap-missing', { where, message: `the bitmap is not mapped: ${results}`, mend }));
  } else if (bitmap.length < bytesRead(nmsrs)) findings.push(shortBitmap(nmsrs, bitmap.length, where));
  return findings;
}

function shortBitmap(nmsrs: number, length: number, where: Where): Finding {
  const what = `bitmap of ${length} byte${length === 1 ? '' : 's'} for nmsrs ${nmsrs}; the kernel reads ${bytesRead(nmsrs)}, a multiple of 8`;
  const outcome = '-EFAULT if the memory ends there, else it copies what follows';
  const lost = length < bytesOfBits(nmsrs) ? `, which then decides MSRs from bit ${length * 8} on` : '';
  return finding('bitmap-short', {
    where,
    message: `${what}: ${outcome}${lost}`,
    mend: `allocate ceil(nmsrs / 64) * 8 = ${bytesRead(nmsrs)} bytes`,
  });
}
