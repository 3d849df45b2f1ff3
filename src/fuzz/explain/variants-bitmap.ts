/** Variants of what a range's bitmap or the default action say, once it is clear that they decide. */
import { ReferenceVm } from '../../engines/reference.ts';
import type { AccessType } from '../../model/verdict.ts';
import type { VariantDefinition } from './rule-variants.ts';

const BITS = 'api.rst, "KVM_X86_SET_MSR_FILTER": bit i of the bitmap (least significant first) stands for MSR base + i';
const SENSE = 'api.rst, "KVM_X86_SET_MSR_FILTER": a bit of 1 allows, 0 denies';
const DEFAULT = 'api.rst, "KVM_MSR_FILTER_DEFAULT_ALLOW" and "_DENY": what no range matches follows the default';

/** A VM that looks at another bit of the range's bitmap; bits past the copied bytes read as 0. */
function bitAt(position: (bit: number, index: number) => number): VariantDefinition['vm'] {
  return class extends ReferenceVm {
    protected override bitOf(range: number, index: number): number {
      const bit = position(index - this.ranges.start[range]!, index);
      return ((this.ranges.bitmap[range]![bit >>> 3] ?? 0) >>> (bit & 7)) & 1;
    }
  };
}

export const BITMAP_VARIANTS: readonly VariantDefinition[] = [
  {
    name: 'bit order reversed in a byte',
    sentence: 'the bits of each bitmap byte are read most significant first',
    source: BITS,
    vm: bitAt((bit) => bit ^ 7),
  },
  {
    name: 'byte order reversed in a word',
    sentence: 'the bitmap is read as big-endian 64-bit words',
    source: BITS,
    vm: bitAt((bit) => bit ^ 0x38),
  },
  {
    name: 'index masked with 0x5ff',
    sentence: 'the bit number is masked with 0x5ff, as if the size limit of 0x600 were a power of two',
    source: BITS,
    vm: bitAt((bit) => bit & 0x5ff),
  },
  {
    name: 'bit number cut to 8 bits',
    sentence: 'the bit number is cut to a byte, so that bit 256 is read as bit 0',
    source: BITS,
    vm: bitAt((bit) => bit & 0xff),
  },
  {
    name: 'bit of the index, not of its offset',
    sentence: 'the bit is looked up by the MSR index instead of its distance from base',
    source: BITS,
    vm: bitAt((_, index) => index),
  },
  {
    name: 'bit one too high',
    sentence: 'the bit of the next MSR of the range is looked at',
    source: BITS,
    vm: bitAt((bit) => bit + 1),
  },
  {
    name: 'bit sense inverted',
    sentence: 'a bit of 1 denies and a bit of 0 allows',
    source: SENSE,
    vm: class extends ReferenceVm {
      protected override bitOf(range: number, index: number): number {
        return 1 - super.bitOf(range, index);
      }
    },
  },
  {
    name: 'default action inverted',
    sentence: 'what no range matches is denied by DEFAULT_ALLOW and allowed by DEFAULT_DENY',
    source: DEFAULT,
    vm: class extends ReferenceVm {
      override allows(index: number, type: AccessType): boolean {
        const byDefault = !this.exempt(index) && this.ranges.count > 0 && this.decidingRange(index, type) < 0;
        return byDefault ? !this.defaultAllow : super.allows(index, type);
      }
    },
  },
  {
    name: 'default action ignored (allows)',
    sentence: 'what no range matches is allowed, also with DEFAULT_DENY',
    source: DEFAULT,
    vm: class extends ReferenceVm {
      override allows(index: number, type: AccessType): boolean {
        return this.decidingRange(index, type) < 0 || super.allows(index, type);
      }
    },
  },
  {
    name: 'default action ignored (denies)',
    sentence: 'what no range matches is denied, also with DEFAULT_ALLOW',
    source: DEFAULT,
    vm: class extends ReferenceVm {
      override allows(index: number, type: AccessType): boolean {
        const byDefault = !this.exempt(index) && this.ranges.count > 0 && this.decidingRange(index, type) < 0;
        return !byDefault && super.allows(index, type);
      }
    },
  },
  {
    name: 'every decision inverted',
    sentence: 'what the filter allows is denied and what it denies is allowed',
    source: SENSE,
    vm: class extends ReferenceVm {
      override allows(index: number, type: AccessType): boolean {
        return !super.allows(index, type);
      }
    },
  },
];
