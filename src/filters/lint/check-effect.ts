/** Ranges that match and change nothing. */
import { rangeText, spanText } from '../range-text.ts';
import { decidesNothing, extent } from './check-matching.ts';
import { finding } from './finding.ts';
import { removableSlots, sameEverywhere, withoutSlot } from './removable.ts';
import type { Check } from './subject.ts';

export const checkEffect: Check = ({ analysis, profiles }) => {
  if (!analysis.complete) return [];
  const { filter } = analysis;
  return removableSlots(filter, profiles).flatMap((slot) => {
    const range = filter.ranges[slot]!;
    if (range.nmsrs === 0 || decidesNothing(analysis, slot)) return [];
    // It may be in the way of a range that would never match otherwise.
    if (!sameEverywhere(filter, withoutSlot(filter, slot), profiles)) return [];
    const message = `${rangeText(range)} changes nothing: without it the later ranges and the default decide the same`;
    return [
      finding('no-effect', { where: { range: slot }, message, mend: 'leave the range out, or correct its bits' }),
    ];
  });
};

export const checkWidth: Check = ({ analysis }) => {
  if (!analysis.complete) return [];
  return [...analysis.filter.ranges.entries()].flatMap(([slot, range]) => {
    const effects = analysis.effects(slot);
    if (range.nmsrs === 0 || effects.every((set) => set.empty)) return [];
    const where = extent(effects, range.base);
    const [first, last] = where.msrs!;
    if (first === range.base && last === range.base + range.nmsrs - 1) return [];
    const message = `${rangeText(range)} makes a difference for ${spanText(first, last)} alone`;
    const mend = `nothing is wrong; base 0x${first.toString(16)}, nmsrs ${last - first + 1} does the same`;
    return [finding('wider-than-needed', { where: { range: slot, ...where }, message, mend })];
  });
};

export const checkOff: Check = ({ analysis: { decisions, complete } }) => {
  if (!complete || !decisions.every((set) => set.complement().empty)) return [];
  const message = 'no access is denied: filtering is off';
  return [finding('filter-off', { where: {}, message, mend: 'nothing is wrong if that is what is meant' })];
};
