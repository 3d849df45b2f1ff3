import { expect, test } from 'vitest';
import { type Filters, filtersFromQuery, isFiltered, NO_FILTERS, queryOf } from './filters.ts';

test('no query filters nothing, and nothing filtered is no query', () => {
  expect(filtersFromQuery('')).toEqual(NO_FILTERS);
  expect(queryOf(NO_FILTERS)).toBe('');
  expect(isFiltered(NO_FILTERS)).toBe(false);
});

test('all of them go there and back', () => {
  const filters: Filters = {
    status: ['new', 'wont-fix'],
    kind: ['verdict', 'bitmap:denied-passthrough'],
    engine: 'mine & yours',
    between: 'vmx,mine & yours',
    verdict: 'gp',
    rule: 'range end inclusive',
    msr: '0x174',
    profile: '6.18',
    campaign: '3',
    reopened: true,
    text: 'a=b+c%',
    order: 'size',
    offset: 100,
  };
  expect(filtersFromQuery(queryOf(filters))).toEqual(filters);
  expect(isFiltered(filters)).toBe(true);
});

test('lists stay readable', () => {
  expect(queryOf({ status: ['new', 'known'], kind: ['bitmap:nested-entry'] })).toBe(
    '?status=new,known&kind=bitmap:nested-entry',
  );
});

test('what means nothing is left out', () => {
  const query = '?status=new,broken&order=sideways&offset=-5&reopened=yes&unknown=1';
  expect(filtersFromQuery(query)).toEqual({ ...NO_FILTERS, status: ['new'] });
  expect(filtersFromQuery('?offset=1e99').offset).toBe(0);
});

test('pages begin at multiples of their length', () => expect(filtersFromQuery('?offset=73').offset).toBe(50));

test('an order alone is no filter', () =>
  expect(isFiltered({ ...NO_FILTERS, order: 'cases', offset: 50 })).toBe(false));
