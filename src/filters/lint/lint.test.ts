import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { REAL_FILTERS } from '../../corpus/real-filters.ts';
import { msrName } from '../../model/catalogue.ts';
import type { MsrFilter } from '../../model/filter.ts';
import { type BitmapJson, parseFilter } from '../../model/filter-json.ts';
import { findProfile, KERNEL_PROFILES } from '../../model/profile.ts';
import { UNFILTERED_ACCESSES } from '../unfiltered-accesses.ts';
import { LINT_CODES, type LintCode } from './codes.ts';
import { lint } from './lint.ts';
import { SENSITIVE_MSRS } from './sensitive-msrs.ts';
import type { LintOptions } from './subject.ts';
import { countText, findingRows } from './text.ts';

type RangeLine = readonly [flags: string | number, base: number, nmsrs: number, bitmap: BitmapJson];

function filterOf(flags: string | number, ...ranges: readonly RangeLine[]): MsrFilter {
  const json = ranges.map(([range, base, nmsrs, bitmap]) => ({ flags: range, base, nmsrs, bitmap }));
  return parseFilter({ flags, ranges: json }, 'test');
}

const NONE: BitmapJson = { allow: [] };
const ALL: BitmapJson = { deny: [] };
/** One unknown MSR, denied: as little as a filter can do. */
const PLAIN = filterOf('allow', ['rw', 0x5000, 1, NONE]);

interface Case {
  /** The smallest filter that has the finding. */
  readonly has: MsrFilter;
  /** One that is near to it and has not. */
  readonly lacks: MsrFilter;
  readonly options?: LintOptions;
  readonly lacksOptions?: LintOptions;
  /** What the finding says, as far as that is of interest. */
  readonly says?: RegExp;
}

const OLD = { profiles: KERNEL_PROFILES };
const window = (base: number, ...denied: number[]): MsrFilter =>
  filterOf('allow', ['rw', base, 0x3000, { deny: denied }]);

