import { expect, test } from 'vitest';
import { accessRates, shareDone } from './progress-series.ts';

test('speed is what has been added since the point before', () => {
  const points = [
    { seconds: 2, accesses: 100 },
    { seconds: 4, accesses: 500 },
    { seconds: 4, accesses: 600 },
  ];
  expect(accessRates(points)).toEqual([50, 200, null]);
});

test('a campaign is as far as the limit that is nearer', () => {
  expect(shareDone({ cases: 50, seconds: 9, limit: { cases: 100, seconds: 10 } })).toBe(0.9);
  expect(shareDone({ cases: 500, seconds: 9, limit: { cases: 100, seconds: null } })).toBe(1);
  expect(shareDone({ cases: 5, seconds: 9, limit: { cases: null, seconds: null } })).toBeUndefined();
});
