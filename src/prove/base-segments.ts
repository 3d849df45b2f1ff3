/** A base table as segments: where its outcome changes, for one APIC mode. */
import type { BaseTable } from '../model/base.ts';
import { X2APIC_FIRST, X2APIC_LAST } from '../model/filter.ts';
import type { ApicMode } from '../model/scenario.ts';
import type { AccessType } from '../model/verdict.ts';
import { INDICES } from './runs.ts';

export class BaseSegments {
  /** First indices of the segments, ascending, the first 0: in each, both directions have one outcome each. */
  readonly cuts: Float64Array;
  private readonly base: BaseTable;
  private readonly apic: ApicMode;

  constructor(base: BaseTable, apic: ApicMode) {
    this.base = base;
    this.apic = apic;
    const points = new Set([0, X2APIC_FIRST, X2APIC_LAST + 1]);
    for (const { index } of base.rows()) points.add(index).add(index + 1);
    const sorted = Float64Array.from(points).sort();
    const both = (index: number): number => this.outcome(index, 0) | (this.outcome(index, 1) << 2);
    this.cuts = sorted.filter((index, i) => index < INDICES && (i === 0 || both(index) !== both(sorted[i - 1]!)));
  }

  /** `BaseOutcome` of an access. */
  outcome(index: number, type: AccessType): number {
    return this.base.outcome(index, type, this.apic);
  }

  /** The first index from <= index < to whose outcome satisfies the test; -1 if there is none. */
  find(from: number, to: number, type: AccessType, test: (outcome: number) => boolean): number {
    const { cuts } = this;
    for (let i = this.segmentOf(from); i < cuts.length && cuts[i]! < to; i++) {
      const at = Math.max(from, cuts[i]!);
      if (test(this.outcome(at, type))) return at;
    }
    return -1;
  }

  /** The segments from <= index <= last, first and last index each, ascending. */
  *between(from: number, last: number): Generator<[number, number]> {
    const { cuts } = this;
    for (let i = this.segmentOf(from); i < cuts.length && cuts[i]! <= last; i++) {
      yield [Math.max(from, cuts[i]!), Math.min(last, (cuts[i + 1] ?? INDICES) - 1)];
    }
  }

  private segmentOf(index: number): number {
    const { cuts } = this;
    let low = 0;
    let high = cuts.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (cuts[middle]! <= index) low = middle;
      else high = middle;
    }
    return low;
  }
}