const CASES: Readonly<Record<LintCode, Case>> = {
  'filter-flags': {
    has: filterOf(2),
    lacks: filterOf(0),
    says: /-EINVAL on 5\.10\.154 to 6\.18; accepted on 5\.10\.0, 5\.10$/,
  },
  'empty-deny': {
    has: filterOf('deny', ['r', 0x10, 0, '']),
    lacks: filterOf('deny', ['r', 0x10, 1, NONE]),
    options: OLD,
    says: /-EINVAL on 5\.10\.0 to 6\.18; accepted on 1a155254ff93/,
  },
  'range-flags': {
    has: filterOf('allow', [4, 0x10, 1, null]),
    lacks: filterOf('allow', [4, 0x10, 0, null]),
    says: /flags 0x4 .*-EINVAL on 6\.1, 6\.18; -EFAULT on 5\.10\.0 to 5\.10\.154/,
  },
  'too-many-msrs': {
    has: filterOf('allow', ['r', 0, 12289, null]),
    lacks: filterOf('allow', ['r', 0, 12288, NONE]),
    says: /-EINVAL on 5\.10\.0 to 6\.18$/,
  },
  'bitmap-missing': {
    has: filterOf('allow', ['r', 0x10, 1, null]),
    lacks: filterOf('allow', ['r', 0x10, 0, null]),
    says: /-EFAULT on 5\.10\.0 to 6\.18$/,
  },
  'bitmap-short': {
    has: filterOf('allow', ['r', 0x10, 1, '00000000000000']),
    lacks: filterOf('allow', ['r', 0x10, 1, '0000000000000000']),
    says: /7 bytes for nmsrs 1; the kernel reads 8/,
  },
  'empty-slot': {
    has: filterOf('allow', ['r', 0, 0, null], ['r', 0x10, 1, NONE]),
    lacks: filterOf('allow', [0, 0, 0, null], ['r', 0x10, 1, NONE]),
  },
  'range-wraps': {
    has: filterOf('allow', ['r', 0xffffffff, 1, NONE]),
    lacks: filterOf('allow', ['r', 0xfffffffe, 1, NONE]),
    says: /is 0x0 in 32 bits/,
  },
  'x2apic-only': {
    has: filterOf('allow', ['r', 0x8ff, 1, NONE]),
    lacks: filterOf('allow', ['r', 0x8ff, 2, NONE]),
  },
  'never-matches': {
    has: filterOf('allow', ['rw', 0x10, 3, NONE], ['r', 0x11, 2, ALL]),
    lacks: filterOf('allow', ['w', 0x10, 3, NONE], ['r', 0x11, 2, NONE]),
    says: /range 0 decides all of it/,
  },
  'shadowed-differs': {
    has: filterOf('allow', ['rw', 0x10, 2, NONE], ['r', 0x11, 2, { allow: [0x11] }]),
    lacks: filterOf('allow', ['rw', 0x10, 2, NONE], ['r', 0x11, 2, NONE]),
    says: /RDMSR of 0x11, and never/,
  },
  'shadowed-same': {
    has: filterOf('allow', ['rw', 0x10, 2, NONE], ['r', 0x11, 2, NONE]),
    lacks: filterOf('allow', ['rw', 0x10, 2, NONE], ['r', 0x12, 2, NONE]),
  },
  'no-effect': {
    has: filterOf('allow', ['r', 0x11, 1, NONE], ['r', 0x10, 3, NONE]),
    lacks: filterOf('allow', ['r', 0x11, 1, ALL], ['r', 0x10, 3, NONE]),
  },
  'wider-than-needed': {
    has: filterOf('allow', ['r', 0x10, 3, { allow: [0x12] }]),
    lacks: filterOf('allow', ['r', 0x10, 3, { allow: [0x11] }]),
    says: /0x10-0x11 alone/,
  },
  'bits-past-nmsrs': {
    has: filterOf('allow', ['r', 0x10, 1, '0200000000000000']),
    lacks: filterOf('allow', ['r', 0x10, 2, '0200000000000000']),
  },
  'bytes-never-read': {
    has: filterOf('allow', ['r', 0x10, 64, '00'.repeat(9)]),
    lacks: filterOf('allow', ['r', 0x10, 65, '00'.repeat(16)]),
  },
  'suspicious-bit': {
    // deny_msr(0x277) of the selftest: 0x277 & 0x5ff.
    has: window(0, 0x277 & 0x5ff),
    lacks: window(0, 0x277),
    says: /0x77 is denied.*IA32_PAT \(0x277\)/,
  },
  'filter-off': { has: filterOf('allow'), lacks: PLAIN },
  'x2apic-open': {
    has: filterOf('allow', ['w', 0x7ff, 2, { allow: [0x7ff] }]),
    lacks: filterOf('allow', ['w', 0x7ff, 2, { allow: [0x800] }]),
  },
  'mask-lacks-filter': { has: PLAIN, lacks: PLAIN, options: { mask: 3 }, lacksOptions: { mask: 4 } },
  'tsc-deadline-fastpath': {
    has: filterOf('allow', ['w', 0x6e0, 1, NONE]),
    lacks: filterOf('allow', ['r', 0x6e0, 1, NONE]),
    says: /VMX on 5\.10\.0 to 6\.18, SVM on 6\.18$/,
  },
  'unfiltered-access': {
    has: filterOf('allow', ['r', 0x10, 1, NONE]),
    lacks: filterOf('allow', ['w', 0x10, 1, NONE]),
    says: /RDTSC, RDTSCP/,
  },
  'vmx-msr-lists': { has: PLAIN, lacks: PLAIN, lacksOptions: { vendors: ['svm'] } },
  'sensitive-open': {
    has: PLAIN,
    lacks: filterOf('deny', ['r', 0x5000, 1, ALL]),
    says: /IA32_FEATURE_CONTROL/,
  },
  'passthrough-lost': {
    has: filterOf('allow', ['w', 0xc0000102, 1, NONE]),
    lacks: filterOf('allow', ['rw', 0xc0000103, 1, NONE]),
    says: /WRMSR IA32_KERNEL_GS_BASE \(0xc0000102\) exits on VMX and SVM/,
  },
  'beyond-bitmaps': {
    has: filterOf('allow', ['r', 0x1fff, 2, NONE]),
    lacks: filterOf('allow', ['r', 0x2000, 2, NONE]),
    says: /0x2000 is outside/,
  },
  'profiles-refuse': { has: filterOf(2), lacks: filterOf('allow', [4, 0x10, 1, NONE]) },
  'profiles-decide': {
    has: filterOf('allow', ['r', 0x7ff, 3, NONE]),
    lacks: filterOf('allow', ['r', 0x7ff, 1, NONE]),
    options: OLD,
    says: /1a155254ff93 denies RDMSR of 0x800-0x801/,
  },
  'half-built': {
    has: filterOf('allow', ['r', 0x10, 1, NONE], ['r', 0x11, 1, null]),
    lacks: filterOf('allow', ['r', 0x11, 1, null], ['r', 0x10, 1, NONE]),
  },
};

