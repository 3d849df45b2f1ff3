import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { BaseOutcome, BaseTable } from './base.ts';
import { catalogueBase, msrName, nearestMsrName, oneMsr, passthroughCandidates, type Vendor } from './catalogue.ts';
import { MSR_ROWS } from './catalogue-data.ts';
import { X2APIC_FIRST, X2APIC_LAST } from './filter.ts';
import { findProfile } from './profile.ts';
import { ApicMode } from './scenario.ts';
import { AccessType } from './verdict.ts';

const VENDORS: readonly Vendor[] = ['vmx', 'svm'];
const base = catalogueBase();

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

describe('rows', () => {
  it('are u32, ascending and do not overlap', () => {
    let end = 0;
    for (const { index, count = 1 } of MSR_ROWS) {
      expect(Number.isInteger(index) && Number.isInteger(count) && count > 0, index.toString(16)).toBe(true);
      expect(index, index.toString(16)).toBeGreaterThanOrEqual(end);
      end = index + count;
      expect(end, index.toString(16)).toBeLessThanOrEqual(0x1_0000_0000);
    }
  });

  it('do not straddle the edges of the x2APIC window', () => {
    for (const { index, count = 1 } of MSR_ROWS) {
      const inside = (msr: number): boolean => msr >= X2APIC_FIRST && msr <= X2APIC_LAST;
      expect(inside(index), index.toString(16)).toBe(inside(index + count - 1));
    }
  });

  it('have a source and a name of their own', () => {
    for (const { index, name, source } of MSR_ROWS) {
      expect(name, index.toString(16)).toMatch(/^[A-Z][A-Z0-9_]+$/);
      expect(source.trim(), name).not.toBe('');
    }
    expect(new Set(MSR_ROWS.map((row) => row.name)).size).toBe(MSR_ROWS.length);
  });

  it('handle every direction that can be passed through', () => {
    for (const row of MSR_ROWS) {
      for (const vendor of VENDORS) {
        const directions = row[vendor]?.directions ?? '';
        if (directions.includes('r')) expect(row.read, row.name).toBe('handled');
        if (directions.includes('w')) expect(row.write, row.name).toBe('handled');
      }
    }
  });
});

describe('passthroughCandidates', () => {
  /** What measured kernels of that release pass through with no filter and without CPU features (no x2APIC). */
  function always(vendor: Vendor, id: string): { read: number[]; write: number[] } {
    const wished = passthroughCandidates(vendor, findProfile(id)!).filter((candidate) => candidate.always);
    return {
      read: wished.filter((candidate) => candidate.read).map((candidate) => candidate.index),
      write: wished.filter((candidate) => candidate.write).map((candidate) => candidate.index),
    };
  }

  it('pass through on kvm_intel 6.1 what was measured', () => {
    const write = [...range(0x174, 0x176), ...range(0xc0000100, 0xc0000102)];
    expect(always('vmx', '6.1')).toEqual({ read: [0x10, ...write], write });
  });

  it('pass through on kvm_amd 6.1 what was measured', () => {
    const both = [
      ...range(0x174, 0x176),
      ...range(0xc0000081, 0xc0000084),
      ...range(0xc0000100, 0xc0000102),
      0xc0010130,
    ];
    expect(always('svm', '6.1')).toEqual({ read: both, write: both });
  });

  it('follow the release', () => {
    const indices = (vendor: Vendor, id: string): number[] =>
      passthroughCandidates(vendor, findProfile(id)!).map((candidate) => candidate.index);
    for (const msr of [0x175, 0x277, 0xc0000080, 0xc0010130, 0xe7, 0x6a0]) {
      expect(indices('svm', '5.10'), msr.toString(16)).not.toContain(msr);
    }
    expect(indices('svm', '6.1')).toEqual(expect.arrayContaining([0x277, 0xc0000080]));
    expect(indices('svm', '6.18')).not.toContain(0xc0010130);
    expect(indices('svm', '6.18')).toEqual(expect.arrayContaining([0x10b, 0xe7, 0xe8, 0x6a0, 0x6a7]));
    // The 13 entries of vmx_possible_passthrough_msrs[] in 5.10, and 12 Processor Trace MSRs.
    expect(indices('vmx', '5.10')).toHaveLength(13 + 12);
    expect(indices('vmx', '6.1')).toContain(0x1c4);
    expect(indices('vmx', '6.1')).not.toContain(0x10b);
    expect(indices('vmx', '6.18')).toEqual(expect.arrayContaining([0x10b, 0xe7, 0xe8, 0x6a0, 0x6a7]));
  });

  it('never contain TSC_DEADLINE or x2APIC MSRs, and are ascending', () => {
    for (const vendor of VENDORS) {
      for (const id of ['1a155254ff93', '5.10.0', '5.10', '6.1', '6.18']) {
        const indices = passthroughCandidates(vendor, findProfile(id)!).map((candidate) => candidate.index);
        expect(indices).toEqual([...new Set(indices)].sort((a, b) => a - b));
        expect(indices).not.toContain(0x6e0);
        expect(indices.filter((index) => index >= X2APIC_FIRST && index <= X2APIC_LAST)).toEqual([]);
      }
    }
  });

  it('merge on SVM but not on VMX what L2 may use of SYSENTER', () => {
    const merged = (vendor: Vendor): boolean =>
      passthroughCandidates(vendor, findProfile('6.18')!).find((candidate) => candidate.index === 0x174)!.merged;
    expect(merged('vmx')).toBe(false);
    expect(merged('svm')).toBe(true);
  });
});

