import { isDeepStrictEqual } from 'node:util';
import { SHIPPED_LEDGER } from '../../../src/fuzz/ledger.ts';
import { readLedger } from '../../../src/fuzz/ledger-json.ts';
import { isU32 } from '../check-filter.ts';
import { accepted, asText, expect, type Target } from '../target.ts';

export const target: Target = {
  name: 'ledger',
  form: 'json',
  seeds: [JSON.stringify(SHIPPED_LEDGER), '[]'],
  words: [
    ...['id', 'title', 'owner', 'link', 'profiles', 'expires', 'kind', 'engines', 'indices', 'type', 'expected', 'got'],
    ...['read', 'write', 'verdict', 'errno', 'gp', 'allow', 'filter', '6.18', '2027-02-29', '2024-02-29', '9999-12-31'],
  ],
  sources: ['src/fuzz/ledger'],
  run(input) {
    const entries = accepted(() => readLedger(asText(input), 'FILE'), 'FILE');
    if (!entries) return;
    for (const { indices, expires, id } of entries) {
      expect(isU32(indices[0]) && isU32(indices[1]), 'indices that are none');
      expect(indices[0] <= indices[1], `indices from ${indices[0]} to ${indices[1]}: it matches nothing`);
      expect(new Date(expires).toISOString().startsWith(expires), `the day ${expires} is none`);
      expect(/^[\w.-]{1,64}$/.test(id), 'an id that is none');
    }
    const ids = new Set(entries.map(({ id }) => id));
    expect(ids.size === entries.length, 'two entries with one id are counted as one');
    expect(isDeepStrictEqual(readLedger(JSON.stringify(entries), 'again'), entries), 'JSON gives back other entries');
  },
};
