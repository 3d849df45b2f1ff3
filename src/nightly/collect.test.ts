import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { COVERAGE, createCampaign, divergence, shardRecord, temporaryFolder } from '../store/store.fixture.ts';
import { Store } from '../store/store.ts';
import { collect, snapshot } from './collect.ts';

describe('what a night tells', () => {
  let folder: string;
  let store: Store;
  beforeEach(async () => {
    folder = temporaryFolder();
    store = await Store.open(join(folder, 'db.sqlite'));
  });
  afterEach(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });

  async function campaign(...ids: string[]): Promise<void> {
    const id = await createCampaign(store);
    const found = ids.map((name) => divergence(name));
    await store.recordShard(shardRecord(id, 0, found), []);
    await store.finishCampaign(id, 'finished', COVERAGE);
    // A fix is marked in another millisecond than the next campaign begins.
    await new Promise((resolve) => setTimeout(resolve, 5));
  }

  async function night(...ids: string[]): Promise<Record<string, string>> {
    const before = await snapshot(store, '2026-01-01');
    await campaign(...ids);
    const { divergences } = await collect(store, before, []);
    return Object.fromEntries(divergences.map(({ id, change }) => [id, change]));
  }

  const end = (): Promise<number> =>
    store.recordNight({ startedAt: '2026-01-01', finishedAt: '2026-01-01', campaign: null, report: {} });

  async function fix(id: string): Promise<void> {
    await store.setStatus(id, { status: 'fixed', note: '', author: 'kim' });
    await new Promise((resolve) => setTimeout(resolve, 5));
  }

  it('is what it has found that was not there before', async () => {
    await campaign('aa', 'bb');
    await fix('bb');
    expect(await night('aa', 'bb', 'cc')).toEqual({ aa: 'seen', bb: 'reopened', cc: 'new' });
    await end();
    expect(await night('aa', 'bb', 'cc')).toEqual({ aa: 'seen', bb: 'seen', cc: 'seen' });
  });

  it('is also what a night had found that was killed before its report', async () => {
    await campaign('aa', 'bb');
    await fix('bb');
    await night('bb', 'cc', 'dd');
    await store.setStatus('dd', { status: 'known', note: '', author: 'kim' });
    // Neither bb nor cc is seen this time.
    expect(await night('aa', 'dd')).toEqual({ aa: 'seen', bb: 'reopened', cc: 'new', dd: 'seen' });
    await end();
    expect(await night('bb')).toEqual({ bb: 'seen' });
  });

  it('has what waits to be mended, though it is not seen, with its reproducer', async () => {
    await campaign('aa', 'bb', 'cc', 'dd');
    await store.setStatus('bb', { status: 'triaged', note: '', author: 'kim' });
    await store.setStatus('cc', { status: 'known', note: '', author: 'kim' });
    const before = await snapshot(store, '2026-01-01');
    await campaign('dd');
    const { divergences, waiting, reproducers } = await collect(store, before, []);
    expect(divergences.map(({ id }) => id)).toEqual(['dd']);
    expect(waiting.map(({ id, change }) => [id, change]).sort()).toEqual([
      ['aa', 'seen'],
      ['bb', 'seen'],
    ]);
    expect([...reproducers.keys()].sort()).toEqual(['aa', 'bb', 'dd']);
  });
});
