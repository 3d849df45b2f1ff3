/** Ranges, or parts of them, that never match. */
import { X2APIC_FIRST, X2APIC_LAST } from '../../model/filter.ts';
import { hex } from '../../model/json-fields.ts';
import { INDICES, IndexSet } from '../index-set.ts';
import { rangeText, spanText } from '../range-text.ts';
import { type Analysis, type BothSets, both, DIRECTIONS } from './analysis.ts';
import { type Finding, finding, type Where } from './finding.ts';
import type { Check } from './subject.ts';

/** Slots that a user may have meant to fill. */
export const checkEmptySlots: Check = ({ filter }) =>
  filter.ranges.flatMap(({ flags, base, nmsrs }, slot) => {
    if (nmsrs !== 0 || (flags === 0 && base === 0)) return [];
    const message = `nmsrs 0: the slot is skipped, its flags ${hex(flags)} and base ${hex(base)} are not looked at`;
    return [finding('empty-slot', { where: { range: slot }, message, mend: 'set nmsrs, or leave the slot out' })];
  });

export const checkMatching: Check = ({ analysis }) =>
  [...analysis.filter.ranges.keys()].flatMap((slot) => {
    if (analysis.refused.includes(slot) || analysis.filter.ranges[slot]!.nmsrs === 0) return [];
    return wholeRange(analysis, slot) ?? shadowedParts(analysis, slot);
  });

/** Slots that decide nothing at all. */
export function decidesNothing(analysis: Analysis, slot: number): boolean {
  return analysis.owned(slot).every((set) => set.empty);
}

function wholeRange(analysis: Analysis, slot: number): Finding[] | undefined {
  if (!decidesNothing(analysis, slot)) return undefined;
  const range = analysis.filter.ranges[slot]!;
  const { base, nmsrs } = range;
  const end = base + nmsrs;
  const where = { range: slot };
  if (end >= INDICES) {
    const sum = hex(end % INDICES);
    const message = `${hex(base)} + ${nmsrs} is ${sum} in 32 bits, below the base: the range never matches`;
    const mend = 'end the range at 0xfffffffe at the latest: MSR 0xffffffff is left to the default';
    return [finding('range-wraps', { where, message, mend })];
  }
  if (analysis.profile.x2apicExempt && base >= X2APIC_FIRST && end - 1 <= X2APIC_LAST) {
    const message = `${rangeText(range)} holds nothing but x2APIC MSRs, which no filter applies to`;
    const mend = 'leave the range out; to keep a guest from x2APIC, hide it in CPUID or use no in-kernel APIC';
    return [finding('x2apic-only', { where, message, mend })];
  }
  const before = shadowers(analysis, slot, analysis.claimed(slot));
  const message = `${rangeText(range)} never matches: ${slotsText(before)} decide${before.length === 1 ? 's' : ''} all of it`;
  const mend = contradicts(analysis, slot)
    ? 'its bits say something else: move it before them if they are to count'
    : 'leave the range out: what decides says the same';
  return [finding('never-matches', { where, message, mend })];
}

/** Where earlier ranges decide what this one names too. */
function shadowed(analysis: Analysis, slot: number): BothSets {
  const [claimed, owned] = [analysis.claimed(slot), analysis.owned(slot)];
  return both((type) => claimed[type].without(owned[type]));
}

/** Where what decides differs from the bits of the range. */
function contradictions(analysis: Analysis, slot: number): BothSets {
  const [hidden, alone] = [shadowed(analysis, slot), analysis.allowedAlone(slot)];
  return both((type) => hidden[type].and(analysis.decisions[type].xor(alone[type])));
}

function contradicts(analysis: Analysis, slot: number): boolean {
  return contradictions(analysis, slot).some((set) => !set.empty);
}

function shadowedParts(analysis: Analysis, slot: number): Finding[] {
  const hidden = shadowed(analysis, slot);
  if (hidden.every((set) => set.empty)) return [];
  const conflicts = contradictions(analysis, slot);
  const range = rangeText(analysis.filter.ranges[slot]!);
  const sets = contradicts(analysis, slot) ? conflicts : hidden;
  const before = slotsText(shadowers(analysis, slot, sets));
  const where = { range: slot, ...extent(sets, analysis.filter.ranges[slot]!.base) };
  const what = setsText(sets);
  if (sets === conflicts) {
    const message = `${range} says otherwise than ${before} of ${what}, and never gets to decide that`;
    return [
      finding('shadowed-differs', { where, message, mend: 'the first range that matches decides: reorder or cut' }),
    ];
  }
  const message = `${range} repeats what ${before} already decide${before.includes(',') ? '' : 's'} for ${what}`;
  return [finding('shadowed-same', { where, message, mend: 'nothing is wrong; the ranges could be disjoint' })];
}

