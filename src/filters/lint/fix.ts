/** Mends what can be mended without any change of what the filter decides. */
import type { MsrFilter } from '../../model/filter.ts';
import { rangeText } from '../range-text.ts';
import { padded, trimmed } from './bytes.ts';
import type { LintCode } from './codes.ts';
import { type Finding, finding } from './finding.ts';
import { lint } from './lint.ts';
import { removableSlots, sameEverywhere } from './removable.ts';
import { type LintOptions, RELEASED_PROFILES } from './subject.ts';

export interface Fixed {
  readonly filter: MsrFilter;
  /** Findings about the filter as it was that are gone; slots are numbered as before. */
  readonly mended: readonly Finding[];
  /** Findings about the filter as it is now. */
  readonly left: readonly Finding[];
}

/** Codes that the fix mends: always by bytes that decide nothing, and by leaving out ranges that decide nothing. */
export const FIXABLE: ReadonlySet<LintCode> = new Set<LintCode>([
  'bitmap-short',
  'bits-past-nmsrs',
  'bytes-never-read',
  'empty-slot',
  'range-wraps',
  'x2apic-only',
  'never-matches',
  'no-effect',
]);

/**
 * Bitmaps get the bytes that the kernel reads, with 0 in the bits from nmsrs on; slots that decide nothing are left out.
 * Bitmaps that lack bits which decide are left alone: nobody knows what these are to be.
 */
export function fix(filter: MsrFilter, options: LintOptions = {}): Fixed {
  const { profiles = RELEASED_PROFILES } = options;
  const meant: MsrFilter = { flags: filter.flags, ranges: filter.ranges.map(padded) };
  const clean: MsrFilter = { flags: filter.flags, ranges: filter.ranges.map(trimmed) };
  const removed = removableSlots(clean, profiles);
  const fixed: MsrFilter = { flags: clean.flags, ranges: clean.ranges.filter((_, slot) => !removed.includes(slot)) };
  if (!sameEverywhere(meant, fixed, profiles)) throw new Error('lint --fix has changed what the filter decides');
  const left = lint(fixed, options);
  const before = lint(filter, options).filter(({ code }) => FIXABLE.has(code));
  const mended = before.filter((entry) => !stays(entry, left, removed));
  return { filter: fixed, mended: [...mended, ...unmentioned(filter, removed, mended)], left };
}

/** Codes whose ranges are left out. */
const REMOVED: readonly LintCode[] = ['empty-slot', 'range-wraps', 'x2apic-only', 'never-matches', 'no-effect'];

/** Ranges that are left out because of others that are: they only kept these from deciding. */
function unmentioned({ ranges }: MsrFilter, removed: readonly number[], mended: readonly Finding[]): Finding[] {
  const mentioned = mended.filter(({ code }) => REMOVED.includes(code)).map(({ where }) => where.range);
  return removed
    .filter((slot) => ranges[slot]!.nmsrs !== 0 && !mentioned.includes(slot))
    .map((slot) => {
      const message = `${rangeText(ranges[slot]!)} changes nothing once the ranges that never match are left out`;
      return finding('no-effect', { where: { range: slot }, message, mend: 'leave the range out' });
    });
}

/** Whether a finding is found again in the same range. */
function stays({ code, where }: Finding, left: readonly Finding[], removed: readonly number[]): boolean {
  const { range = -1 } = where;
  if (removed.includes(range)) return false;
  const now = range - removed.filter((slot) => slot < range).length;
  return left.some((entry) => entry.code === code && entry.where.range === now);
}
