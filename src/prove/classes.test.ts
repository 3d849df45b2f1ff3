import { describe, expect, test } from 'vitest';
import type { MsrFilter } from '../model/filter.ts';
import { NEWEST_PROFILE } from '../model/profile.ts';
import type { AccessBatch } from '../model/scenario.ts';
import { ClassMaker, ordersOf, type Unit, unitsOf } from './classes.ts';
import { enumerate } from './enumeration.ts';
import type { RangesPlan } from './plan.ts';

const plan = (ranges: number, vendors: RangesPlan['vendors'] = []): RangesPlan => ({
  kind: 'ranges',
  engines: [],
  profile: NEWEST_PROFILE.id,
  ranges,
  vendors,
});

function unit(frame: string, ranges: number, vendors: RangesPlan['vendors'] = ['vmx', 'svm']): Unit {
  return unitsOf(plan(ranges, vendors), NEWEST_PROFILE).find((u) => u.frame.id === frame && u.ranges === ranges)!;
}

/** Everything that a unit's classes run; copies. */
function runsOf(of: Unit): { filter: MsrFilter; batch: AccessBatch }[][] {
  const maker = new ClassMaker(of);
  const classes: { filter: MsrFilter; batch: AccessBatch }[][] = [];
  ordersOf(of, 0, of.parents, (order) => {
    const runs: { filter: MsrFilter; batch: AccessBatch }[] = [];
    maker.make(order, (filter, { indices, types }) => {
      const ranges = filter.ranges.map((range) => ({ ...range, bitmap: range.bitmap?.slice() ?? null }));
      runs.push({ filter: { flags: filter.flags, ranges }, batch: { indices: indices.slice(), types: types.slice() } });
      return true;
    });
    classes.push(runs);
  });
  return classes;
}

describe('units', () => {
  test('cut every order into shards, once', () => {
    for (const of of unitsOf(plan(3, ['vmx']), NEWEST_PROFILE)) {
      let orders = 0;
      for (let shard = 0; shard < of.shards; shard++) {
        const from = shard * of.parentsPerShard;
        ordersOf(of, from, Math.min(from + of.parentsPerShard, of.parents), () => orders++);
      }
      expect([of.frame.id, of.ranges, orders]).toEqual([of.frame.id, of.ranges, enumerate(of).orders]);
    }
  });

  test('number their shards in a row', () => {
    let next = 0;
    for (const { firstShard, shards } of unitsOf(plan(4, ['vmx', 'svm']), NEWEST_PROFILE)) {
      expect(firstShard).toBe(next);
      next += shards;
    }
  });

  test('leave out frames of bitmaps that no engine has', () => {
    const frames = (vendors: RangesPlan['vendors']) => unitsOf(plan(1, vendors), NEWEST_PROFILE).map((u) => u.frame.id);
    expect(frames([]).filter((id) => /vmx|svm/.test(id))).toEqual([]);
    expect(frames(['svm'])).toContain('svm-0xc0010000');
    expect(frames(['svm'])).not.toContain('vmx-0xc0000000');
  });
});

describe('filters of a class', () => {
  test.each(['free', 'words', 'pages', 'zero', 'sign', 'top', 'x2apic', 'vmx-0xc0000000', 'svm-low-candidates'])(
    'are valid, in frame %s',
    (frame) => {
      const runs = runsOf(unit(frame, 2)).flat();
      const invalid = runs.flatMap(({ filter }) =>
        filter.ranges.filter(({ base, nmsrs, bitmap, flags }) => {
          const fits = base >= 0 && base <= 0xffff_ffff && nmsrs >= 1 && nmsrs <= 12_288;
          return !fits || bitmap!.length !== Math.ceil(nmsrs / 64) * 8 || ![1, 2, 3].includes(flags);
        }),
      );
      expect(runs.length).toBeGreaterThan(0);
      expect(invalid).toEqual([]);
    },
  );

  test('have every combination of flags in every round', () => {
    for (const runs of runsOf(unit('free', 2))) {
      const seen = new Set(runs.map(({ filter }) => filter.ranges.map(({ flags }) => flags).join()));
      expect(seen.size).toBe(9);
      expect(runs.length % 9).toBe(0);
    }
  });

  test('name the bit that is consulted: no two bits, nor the default, have the same word', () => {
    for (const runs of runsOf(unit('x2apic', 2))) {
      const rounds = runs.filter((_, i) => i % 9 === 0).map(({ filter }) => filter);
      const { indices } = runs[0]!.batch;
      const word = (of: (filter: MsrFilter) => number): string => rounds.map(of).join('');
      const words = [word(({ flags }) => 1 - flags), '0'.repeat(rounds.length), '1'.repeat(rounds.length)];
      for (const [slot, { base, nmsrs }] of rounds[0]!.ranges.entries()) {
        for (const index of new Set(indices)) {
          const bit = index - base;
          if (bit < 0 || bit >= nmsrs) continue;
          words.push(word(({ ranges }) => (ranges[slot]!.bitmap![bit >>> 3]! >>> (bit & 7)) & 1));
        }
      }
      expect(new Set(words).size).toBe(words.length);
    }
  });

  test('are accessed on both sides of every end, in both directions', () => {
    for (const runs of runsOf(unit('x2apic', 2))) {
      const { filter, batch } = runs[0]!;
      const half = batch.indices.length / 2;
      expect([...batch.indices.subarray(0, half)]).toEqual([...batch.indices.subarray(half)]);
      expect(batch.types.subarray(0, half).every((type) => type === 0)).toBe(true);
      expect(batch.types.subarray(half).every((type) => type === 1)).toBe(true);
      for (const { base, nmsrs } of filter.ranges) {
        for (const end of [base, base + nmsrs]) for (const at of [end - 1, end]) expect(batch.indices).toContain(at);
      }
    }
  });

  test('wrap at the top: base + nmsrs ends at 2^32, before it and past it', () => {
    const ends = new Set(
      runsOf(unit('top', 1)).map(([run]) => run!.filter.ranges[0]!.base + run!.filter.ranges[0]!.nmsrs),
    );
    expect([...ends].map((end) => Math.sign(end - 2 ** 32)).sort()).toEqual([-1, 0, 1]);
  });

  test('are in every choice of slots', () => {
    const [runs] = runsOf(unit('slots', 1));
    const used = runs!.map(({ filter }) =>
      filter.ranges.findIndex(({ base, nmsrs }) => nmsrs > 0 && base < 0x5000_0000),
    );
    expect(new Set(used).size).toBe(16);
    expect(new Set(runs!.map(({ filter }) => filter.ranges.filter(({ nmsrs }) => nmsrs > 0).length))).toEqual(
      new Set([1, 16]),
    );
  });
});
