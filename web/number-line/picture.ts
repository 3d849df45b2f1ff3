/** What the picture of a filter shows, worked out from the filter and the accesses once, not on every frame. */
import { KVM_MSR_FILTER_READ, KVM_MSR_FILTER_WRITE, type MsrFilter } from '../../src/model/filter.ts';
import { FirstMatch } from './first-match.ts';
import { type Cell, RangeBits } from './range-bits.ts';

/** One access, with what it came to. */
export interface Marker {
  readonly index: number;
  readonly write: boolean;
  /** The verdict that all engines gave, "≠" if they differ; undefined while it is not known. */
  readonly verdict: string | undefined;
  readonly differs: boolean;
}

export interface Lane {
  readonly label: string;
  /** R, W or both, for a range; which direction is decided, for a decision. */
  readonly letters: string;
  readonly kind: 'range' | 'decision';
  readonly cell: (first: number, end: number) => Cell;
}

export interface Picture {
  readonly lanes: readonly Lane[];
  readonly bits: readonly RangeBits[];
  readonly markers: readonly Marker[];
  readonly deciders: { readonly read: FirstMatch; readonly write: FirstMatch };
}

export function pictureOf(filter: MsrFilter, markers: readonly Marker[]): Picture {
  const bits = filter.ranges.map((range) => new RangeBits(range));
  const read = new FirstMatch(filter, bits, KVM_MSR_FILTER_READ);
  const write = new FirstMatch(filter, bits, KVM_MSR_FILTER_WRITE);
  const ranges = bits.map((entry, slot): Lane => {
    return {
      label: `${slot}`,
      letters: directionLetters(entry.range.flags),
      kind: 'range',
      cell: (a, b) => entry.cell(a, b),
    };
  });
  const decision = (letters: string, match: FirstMatch): Lane => {
    return { label: 'result', letters, kind: 'decision', cell: (a, b) => match.cell(a, b) };
  };
  return { lanes: [...ranges, decision('R', read), decision('W', write)], bits, markers, deciders: { read, write } };
}

/** R, W, RW, or – for neither. */
export function directionLetters(flags: number): string {
  const letters = `${(flags & KVM_MSR_FILTER_READ) !== 0 ? 'R' : ''}${(flags & KVM_MSR_FILTER_WRITE) !== 0 ? 'W' : ''}`;
  return letters || '–';
}
