import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countOrders } from './enumeration.ts';
import { insert, intervalOrders, levelsOf, orderHash } from './orders.ts';

describe('orders of intervals', () => {
  test('are as many as there are: OEIS A055203, and the formula', () => {
    const counts = [1, 2, 3, 4].map((ranges) => intervalOrders(ranges).length);
    expect(counts).toEqual([1, 13, 409, 23_917]);
    expect([1, 2, 3, 4, 5].map(countOrders)).toEqual([...counts, 2_244_361]);
  });

  test('are all different, start below where they end, and leave no level out', () => {
    const orders = intervalOrders(3);
    expect(new Set(orders.map((order) => order.join())).size).toBe(orders.length);
    for (const order of orders) {
      for (let i = 0; i < order.length; i += 2) expect(order[i]).toBeLessThan(order[i + 1]!);
      expect(new Set(order).size).toBe(levelsOf(order));
    }
  });

  test('hold every filter: the order of any ranges is one of them', () => {
    const known = new Set(intervalOrders(3).map((order) => order.join()));
    const range = fc.tuple(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 1, max: 8 }));
    fc.assert(
      fc.property(fc.array(range, { minLength: 3, maxLength: 3 }), (ranges) => {
        const ends = ranges.flatMap(([base, nmsrs]) => [base, base + nmsrs]);
        const levels = [...new Set(ends)].sort((a, b) => a - b);
        expect(known.has(ends.map((end) => levels.indexOf(end)).join())).toBe(true);
      }),
    );
  });

  test('of two are the relations of Allen', () => {
    const relations = {
      equals: '0101',
      before: '0123',
      after: '2301',
      meets: '0112',
      'met by': '1201',
      overlaps: '0213',
      'overlapped by': '1302',
      starts: '0102',
      'started by': '0201',
      during: '1203',
      contains: '0312',
      finishes: '1202',
      'finished by': '0212',
    };
    const orders = intervalOrders(2).map((order) => order.join(''));
    expect(orders.sort()).toEqual(Object.values(relations).sort());
  });
});

test('a point goes on every level and between all of them', () => {
  const seen: string[] = [];
  insert(Uint8Array.of(0, 1), 'point', (order) => seen.push(order.join('')));
  expect(seen).toEqual(['1200', '0100', '0211', '0111', '0122']);
});

test('hashes tell orders apart', () => {
  const hashes = new Set(intervalOrders(4).map(orderHash));
  // Some of 23,917 hashes of 24 bits are the same.
  expect(hashes.size).toBeGreaterThan(23_800);
});
