import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DivergenceQuery } from './search.ts';
import { COVERAGE, createCampaign, DRIVERS, divergence, shardRecord, temporaryFolder } from './store.fixture.ts';
import { Store } from './store.ts';

describe.each(DRIVERS)('search on driver $name', (driver) => {
  let folder: string;
  let store: Store;
  beforeAll(async () => {
    folder = temporaryFolder();
    store = await Store.open(join(folder, 'db.sqlite'), { driver });
    const first = await createCampaign(store);
    const rows = [
      divergence('a1'),
      { ...divergence('a2', 9), subject: 'vmx', vector: { reference: 0, svm: 0, vmx: 2 }, got: 2, size: 3 },
      { ...divergence('a3'), kind: 'errno', rules: ['flags checked', 'nmsrs checked'], msr: null, write: null },
    ];
    await store.recordShard({ ...shardRecord(first, 0, rows), covered: { features: 5, pairs: 6 } }, []);
    await store.finishCampaign(first, 'finished', COVERAGE);
    const second = await createCampaign(store);
    const odd = { ...divergence('b4'), message: "100% O'Hara", msr: 0xc000_0080, profile: '6.1' };
    await store.recordShard(shardRecord(second, 0, [odd]), []);
    await store.setStatus('a2', { status: 'known', note: '', author: '' });
  });
  afterAll(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });

  it.each<[string, DivergenceQuery, string[]]>([
    ['everything', {}, ['a1', 'a2', 'a3', 'b4']],
    ['statuses', { statuses: ['known', 'fixed'] }, ['a2']],
    ['kinds', { kinds: ['errno'] }, ['a3']],
    ['an engine', { subject: 'vmx' }, ['a2']],
    ['two engines', { between: ['vmx', 'svm'] }, ['a2']],
    ['two engines of which one takes no part', { between: ['vmx', 'reference'], subject: 'svm' }, []],
    ['a verdict, and not an errno of that number', { verdict: 1 }, ['a1', 'b4']],
    ['a rule', { rule: 'nmsrs checked' }, ['a3']],
    ['MSRs', { msrs: [0xc000_0080, 5] }, ['b4']],
    ['no MSR at all', { msrs: [] }, []],
    ['a profile', { profile: '6.1' }, ['b4']],
    ['a campaign', { campaign: 2 }, ['b4']],
    ['reopened', { reopened: true }, []],
    ['text with the characters of patterns', { text: "100% o'h" }, ['b4']],
    ['part of an id', { text: 'A2' }, ['a2']],
    ['several at once', { kinds: ['verdict'], subject: 'svm', profile: 'newest' }, ['a1']],
    ['most cases first', { order: 'cases', limit: 1 }, ['a2']],
    ['smallest first', { order: 'size', limit: 2 }, ['a2', 'a1']],
    ['a page', { offset: 1, limit: 2 }, ['a2', 'a3']],
  ])('finds by %s', async (_, query, ids) => {
    const { total, rows } = await store.divergencePage(query);
    expect(rows.map(({ id }) => id)).toEqual(ids);
    expect(total).toBe(query.limit === undefined ? ids.length : 4);
  });

  it('names what there is to search for', async () => {
    expect(await store.facets()).toEqual({
      subjects: ['svm', 'vmx'],
      kinds: ['errno', 'verdict'],
      profiles: ['6.1', 'newest'],
      rules: ['flags checked', 'nmsrs checked', 'range end inclusive'],
    });
  });

  it('counts by pairs of engines what has them disagree', async () => {
    expect(await store.disagreements()).toEqual({
      engines: ['reference', 'svm', 'vmx'],
      counts: [
        [0, 3, 1],
        [3, 0, 1],
        [1, 1, 0],
      ],
    });
  });

  it('takes no name that every object has for an engine of each divergence', async () => {
    const own = await Store.open(join(folder, 'names.sqlite'), { driver });
    const vector = { reference: 0, constructor: 1 };
    const rows = [divergence('a1'), { ...divergence('a2'), subject: 'constructor', vector }];
    await own.recordShard(shardRecord(await createCampaign(own), 0, rows), []);
    const { engines, counts } = await own.disagreements();
    await own.close();
    expect(counts[engines.indexOf('constructor')]).toEqual(engines.map((name) => Number(name === 'reference')));
  });

  it('sums campaigns up, newest first', async () => {
    expect(await store.campaignSummaries(10)).toMatchObject([
      { id: 2, state: 'running', divergences: 1, firstSeen: 1, coverage: null },
      { id: 1, state: 'finished', divergences: 3, firstSeen: 3, coverage: { features: 1, pairs: 0 } },
    ]);
    expect(await store.progress(1)).toEqual([
      { seconds: 0, cases: 32, accesses: 320, features: 5, pairs: 6, divergences: 3 },
    ]);
  });

  it('tells that another connection has written', async () => {
    const before = await store.dataVersion();
    expect(await store.dataVersion()).toBe(before);
    const other = await Store.open(join(folder, 'db.sqlite'), { driver });
    await other.setStatus('a1', { note: 'seen', author: '' });
    await other.close();
    expect(await store.dataVersion()).not.toBe(before);
  });
});
