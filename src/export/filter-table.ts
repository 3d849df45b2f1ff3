/** A filter as a table that people read. */
import { msrName } from '../model/catalogue.ts';
import { KVM_MSR_FILTER_MAX_NMSRS, type MsrFilter, type MsrFilterRange } from '../model/filter.ts';
import { filterToJson } from '../model/filter-json.ts';
import { hex } from '../model/json-fields.ts';
import { code, markdownTable } from './markdown-text.ts';

/** Names of MSRs, and lists of allowed ones, that a cell holds before it is cut short. */
const MAX_LISTED = 6;
const HEAD = ['slot', 'flags', 'base..end', 'nmsrs', 'allowed', 'MSRs'];

export function filterTable(filter: MsrFilter): string {
  const { flags, ranges } = filterToJson(filter);
  const heading = `Flags: ${code(String(flags))}; ${ranges.length === 0 ? 'no ranges.' : 'ranges:'}`;
  if (ranges.length === 0) return heading;
  const rows = filter.ranges.map((range, slot) => {
    const { base, nmsrs } = range;
    const span = nmsrs === 0 ? `${hex(base)}, empty` : `${hex(base)}..${hex(base + nmsrs - 1)}${wraps(range)}`;
    return [String(slot), code(String(ranges[slot]!.flags)), span, String(nmsrs), allowed(range), names(range)];
  });
  return `${heading}\n\n${markdownTable(HEAD, rows)}`;
}

function wraps({ base, nmsrs }: MsrFilterRange): string {
  return base + nmsrs > 0xffff_ffff ? ' (its end wraps to 32 bits: matches nothing)' : '';
}

/** Which of the range's MSRs have their bit set. */
function allowed({ base, nmsrs, bitmap }: MsrFilterRange): string {
  if (nmsrs === 0) return 'nothing is read';
  if (bitmap === null) return 'bitmap is not mapped';
  const read = Math.ceil(nmsrs / 64) * 8;
  if (bitmap.length < read) return `${bitmap.length} of ${read} bytes are mapped`;
  if (nmsrs > KVM_MSR_FILTER_MAX_NMSRS) return 'too large';
  const spans: [number, number][] = [];
  let count = 0;
  for (let bit = 0; bit < nmsrs; bit++) {
    if (((bitmap[bit >>> 3]! >>> (bit & 7)) & 1) === 0) continue;
    count++;
    const last = spans.at(-1);
    if (last?.[1] === bit - 1) last[1] = bit;
    else spans.push([bit, bit]);
  }
  if (count === 0) return 'none';
  if (count === nmsrs) return 'all';
  const list = spans.slice(0, MAX_LISTED).map(([first, last]) => {
    const start = hex(base + first);
    return first === last ? start : `${start}-${hex(base + last)}`;
  });
  return `${count} of ${nmsrs}: ${list.join(', ')}${spans.length > MAX_LISTED ? ', ...' : ''}`;
}

function names({ base, nmsrs }: MsrFilterRange): string {
  const found: string[] = [];
  let known = 0;
  for (let i = 0; i < Math.min(nmsrs, KVM_MSR_FILTER_MAX_NMSRS); i++) {
    const name = msrName(base + i);
    if (name === undefined) continue;
    known++;
    if (found.length < MAX_LISTED) found.push(name);
  }
  const more = known > found.length ? ` and ${known - found.length} more` : '';
  return found.map(code).join(', ') + more;
}
