/** Variants of which range decides: matching, order, flags, the u32 wrap and the x2APIC window. */
import { ReferenceVm } from '../../engines/reference.ts';
import { KVM_MSR_FILTER_READ, KVM_MSR_FILTER_WRITE, X2APIC_FIRST, X2APIC_LAST } from '../../model/filter.ts';
import { ApicMode } from '../../model/scenario.ts';
import { AccessType } from '../../model/verdict.ts';
import type { VariantDefinition } from './rule-variants.ts';

const MATCH = 'kvm_msr_allowed(), arch/x86/kvm/x86.c: index >= start && index < end && (flags & type)';
const ORDER = 'kvm_msr_allowed(), arch/x86/kvm/x86.c: the scan stops at the first range that matches';
const FLAGS = 'api.rst, "KVM_X86_SET_MSR_FILTER": a range applies to the access types that its flags name';
const WRAP = 'kvm_msr_allowed(), arch/x86/kvm/x86.c: the end of a range is a u32, so a range that wraps is empty';
const WINDOW =
  'api.rst, "KVM_X86_SET_MSR_FILTER": x2APIC MSR accesses (0x800-0x8ff) cannot be filtered; commit 9389b9d5d356';

/** The reference's scan with its two conditions apart, so that a variant replaces one of them. */
class ScanVm extends ReferenceVm {
  protected inside(range: number, index: number): boolean {
    return index >= this.ranges.start[range]! && index < this.ranges.end[range]!;
  }

  protected names(range: number, type: AccessType): boolean {
    return (this.ranges.flags[range]! & flagOf(type)) !== 0;
  }

  protected nmsrs(range: number): number {
    return (this.ranges.end[range]! - this.ranges.start[range]!) >>> 0;
  }

  /** Active ranges that match, in order of slots. */
  protected matching(index: number, type: AccessType): number[] {
    const found: number[] = [];
    for (let i = 0; i < this.ranges.count; i++) if (this.inside(i, index) && this.names(i, type)) found.push(i);
    return found;
  }

  protected override decidingRange(index: number, type: AccessType): number {
    return this.matching(index, type)[0] ?? -1;
  }
}

function flagOf(type: AccessType): number {
  return type === AccessType.READ ? KVM_MSR_FILTER_READ : KVM_MSR_FILTER_WRITE;
}

/** A VM whose x2APIC window is another one, in kernels that have the exemption. */
function window(first: number, last: number): VariantDefinition['vm'] {
  return class extends ReferenceVm {
    protected override exempt(index: number): boolean {
      return this.config.profile.x2apicExempt && index >= first && index <= last;
    }
  };
}

