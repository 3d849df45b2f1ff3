/** Mistakes in the exemption of the x2APIC MSRs from filters. Planted in the reference. */
import { ReferenceVm } from '../../src/engines/reference.ts';
import { ALLOW, bugsOf, cap, filter, R, range, read } from './support.ts';

const EXEMPTION = '9389b9d5d356 "KVM: x86: Ignore userspace MSR filters for x2APIC"';

export const EXEMPTION_BUGS = bugsOf('lookup', 'reference', [
  {
    id: 'x2apic-missing',
    title: 'no exemption of the x2APIC MSRs',
    cite: EXEMPTION,
    smallest: 6,
    example: [filter(ALLOW, [range(0x800, R)]), cap(1), read(0x800)],
    vm: class extends ReferenceVm {
      protected override exempt(): boolean {
        return false;
      }
    },
  },
  {
    id: 'x2apic-short',
    title: 'the exemption ends at 0x8fe',
    cite: EXEMPTION,
    smallest: 6,
    example: [filter(ALLOW, [range(0x8ff, R)]), cap(1), read(0x8ff)],
    vm: class extends ReferenceVm {
      protected override exempt(index: number): boolean {
        return index >= 0x800 && index < 0x8ff;
      }
    },
  },
  {
    id: 'x2apic-long',
    title: 'the exemption ends at 0x900',
    cite: EXEMPTION,
    smallest: 6,
    example: [filter(ALLOW, [range(0x900, R)]), cap(2), read(0x900)],
    vm: class extends ReferenceVm {
      protected override exempt(index: number): boolean {
        return index >= 0x800 && index <= 0x900;
      }
    },
  },
  {
    id: 'x2apic-one-low',
    title: 'the exemption is 0x7ff-0x8fe',
    cite: EXEMPTION,
    smallest: 6,
    example: [filter(ALLOW, [range(0x7ff, R)]), cap(2), read(0x7ff)],
    vm: class extends ReferenceVm {
      protected override exempt(index: number): boolean {
        return index >= 0x7ff && index < 0x8ff;
      }
    },
  },
  {
    id: 'x2apic-any-bits',
    title: 'the exemption looks at bits 8-11 of the index alone',
    cite: EXEMPTION,
    smallest: 6,
    example: [filter(ALLOW, [range(0x1800, R)]), cap(2), read(0x1800)],
    vm: class extends ReferenceVm {
      protected override exempt(index: number): boolean {
        return ((index >>> 8) & 15) === 8;
      }
    },
  },
]);

/** The exemption applied by a kernel that has none. */
export const PROFILE_EXEMPTION_BUGS = bugsOf('lookup', 'reference', [
  {
    id: 'early-exemption',
    title: 'the x2APIC exemption is applied by the kernel that did not have it',
    cite: '1a155254ff93 filters 0x800-0x8ff; 9389b9d5d356 exempts them',
    profile: '1a155254ff93',
    smallest: 6,
    example: [filter(ALLOW, [range(0x800, R)]), cap(1), read(0x800)],
    vm: class extends ReferenceVm {
      protected override exempt(index: number): boolean {
        return index >= 0x800 && index <= 0x8ff;
      }
    },
  },
]);
