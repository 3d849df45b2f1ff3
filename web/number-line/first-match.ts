/**
 * What a filter says of every MSR: the first range in slot order that covers it and names the direction, or the
 * default. Source: kvm_msr_allowed(), arch/x86/kvm/x86.c; api.rst, "KVM_X86_SET_MSR_FILTER".
 */
import { KVM_MSR_FILTER_DEFAULT_DENY, type MsrFilter, X2APIC_FIRST, X2APIC_LAST } from '../../src/model/filter.ts';
import { Cell, canMatch, cellOf, type RangeBits } from './range-bits.ts';
import { LINE_END } from './viewport.ts';

/** Who decides. */
export type Decider = number | 'default' | 'exempt';

interface Segment {
  readonly first: number;
  readonly end: number;
  readonly decider: Decider;
}

export class FirstMatch {
  private readonly segments: readonly Segment[];
  private readonly bits: readonly RangeBits[];
  private readonly denies: boolean;

  /** `flag`: `KVM_MSR_FILTER_READ` or `_WRITE`. `bits`: by slot. */
  constructor(filter: MsrFilter, bits: readonly RangeBits[], flag: number) {
    this.bits = bits;
    this.denies = (filter.flags & KVM_MSR_FILTER_DEFAULT_DENY) !== 0;
    const matching = bits.flatMap((entry, slot) => (canMatch(entry.range, flag) ? [{ entry, slot }] : []));
    const edges = matching.flatMap(({ entry }) => [entry.range.base, entry.end]);
    const cuts = [...new Set([0, LINE_END, X2APIC_FIRST, X2APIC_LAST + 1, ...edges])].sort((a, b) => a - b);
    this.segments = cuts.slice(0, -1).map((first, i) => {
      const owner = matching.find(({ entry }) => entry.range.base <= first && first < entry.end);
      const exempt = first >= X2APIC_FIRST && first <= X2APIC_LAST;
      return { first, end: cuts[i + 1]!, decider: exempt ? 'exempt' : (owner?.slot ?? 'default') };
    });
  }

  decider(index: number): Decider {
    return this.segments.findLast(({ first }) => first <= index)!.decider;
  }

  /** Of the MSRs [first, end). */
  cell(first: number, end: number): Cell {
    let [allow, deny, exempt] = [0, 0, 0];
    for (const segment of this.segments) {
      const [from, to] = [Math.max(first, segment.first), Math.min(end, segment.end)];
      if (from >= to) continue;
      if (segment.decider === 'exempt') exempt += to - from;
      else if (segment.decider === 'default')
        [allow, deny] = this.denies ? [allow, deny + to - from] : [allow + to - from, deny];
      else {
        const tally = this.bits[segment.decider]!.tally(from, to);
        [allow, deny] = [allow + tally.allow, deny + tally.deny];
      }
    }
    if (exempt === 0) return cellOf({ allow, deny, unmapped: 0 });
    return allow + deny === 0 ? Cell.EXEMPT : Cell.MIXED;
  }
}
