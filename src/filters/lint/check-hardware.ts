/** What the filter does to the processor's bitmaps: accesses that exit, and could do without. */
import { msrName, passthroughCandidates, type Vendor } from '../../model/catalogue.ts';
import { hex } from '../../model/json-fields.ts';
import { AccessType } from '../../model/verdict.ts';
import { type IndexRange, IndexSet } from '../index-set.ts';
import { rangeText, spanText } from '../range-text.ts';
import type { Analysis } from './analysis.ts';
import { VENDOR_NAMES } from './check-paths.ts';
import { finding } from './finding.ts';
import type { Check } from './subject.ts';

/** Candidates by the vCPU's state that guests use often: SPEC_CTRL, PRED_CMD, XFD. */
const HOT_DYNAMIC: ReadonlySet<number> = new Set([0x48, 0x49, 0x1c4]);
/** Passed through in every guest, used by SEV-ES guests alone. */
const NOT_HOT: ReadonlySet<number> = new Set([0xc0010130]);

export const checkPassthrough: Check = ({ analysis, vendors }) => {
  if (!analysis.complete) return [];
  const losses = vendors.flatMap((vendor) => lossesOf(analysis, vendor));
  const keys = [...new Set(losses.map(({ key }) => key))];
  return keys.map((key) => {
    const alike = losses.filter((loss) => loss.key === key);
    const { index, access, always } = alike[0]!;
    const on = alike.map(({ vendor }) => VENDOR_NAMES[vendor]).join(' and ');
    const name = msrName(index)!;
    const when = always ? '' : ' also when the vCPU uses it';
    const message = `${VERBS[access]} ${name} (${hex(index)}) exits${when} on ${on}, where KVM passes it through if allowed`;
    const where = { msrs: [index, index] as const, name, access, vendors: alike.map(({ vendor }) => vendor) };
    return finding('passthrough-lost', {
      where,
      message,
      mend: 'allow it if the exits are too slow: guests use it often',
    });
  });
};

const VERBS = { r: 'RDMSR', w: 'WRMSR', rw: 'RDMSR and WRMSR' } as const;

interface Loss {
  readonly vendor: Vendor;
  readonly index: number;
  readonly access: 'r' | 'w' | 'rw';
  readonly always: boolean;
  /** Losses of the same key differ in the vendor alone. */
  readonly key: string;
}

function lossesOf({ profile, decisions }: Analysis, vendor: Vendor): Loss[] {
  return passthroughCandidates(vendor, profile).flatMap(({ index, read, write, always }) => {
    if ((!always && !HOT_DYNAMIC.has(index)) || NOT_HOT.has(index)) return [];
    const reads = read && !decisions[AccessType.READ].has(index);
    const writes = write && !decisions[AccessType.WRITE].has(index);
    if (!reads && !writes) return [];
    const access = reads ? (writes ? 'rw' : 'r') : 'w';
    return [{ vendor, index, access, always, key: `${index} ${access} ${always}` }];
  });
}

const COVERED: Readonly<Record<'vmx' | 'svm', IndexSet>> = {
  vmx: windows([0, 0x1fff], [0xc0000000, 0xc0001fff]),
  svm: windows([0, 0x1fff], [0xc0000000, 0xc0001fff], [0xc0010000, 0xc0011fff]),
};

function windows(...spans: readonly (readonly [number, number])[]): IndexSet {
  return IndexSet.ofRanges(spans.map(([first, last]): IndexRange => ({ first, last })));
}

/** Ranges that begin inside of the hardware's bitmaps and end outside: of interest to who counts exits. */
export const checkBeyond: Check = ({ analysis, vendors }) => {
  const covered = vendors.map((vendor) => COVERED[vendor]).reduce((a, b) => a.or(b));
  return [...analysis.filter.ranges.entries()].flatMap(([slot, range]) => {
    const [reads, writes] = analysis.claimed(slot);
    const all = reads.or(writes);
    const outside = all.without(covered);
    if (outside.empty || outside.equals(all)) return [];
    const [first, last] = [outside.edges[0]!, outside.edges.at(-1)! - 1];
    const message = `${rangeText(range)}: ${spanText(first, last)} is outside the hardware's bitmaps and exits in any case`;
    const mend = 'nothing is wrong: the filter decides there too';
    return [finding('beyond-bitmaps', { where: { range: slot, msrs: [first, last] }, message, mend })];
  });
};