/** Earlier slots that decide some of the accesses. */
function shadowers(analysis: Analysis, slot: number, accesses: BothSets): number[] {
  return Array.from({ length: slot }, (_, earlier) => earlier).filter((earlier) =>
    DIRECTIONS.some((type) => !analysis.owned(earlier)[type].and(accesses[type]).empty),
  );
}

function slotsText(slots: readonly number[]): string {
  return `range${slots.length === 1 ? '' : 's'} ${slots.join(', ')}`;
}

/** Where the accesses are: directions, and the least span of MSRs and bits that holds them. */
export function extent(sets: BothSets, base: number): Where {
  const all = sets[0].or(sets[1]);
  const [first, last] = [all.edges[0]!, all.edges.at(-1)! - 1];
  return { access: accessOf(sets), msrs: [first, last], bits: [first - base, last - base] };
}

function accessOf([reads, writes]: BothSets): 'r' | 'w' | 'rw' {
  return reads.empty ? 'w' : writes.empty ? 'r' : 'rw';
}

/** Spans that are listed one by one. */
const LISTED = 3;

/** `reads of 0x10, 0x12-0x13 and 4 more spans` */
export function setsText(sets: BothSets): string {
  const same = sets[0].equals(sets[1]);
  if (same) return `RDMSR and WRMSR of ${setText(sets[0])}`;
  const parts = DIRECTIONS.filter((type) => !sets[type].empty).map(
    (type) => `${type === 0 ? 'RDMSR' : 'WRMSR'} of ${setText(sets[type])}`,
  );
  return parts.join(', ');
}

function setText(set: IndexSet): string {
  const spans = [...set.ranges()].map(({ first, last }) => spanText(first, last));
  const more = spans.length - LISTED;
  return more > 0 ? `${spans.slice(0, LISTED).join(', ')} and ${more} more` : spans.join(', ');
}

/** Where filters are not asked, as far as a range or the default denies it there. */
export const checkX2apic: Check = ({ analysis }) => {
  const { profile, filter, refused, complete } = analysis;
  if (!profile.x2apicExempt) return [];
  const window: readonly [number, number] = [X2APIC_FIRST, X2APIC_LAST];
  const mend = 'nothing in a filter helps; to keep a guest from x2APIC, hide it in CPUID or use no in-kernel APIC';
  const findings: Finding[] = [];
  for (const [slot, range] of filter.ranges.entries()) {
    const denies = deniesInWindow(analysis, slot);
    if (refused.includes(slot) || !denies || decidesNothing(analysis, slot)) continue;
    const message = `${rangeText(range)} denies x2APIC MSRs (0x800-0x8ff), which stay allowed: no filter applies to them`;
    findings.push(finding('x2apic-open', { where: { range: slot, msrs: window }, message, mend }));
  }
  if (complete && filter.flags === 1) {
    const message = 'the default denies, but x2APIC MSRs (0x800-0x8ff) stay allowed: no filter applies to them';
    findings.push(finding('x2apic-open', { where: { msrs: window }, message, mend }));
  }
  return findings;
};

const WINDOW = IndexSet.ofRanges([{ first: X2APIC_FIRST, last: X2APIC_LAST }]);

/** Whether a bit of the range in the window is 0. */
function deniesInWindow({ filter }: Analysis, slot: number): boolean {
  const { base, nmsrs, bitmap } = filter.ranges[slot]!;
  if (nmsrs === 0 || base + nmsrs >= INDICES) return false;
  const covered = WINDOW.and(IndexSet.ofRanges([{ first: base, last: base + nmsrs - 1 }]));
  for (const { first, last } of covered.ranges()) {
    for (let bit = first - base; bit <= last - base; bit++)
      if (((bitmap![bit >>> 3]! >>> (bit & 7)) & 1) === 0) return true;
  }
  return false;
}