describe('codes', () => {
  it.each(Object.entries(CASES) as [LintCode, Case][])('%s', (code, { has, lacks, says, ...cases }) => {
    const { options = {}, lacksOptions = options } = cases;
    const found = lint(has, options).filter((entry) => entry.code === code);
    expect(found).not.toEqual([]);
    expect(found[0]).toMatchObject({ severity: LINT_CODES[code], docs: `docs/lint.md#${code}` });
    if (says) expect(found[0]!.message).toMatch(says);
    expect(lint(lacks, lacksOptions).map((entry) => entry.code)).not.toContain(code);
  });

  it('have a page each, with the severity that they are reported with', () => {
    const page = readFileSync(new URL('../../../docs/lint.md', import.meta.url), 'utf8');
    const sections = [...page.matchAll(/^### (\S+)\n\n(\w+)/gm)].map(([, code, severity]) => [code, severity]);
    const expected = Object.entries(LINT_CODES).map(([code, severity]) => [
      code,
      `${severity[0]!.toUpperCase()}${severity.slice(1)}`,
    ]);
    expect(sections).toEqual(expected);
  });
});

describe('lint', () => {
  it('says what a short bitmap that lacks bits means', () => {
    const [first] = lint(filterOf('allow', ['r', 0x10, 9, '00']));
    expect(first!.message).toMatch(/which then decides MSRs from bit 8 on/);
  });

  it('is milder where the default denies than where a bit does', () => {
    const severities = (filter: MsrFilter): Record<string, string> =>
      Object.fromEntries(lint(filter).map(({ code, severity }) => [code, severity]));
    const byDefault = filterOf('deny', ['r', 0x174, 1, ALL]);
    expect(severities(byDefault)).toMatchObject({ 'tsc-deadline-fastpath': 'note', 'unfiltered-access': 'note' });
    const byBit = filterOf('allow', ['rw', 0x10, 1, NONE], ['w', 0x6e0, 1, NONE]);
    expect(severities(byBit)).toMatchObject({ 'tsc-deadline-fastpath': 'warning', 'unfiltered-access': 'warning' });
    expect(lint(PLAIN, { mask: 0 }).find(({ code }) => code === 'mask-lacks-filter')!.severity).toBe('note');
  });

  it('says nothing of the exit mask if none is given', () => {
    expect(lint(PLAIN).map(({ code }) => code)).not.toContain('mask-lacks-filter');
  });

  it('looks at the processors and kernels that are asked about', () => {
    const filter = filterOf('allow', ['w', 0x6e0, 1, NONE]);
    const fastpath = (options: LintOptions): string[] =>
      lint(filter, options).flatMap(({ code, message }) => (code === 'tsc-deadline-fastpath' ? [message] : []));
    expect(fastpath({ vendors: ['svm'], profiles: [findProfile('6.1')!] })).toEqual([]);
    expect(fastpath({ vendors: ['vmx'], profiles: [findProfile('6.1')!] })[0]).toMatch(/: VMX on 6\.1$/);
  });

  it('guesses at the mask of the selftest only where a known MSR would be', () => {
    // Right by chance, as in the selftest itself: the bit is the index.
    expect(lint(window(0, 0x1fc)).map(({ code }) => code)).not.toContain('suspicious-bit');
    // No MSR of the catalogue would end up here.
    expect(lint(window(0x8000, 0x8001)).map(({ code }) => code)).not.toContain('suspicious-bit');
  });

  it('does not speak of what a refused filter decides', () => {
    const codes = lint(filterOf('deny', ['rw', 0, 0x20000, null])).map(({ code }) => code);
    expect(codes).toEqual(['too-many-msrs']);
  });
});

describe('lists of MSRs', () => {
  it('have names of the catalogue', () => {
    for (const { index } of [...SENSITIVE_MSRS, ...UNFILTERED_ACCESSES])
      expect(msrName(index), index.toString(16)).toBeDefined();
  });
});

describe('real filters', () => {
  it.each(REAL_FILTERS.map(({ id, filter, mask }) => [id, filter, mask] as const))('%s', (_, filter, mask) => {
    const findings = lint(filter, { mask });
    const lines = findingRows(findings).map((cells) => cells.join(' | '));
    expect([countText(findings), ...lines].join('\n')).toMatchSnapshot();
  });

  it.each([
    ['baud', 'bitmap-short', [0, 1, 2]],
    ['baud-first-form', 'range-flags', [0, 1, 2]],
    ['replay', 'bitmap-short', [0, 1, 2, 3, 4]],
    ['allow-inkernel', 'bitmap-short', [0]],
    ['cloud-hypervisor', 'bitmap-short', [3, 4, 5]],
    ['selftest-filter-deny-short', 'bitmap-short', [5]],
    ['baud-padded', 'tsc-deadline-fastpath', [undefined]],
    ['qemu-duplicate-handlers', 'never-matches', Array.from({ length: 15 }, (_, i) => i + 1)],
    ['mattson-128k', 'too-many-msrs', [0, 1]],
    ['api-empty-deny', 'empty-deny', [undefined]],
  ] as const)('%s: %s', (id, code, ranges) => {
    const { filter, mask } = REAL_FILTERS.find((entry) => entry.id === id)!;
    const found = lint(filter, { mask }).filter((entry) => entry.code === code && entry.severity !== 'note');
    expect(found.map(({ where }) => where.range)).toEqual(ranges);
  });

  it.each(REAL_FILTERS)('$id: an error exactly where the kernel refuses it', ({ filter, expected }) => {
    expect(lint(filter).some(({ severity }) => severity === 'error')).toBe(expected !== 0);
  });
});