export const RANGE_VARIANTS: readonly VariantDefinition[] = [
  {
    name: 'range end inclusive',
    sentence: 'a range also covers the MSR at base + nmsrs, one past its last',
    source: MATCH,
    vm: class extends ScanVm {
      protected override inside(range: number, index: number): boolean {
        return index >= this.ranges.start[range]! && index <= this.ranges.end[range]!;
      }
    },
  },
  {
    name: 'range start exclusive',
    sentence: 'a range does not cover the MSR at its base',
    source: MATCH,
    vm: class extends ScanVm {
      protected override inside(range: number, index: number): boolean {
        return index > this.ranges.start[range]! && index < this.ranges.end[range]!;
      }
    },
  },
  {
    name: 'range one short at the end',
    sentence: 'a range does not cover its last MSR, at base + nmsrs - 1',
    source: MATCH,
    vm: class extends ScanVm {
      protected override inside(range: number, index: number): boolean {
        return index >= this.ranges.start[range]! && index < this.ranges.end[range]! - 1;
      }
    },
  },
  {
    name: 'last match wins',
    sentence: 'of several ranges that match, the last decides instead of the first',
    source: ORDER,
    vm: class extends ScanVm {
      protected override decidingRange(index: number, type: AccessType): number {
        return this.matching(index, type).at(-1) ?? -1;
      }
    },
  },
  {
    name: 'shortest match wins',
    sentence: 'of several ranges that match, the one with the fewest MSRs decides instead of the first',
    source: ORDER,
    vm: class extends ScanVm {
      protected override decidingRange(index: number, type: AccessType): number {
        const [first = -1, ...more] = this.matching(index, type);
        return more.reduce((best, range) => (this.nmsrs(range) < this.nmsrs(best) ? range : best), first);
      }
    },
  },
  {
    name: 'any denying match wins',
    sentence: 'of several ranges that match, one that denies decides instead of the first',
    source: ORDER,
    vm: class extends ScanVm {
      protected override decidingRange(index: number, type: AccessType): number {
        const found = this.matching(index, type);
        return found.find((range) => this.bitOf(range, index) === 0) ?? found[0] ?? -1;
      }
    },
  },
  {
    name: 'any allowing match wins',
    sentence: 'of several ranges that match, one that allows decides instead of the first',
    source: ORDER,
    vm: class extends ScanVm {
      protected override decidingRange(index: number, type: AccessType): number {
        const found = this.matching(index, type);
        return found.find((range) => this.bitOf(range, index) === 1) ?? found[0] ?? -1;
      }
    },
  },
  {
    name: 'only the first 15 ranges',
    sentence: 'the sixteenth range is never looked at',
    source: 'KVM_MSR_FILTER_MAX_RANGES is 16, arch/x86/include/uapi/asm/kvm.h',
    vm: class extends ScanVm {
      protected override matching(index: number, type: AccessType): number[] {
        return super.matching(index, type).filter((range) => range < 15);
      }
    },
  },
  {
    name: 'holes end the scan',
    sentence: 'ranges behind an empty slot (nmsrs = 0) are never looked at',
    source: 'kvm_add_msr_filter(), arch/x86/kvm/x86.c: a slot with nmsrs = 0 is skipped',
    vm: class extends ScanVm {
      protected override matching(index: number, type: AccessType): number[] {
        return super.matching(index, type).filter((range) => this.ranges.slot[range] === range);
      }
    },
  },
  {
    name: 'range flags ignored',
    sentence: 'a range decides reads and writes whatever its flags name',
    source: FLAGS,
    vm: class extends ScanVm {
      protected override names(): boolean {
        return true;
      }
    },
  },
  {
    name: 'range flags compared for equality',
    sentence: 'a range with both flags decides neither reads nor writes',
    source: FLAGS,
    vm: class extends ScanVm {
      protected override names(range: number, type: AccessType): boolean {
        return this.ranges.flags[range] === flagOf(type);
      }
    },
  },
  {
    name: 'read and write flags exchanged',
    sentence: 'ranges for reads decide writes, and ranges for writes decide reads',
    source: FLAGS,
    vm: class extends ScanVm {
      protected override names(range: number, type: AccessType): boolean {
        return super.names(range, (1 - type) as AccessType);
      }
    },
  },
  {
    name: 'unnamed access type denied',
    sentence: 'a range that covers the MSR and does not name the access type denies instead of being passed over',
    source: FLAGS,
    vm: class extends ScanVm {
      protected override names(): boolean {
        return true;
      }

      protected override bitOf(range: number, index: number): number {
        return this.asked === undefined || super.names(range, this.asked) ? super.bitOf(range, index) : 0;
      }

      private asked: AccessType | undefined;

      override allows(index: number, type: AccessType): boolean {
        this.asked = type;
        return super.allows(index, type);
      }
    },
  },
  {
    name: 'u32 wrap not honoured (64-bit end)',
    sentence: 'base + nmsrs is not cut to 32 bits, so a range that wraps covers the MSRs up to 0xffffffff',
    source: WRAP,
    vm: class extends ScanVm {
      protected override inside(range: number, index: number): boolean {
        const start = this.ranges.start[range]!;
        return index >= start && index < start + this.nmsrs(range);
      }
    },
  },
  {
    name: 'ranges wrap around to 0',
    sentence: 'a range that wraps covers the MSRs up to 0xffffffff and goes on at 0',
    source: WRAP,
    vm: class extends ScanVm {
      protected override inside(range: number, index: number): boolean {
        return (index - this.ranges.start[range]!) >>> 0 < this.nmsrs(range);
      }
    },
  },
  {
    name: 'signed comparison of indices',
    sentence: 'indices are compared as signed numbers, so 0x80000000 and above come before 0',
    source: 'kvm_msr_allowed(), arch/x86/kvm/x86.c: u32 index, start, end',
    vm: class extends ScanVm {
      protected override inside(range: number, index: number): boolean {
        return (index | 0) >= (this.ranges.start[range]! | 0) && (index | 0) < (this.ranges.end[range]! | 0);
      }
    },
  },
  {
    name: 'x2APIC exemption missing',
    sentence: 'the filter is asked about the x2APIC MSRs 0x800-0x8ff too',
    source: WINDOW,
    vm: window(1, 0),
  },
  {
    name: 'x2APIC exemption ends at 0x8fe',
    sentence: 'the filter is asked about 0x8ff, the last x2APIC MSR',
    source: WINDOW,
    vm: window(X2APIC_FIRST, 0x8fe),
  },
  {
    name: 'x2APIC exemption ends at 0x900',
    sentence: 'the filter is not asked about 0x900, one past the x2APIC MSRs',
    source: WINDOW,
    vm: window(X2APIC_FIRST, 0x900),
  },
  {
    name: 'x2APIC exemption starts at 0x801',
    sentence: 'the filter is asked about 0x800, the first x2APIC MSR',
    source: WINDOW,
    vm: window(0x801, X2APIC_LAST),
  },
  {
    name: 'x2APIC exemption starts at 0x7ff',
    sentence: 'the filter is not asked about 0x7ff, one before the x2APIC MSRs',
    source: WINDOW,
    vm: window(0x7ff, X2APIC_LAST),
  },
  {
    name: 'x2APIC exemption ends at 0x83f',
    sentence: 'the filter is asked about 0x840-0x8ff, which lie behind the registers that exist',
    source: WINDOW,
    vm: window(X2APIC_FIRST, 0x83f),
  },
  {
    name: 'x2APIC exemption ends at 0xbff',
    sentence: 'the filter is not asked about 0x900-0xbff, which older manuals reserved for the x2APIC',
    source: WINDOW,
    vm: window(X2APIC_FIRST, 0xbff),
  },
  {
    name: 'x2APIC exemption in x2APIC mode only',
    sentence: 'the filter is asked about 0x800-0x8ff unless the APIC is in x2APIC mode',
    source: WINDOW,
    vm: class extends ReferenceVm {
      protected override exempt(index: number): boolean {
        return this.apic === ApicMode.X2APIC && super.exempt(index);
      }
    },
  },
];