describe('msrName', () => {
  it('names MSRs and the members of blocks', () => {
    expect(msrName(0x10)).toBe('IA32_TSC');
    expect(msrName(0x6e0)).toBe('IA32_TSC_DEADLINE');
    expect(msrName(0xc0000084)).toBe('IA32_FMASK');
    expect(msrName(0x407)).toBe('IA32_MC1_MISC');
    expect(msrName(0x20f)).toBe('IA32_MTRR_PHYSMASK7');
    expect(msrName(0x40000090)).toBe('HV_X64_MSR_SINT0');
    expect(msrName(0x4000009f)).toBe('HV_X64_MSR_SINT0+15');
  });

  it('knows nothing of the rest', () => {
    for (const index of [2, 0x7ff, 0x800, 0x8ff, 0x900, 0x474f4f00, 0xdeadbeef, 0xffffffff]) {
      expect(msrName(index), index.toString(16)).toBeUndefined();
    }
  });
});

describe('BaseTable', () => {
  it('has everything in the x2APIC window invalid outside x2APIC mode', () => {
    for (const index of range(X2APIC_FIRST, X2APIC_LAST)) {
      for (const apic of [ApicMode.NONE, ApicMode.XAPIC]) {
        for (const type of [AccessType.READ, AccessType.WRITE]) {
          expect(base.outcome(index, type, apic), index.toString(16)).toBe(BaseOutcome.INVALID);
        }
      }
    }
  });

  it('has 41 reads and 14 writes of 0 succeed in x2APIC mode, as measured', () => {
    const handled = (type: AccessType): number[] =>
      range(X2APIC_FIRST, X2APIC_LAST).filter((msr) => base.outcome(msr, type, ApicMode.X2APIC) === 0);
    expect(handled(AccessType.READ)).toHaveLength(41);
    expect(handled(AccessType.WRITE)).toHaveLength(14);
    const invalid = range(X2APIC_FIRST, X2APIC_LAST).filter(
      (msr) => base.outcome(msr, AccessType.READ, ApicMode.X2APIC) === BaseOutcome.INVALID,
    );
    expect(invalid).toHaveLength(256 - 41);
  });

  it('does not depend on the APIC mode elsewhere', () => {
    for (const index of [0x10, 0x49, 0x7ff, 0x900, 0x1000, 0x40000000, 0xc0000080, 0xdeadbeef, 0xffffffff]) {
      for (const type of [AccessType.READ, AccessType.WRITE]) {
        const outcomes = Object.values(ApicMode).map((apic) => base.outcome(index, type, apic));
        expect(new Set(outcomes).size, index.toString(16)).toBe(1);
      }
    }
  });

  it('keeps directions apart and has unlisted MSRs unknown, at block edges too', () => {
    const table = new BaseTable([
      { index: 0, read: BaseOutcome.HANDLED, write: BaseOutcome.INVALID },
      { index: 0xffffffff, read: BaseOutcome.INVALID, write: BaseOutcome.HANDLED },
    ]);
    const both = (index: number): number[] =>
      [AccessType.READ, AccessType.WRITE].map((type) => table.outcome(index, type, ApicMode.NONE));
    expect(both(0)).toEqual([BaseOutcome.HANDLED, BaseOutcome.INVALID]);
    expect(both(0xffffffff)).toEqual([BaseOutcome.INVALID, BaseOutcome.HANDLED]);
    for (const index of [1, 0xffff, 0x10000, 0xfffeffff, 0xffff0000, 0xfffffffe]) {
      expect(both(index), index.toString(16)).toEqual([BaseOutcome.UNKNOWN, BaseOutcome.UNKNOWN]);
    }
  });
});

