import { assert, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { REAL_FILTERS } from '../../corpus/real-filters.ts';
import { reference } from '../../engines/reference.ts';
import { msrFilter } from '../../fuzz/arbitrary.ts';
import { catalogueBase } from '../../model/catalogue.ts';
import type { MsrFilter } from '../../model/filter.ts';
import { formatFilter } from '../../model/filter-json.ts';
import { KERNEL_PROFILES, type KernelProfile, NEWEST_PROFILE } from '../../model/profile.ts';
import { padded } from './bytes.ts';
import { LINT_CODES, type LintCode } from './codes.ts';
import { FIXABLE, fix } from './fix.ts';
import { lint } from './lint.ts';

const base = catalogueBase();

/** Indices at which something may change: ends of ranges, of the x2APIC window and of the index space, and around. */
function boundaries({ ranges }: MsrFilter): number[] {
  const ends = ranges.flatMap(({ base: first, nmsrs }) => [first, first + nmsrs, first + (nmsrs >>> 1)]);
  const near = [...ends, 0, 0x800, 0x900, 0x2000, 0x6e0].flatMap((index) => [index - 1, index, index + 1]);
  return [...new Set(near.map((index) => index >>> 0))];
}

/** errno and decisions at the indices, as the reference gives them one by one. */
function answers(filter: MsrFilter, profile: KernelProfile, indices: readonly number[]): unknown[] {
  const vm = reference.createVm({ profile, base });
  const errno = vm.setFilter(filter, 'normal');
  return [errno, ...indices.flatMap((index) => [vm.allows!(index, 0), vm.allows!(index, 1)])];
}

const meant = ({ flags, ranges }: MsrFilter): MsrFilter => ({ flags, ranges: ranges.map(padded) });

describe('lint', () => {
  it('never throws, and reports codes that exist', () => {
    assert(
      property(msrFilter(), (filter) => {
        const codes = lint(filter, { profiles: KERNEL_PROFILES, mask: 3 }).map(({ code }) => code);
        for (const code of codes) expect(Object.keys(LINT_CODES)).toContain(code);
      }),
      { numRuns: 60 },
    );
  });

  it('has an error exactly where a kernel refuses the filter', () => {
    assert(
      property(msrFilter(), (filter) => {
        const errors = lint(filter, { profiles: KERNEL_PROFILES }).filter(({ severity }) => severity === 'error');
        const refused = KERNEL_PROFILES.some((profile) => answers(filter, profile, [])[0] !== 0);
        expect(errors.length > 0).toBe(refused);
      }),
      { numRuns: 60 },
    );
  });

  const NEVER: ReadonlySet<LintCode> = new Set<LintCode>(['range-wraps', 'x2apic-only', 'never-matches', 'no-effect']);

  it('says that a range does nothing only if the reference decides the same without it', () => {
    let seen = 0;
    assert(
      property(msrFilter(), (filter) => {
        const whole = meant(filter);
        const indices = boundaries(whole);
        const before = answers(whole, NEWEST_PROFILE, indices);
        if (before[0] !== 0) return;
        for (const { code, where } of lint(filter, { profiles: [NEWEST_PROFILE] })) {
          if (!NEVER.has(code)) continue;
          const rest = { flags: whole.flags, ranges: whole.ranges.toSpliced(where.range!, 1) };
          const after = answers(rest, NEWEST_PROFILE, indices);
          // The last range of a filter that denies by default: without it, the ioctl refuses.
          if (after[0] !== 0) expect(rest.ranges.every(({ nmsrs }) => nmsrs === 0)).toBe(true);
          else expect(after).toEqual(before);
          seen++;
        }
      }),
      { numRuns: 80 },
    );
    expect(seen).toBeGreaterThan(5);
  });
});

describe('fix', () => {
  it('changes no decision on any kernel, and leaves nothing to fix', () => {
    let mendedOnes = 0;
    assert(
      property(msrFilter(), (filter) => {
        const options = { profiles: KERNEL_PROFILES };
        const fixed = fix(filter, options);
        mendedOnes += fixed.mended.length;
        const indices = [...boundaries(filter), ...boundaries(fixed.filter)];
        for (const profile of KERNEL_PROFILES) {
          expect(answers(fixed.filter, profile, indices)).toEqual(answers(meant(filter), profile, indices));
        }
        expect(lint(fixed.filter, options)).toEqual(fixed.left);
        expect(formatFilter(fix(fixed.filter, options).filter)).toBe(formatFilter(fixed.filter));
      }),
      { numRuns: 60 },
    );
    expect(mendedOnes).toBeGreaterThan(20);
  });

  it.each(REAL_FILTERS)('$id: leaves no finding that it could mend', ({ filter }) => {
    const { left, mended } = fix(filter);
    expect(left.filter(({ code }) => FIXABLE.has(code))).toEqual([]);
    expect(mended).toEqual(lint(filter).filter(({ code }) => FIXABLE.has(code)));
  });

  it('makes a filter that the kernel takes of those with byte-rounded bitmaps', () => {
    for (const id of ['baud', 'replay', 'allow-inkernel', 'cloud-hypervisor', 'selftest-filter-deny-short']) {
      const { filter } = fix(REAL_FILTERS.find((entry) => entry.id === id)!.filter);
      expect(reference.createVm({ profile: NEWEST_PROFILE, base }).setFilter(filter, 'normal'), id).toBe(0);
    }
  });

  it('keeps one of several handlers of the same MSR', () => {
    const { filter } = fix(REAL_FILTERS.find(({ id }) => id === 'qemu-duplicate-handlers')!.filter);
    expect(filter.ranges).toHaveLength(1);
  });

  it('leaves out a range that only kept another one from deciding', () => {
    const range = (byte: number) => ({ flags: 1, base: 0x10, nmsrs: 1, bitmap: new Uint8Array(8).fill(byte, 0, 1) });
    const { filter, mended } = fix({ flags: 0, ranges: [range(1), range(0)] });
    expect(filter.ranges).toEqual([]);
    expect(mended.map(({ code, where }) => [code, where.range])).toEqual([
      ['never-matches', 1],
      ['no-effect', 0],
    ]);
  });

  it('keeps the last range of a filter that denies by default, though it never matches', () => {
    const range = { flags: 3, base: 0xffff_ffff, nmsrs: 1, bitmap: new Uint8Array(8) };
    const { filter, left } = fix({ flags: 1, ranges: [range, range] });
    expect(filter.ranges).toHaveLength(1);
    expect(left.map(({ code }) => code)).toContain('range-wraps');
  });

  it('leaves alone a bitmap that lacks bits which decide, and ranges of a refused filter', () => {
    const short = { flags: 3, base: 0x10, nmsrs: 9, bitmap: new Uint8Array(1) };
    const idle = { flags: 3, base: 0x20, nmsrs: 1, bitmap: new Uint8Array(8).fill(1, 0, 1) };
    const { filter, mended } = fix({ flags: 0, ranges: [short, idle] });
    expect(filter.ranges).toEqual([short, idle]);
    expect(mended).toEqual([]);
  });
});
