import fc from 'fast-check';
import { expect, test } from 'vitest';
import { reference } from '../../src/engines/reference.ts';
import { catalogueBase } from '../../src/model/catalogue.ts';
import { NEWEST_PROFILE } from '../../src/model/profile.ts';
import { Verdict } from '../../src/model/verdict.ts';
import { FirstMatch } from './first-match.ts';
import { Cell, RangeBits } from './range-bits.ts';

const base = fc.oneof(
  fc.integer({ min: 0, max: 40 }),
  fc.integer({ min: 0x7f0, max: 0x910 }),
  fc.integer({ min: 0xffff_fff0, max: 0xffff_ffff }),
);
const range = fc
  .record({
    flags: fc.integer({ min: 1, max: 3 }),
    base,
    nmsrs: fc.integer({ min: 1, max: 64 }),
    bits: fc.uint8Array({ minLength: 8, maxLength: 8 }),
  })
  .map(({ bits, ...rest }) => ({ ...rest, bitmap: bits }));
const filter = fc.record({
  flags: fc.integer({ min: 0, max: 1 }),
  ranges: fc.array(range, { minLength: 1, maxLength: 4 }),
});

test('the picture decides as the reference engine does', () => {
  // With FILTER exits alone, what the filter denies is what exits.
  const vm = reference.createVm({ profile: NEWEST_PROFILE, base: catalogueBase() });
  fc.assert(
    fc.property(filter, fc.array(base, { minLength: 1, maxLength: 30 }), fc.boolean(), (given, indices, write) => {
      vm.setFilter(given, 'normal');
      vm.enableCap!({ kind: 'cap', mask: 4n, flags: 0, cap: 188 });
      const verdicts = new Uint8Array(indices.length);
      const types = new Uint8Array(indices.length).fill(write ? 1 : 0);
      vm.access({ indices: Uint32Array.from(indices), types }, verdicts, new Uint8Array(indices.length));
      const bits = given.ranges.map((entry) => new RangeBits(entry));
      const match = new FirstMatch(given, bits, write ? 2 : 1);
      for (const [i, index] of indices.entries()) {
        const denied = verdicts[i] === Verdict.EXIT_FILTER;
        expect(match.cell(index, index + 1) === Cell.DENY).toBe(denied);
      }
    }),
    { numRuns: 200 },
  );
});

test('who decides is told', () => {
  const bitmap = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0);
  const ranges = [
    { flags: 2, base: 0x10, nmsrs: 4, bitmap },
    { flags: 3, base: 0x10, nmsrs: 8, bitmap },
  ];
  const match = new FirstMatch(
    { flags: 1, ranges },
    ranges.map((entry) => new RangeBits(entry)),
    1,
  );
  expect([0xf, 0x10, 0x17, 0x18, 0x800, 0x900].map((index) => match.decider(index))).toEqual([
    'default',
    1,
    1,
    'default',
    'exempt',
    'default',
  ]);
  expect(match.cell(0x10, 0x12)).toBe(Cell.MIXED);
  expect(match.cell(0x800, 0x900)).toBe(Cell.EXEMPT);
  expect(match.cell(0x7ff, 0x801)).toBe(Cell.MIXED);
});