/** The fields of a recording's first line that matter here. */
interface Header {
  readonly kernel: string;
  readonly modules: string;
  readonly apic: 'none' | 'x2apic';
  readonly base: Record<'r' | 'w', Record<string, 'allow' | 'unknown' | 'inval'>>;
}

const GROUND_TRUTH = new URL('../../test/ground-truth/', import.meta.url);
const WORDS = { allow: BaseOutcome.HANDLED, unknown: BaseOutcome.UNKNOWN, inval: BaseOutcome.INVALID } as const;
const DIRECTIONS = [
  ['r', AccessType.READ],
  ['w', AccessType.WRITE],
] as const;

describe('measured kernels', () => {
  const headers = readdirSync(GROUND_TRUTH)
    .filter((name) => name.endsWith('.jsonl.gz'))
    .map((name) => {
      const text = gunzipSync(readFileSync(new URL(name, GROUND_TRUTH))).toString();
      return JSON.parse(text.slice(0, text.indexOf('\n'))) as Header;
    });
  const kernels = new Set(headers.map(({ kernel, modules }) => `${kernel} ${modules}`));

  it('are four, in ten recordings', () => {
    expect(headers).toHaveLength(10);
    expect(kernels.size).toBe(4);
  });

  it('agree with the catalogue in the x2APIC window', () => {
    let compared = 0;
    for (const { apic, base: measured } of headers) {
      for (const [word, type] of DIRECTIONS) {
        for (const [key, outcome] of Object.entries(measured[word])) {
          const index = Number(key);
          if (index < X2APIC_FIRST || index > X2APIC_LAST) continue;
          const mode = apic === 'x2apic' ? ApicMode.X2APIC : ApicMode.NONE;
          expect(base.outcome(index, type, mode), `${key} ${word} ${apic}`).toBe(WORDS[outcome]);
          compared++;
        }
      }
    }
    expect(compared).toBeGreaterThan(1000);
  });

  it('agree with the catalogue where they agree with each other', () => {
    /** Outcome by kernel, of one MSR and direction. */
    const outcomes = new Map<string, Map<string, Set<string>>>();
    for (const { kernel, modules, base: measured } of headers) {
      for (const [word] of DIRECTIONS) {
        for (const [key, outcome] of Object.entries(measured[word])) {
          const index = Number(key);
          if (index >= X2APIC_FIRST && index <= X2APIC_LAST) continue;
          const byOutcome = outcomes.get(`${key} ${word}`) ?? new Map<string, Set<string>>();
          outcomes.set(`${key} ${word}`, byOutcome);
          byOutcome.set(outcome, (byOutcome.get(outcome) ?? new Set()).add(`${kernel} ${modules}`));
        }
      }
    }
    /** The catalogue's guest has these although no measured guest had. */
    const candidate = (index: number, word: 'r' | 'w'): boolean =>
      MSR_ROWS.some((row) => row.index === index && VENDORS.some((vendor) => row[vendor]?.directions.includes(word)));
    const disagreements: string[] = [];
    const agreed = { allow: 0, unknown: 0, inval: 0 };
    for (const [access, byOutcome] of outcomes) {
      const [[outcome, seenBy] = [undefined, undefined], ...others] = byOutcome;
      if (!outcome || others.length > 0) continue;
      // Where not all kernels were asked, only what they handle counts: the others may handle it too.
      if (outcome !== 'allow' && seenBy.size < kernels.size) continue;
      const [key, word] = access.split(' ') as [string, 'r' | 'w'];
      if (outcome !== 'allow' && candidate(Number(key), word)) continue;
      const type = word === 'r' ? AccessType.READ : AccessType.WRITE;
      const expected = WORDS[outcome as keyof typeof WORDS];
      if (base.outcome(Number(key), type, ApicMode.NONE) === expected) agreed[outcome as keyof typeof WORDS]++;
      else disagreements.push(`${Number(key).toString(16)} ${word}: measured ${outcome}`);
    }
    expect(disagreements).toEqual([]);
    expect(agreed.allow).toBeGreaterThan(200);
    expect(agreed.unknown).toBeGreaterThan(2000);
    expect(agreed.inval).toBeGreaterThan(30);
  });

  it('have no MSR handled that the catalogue does not', () => {
    const missing: string[] = [];
    for (const { base: measured } of headers) {
      for (const [word, type] of DIRECTIONS) {
        for (const [key, outcome] of Object.entries(measured[word])) {
          const handled = base.outcome(Number(key), type, ApicMode.X2APIC) === BaseOutcome.HANDLED;
          if (outcome === 'allow' && !handled) missing.push(`${Number(key).toString(16)} ${word}`);
        }
      }
    }
    expect(missing).toEqual([]);
  });
});

describe('oneMsr', () => {
  it('takes an index or a whole name in any case', () => {
    expect(['0x174', '372', 'IA32_SYSENTER_CS', ' ia32_sysenter_cs '].map(oneMsr)).toEqual(Array(4).fill(0x174));
    expect(oneMsr('IA32_A_PMC0+7')).toBe(0x4c8);
  });

  it('takes nothing else', () => {
    for (const text of ['SYSENTER', 'IA32_A_PMC0+8', 'IA32_A_PMC0+', '0x100000000', '4294967296', '-1', '', '0x']) {
      expect(oneMsr(text)).toBeUndefined();
    }
  });

  it.each([
    ['0x174', 0x174],
    ['372', 372],
    [' ia32_TSC ', 0x10],
    ['IA32_SGXLEPUBKEYHASH0+3', 0x8f],
    ['0xffffffff', 0xffff_ffff],
    ['0x100000000', undefined],
    ['4294967296', undefined],
    ['TSC', undefined],
    ['', undefined],
    ['-1', undefined],
  ])('%s', (text, index) => expect(oneMsr(text)).toBe(index));

  it('is the index of every name', () => {
    for (const { index, name } of MSR_ROWS) expect(oneMsr(msrName(index)!)).toBe(oneMsr(name));
  });

  it.each([
    ['TSC', 'IA32_TSC'],
    ['IA32_SYSENTER_EI', 'IA32_SYSENTER_EIP'],
    ['lstar', 'IA32_LSTAR'],
  ])('%s is most like %s', (text, name) => expect(nearestMsrName(text)).toBe(name));
});
