import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { COVERAGE, createCampaign, DRIVERS, divergence, shardRecord, temporaryFolder } from './store.fixture.ts';
import { Store } from './store.ts';

const A = 'aaaa1111';
const B = 'bbbb2222';
const FAR = '9999-01-01T00:00:00.000Z';

describe.each(DRIVERS)('triage on driver $name', (driver) => {
  let folder: string;
  let store: Store;
  beforeEach(async () => {
    folder = temporaryFolder();
    store = await Store.open(join(folder, 'db.sqlite'), { driver });
  });
  afterEach(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });

  /** A campaign of one shard, as one run of msrdiff leaves it. */
  async function campaign(...ids: string[]): Promise<{ added: readonly string[]; reopened: readonly string[] }> {
    const id = await createCampaign(store);
    const recorded = await store.recordShard(
      shardRecord(
        id,
        0,
        ids.map((name) => divergence(name)),
      ),
      [],
    );
    await store.finishCampaign(id, 'finished', COVERAGE);
    return recorded;
  }

  it('keeps status and notes with author and time', async () => {
    await campaign(A);
    expect(await store.divergence(A)).toMatchObject({ status: 'new', reopened: 0 });
    await store.setStatus('aaaa', { status: 'triaged', note: 'off by one', author: 'kim' });
    await store.setStatus(A, { note: 'see the list', author: 'lee' });
    expect((await store.divergence(A)).status).toBe('triaged');
    expect(await store.history(A)).toEqual([
      { at: expect.stringMatching(/Z$/), author: 'kim', status: 'triaged', note: 'off by one' },
      { at: expect.stringMatching(/Z$/), author: 'lee', status: null, note: 'see the list' },
    ]);
    await expect(store.setStatus('cccc', { note: '', author: '' })).rejects.toThrow('has no divergence cccc');
  });

  it('reopens what was fixed and shows again, and only that', async () => {
    await campaign(A, B);
    await store.setStatus(A, { status: 'fixed', note: '', author: 'kim' });
    await store.setStatus(B, { status: 'wont-fix', note: '', author: 'kim' });
    expect(await campaign(A, B)).toEqual({ added: [], reopened: [A] });
    expect(await store.divergence(A)).toMatchObject({ status: 'new', reopened: 1 });
    expect((await store.history(A)).at(-1)).toMatchObject({ author: 'msrdiff', note: 'found again by campaign 2' });
    expect(await store.divergence(B)).toMatchObject({ status: 'wont-fix', reopened: 0 });
    // It is new now: once is enough.
    expect(await campaign(A)).toEqual({ added: [], reopened: [] });
    expect(await store.statusCounts()).toEqual({
      counts: { new: 1, triaged: 0, known: 0, fixed: 0, 'wont-fix': 1 },
      reopened: 1,
    });
  });

  it('does not take an engine that was loaded before the fix for a regression', async () => {
    const id = await createCampaign(store);
    await store.recordShard(shardRecord(id, 0, [divergence(A)]), []);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await store.setStatus(A, { status: 'fixed', note: '', author: 'kim' });
    expect(await store.recordShard(shardRecord(id, 1, [divergence(A)]), [])).toEqual({ added: [], reopened: [] });
    await store.finishCampaign(id, 'interrupted', COVERAGE);
    // Resumed, it has loaded the engine anew.
    await store.resumeCampaign(id);
    expect(await store.recordShard(shardRecord(id, 2, [divergence(A)]), [])).toEqual({ added: [], reopened: [A] });
  });

  it('reopens what diverges again elsewhere', async () => {
    await campaign(A);
    expect(await store.reopen(A, 'diverges again')).toBe(false);
    await store.setStatus(A, { status: 'fixed', note: '', author: 'kim' });
    expect(await store.reopen(A, 'diverges again')).toBe(true);
    expect(await store.divergence(A)).toMatchObject({ status: 'new', reopened: 1 });
  });

  it('prunes what is settled, and never what nobody has looked at', async () => {
    const ids = ['a0', 'a1', 'a2', 'a3', 'a4'];
    await campaign(...ids);
    for (const [i, status] of (['triaged', 'known', 'fixed', 'wont-fix'] as const).entries()) {
      await store.setStatus(ids[i + 1]!, { status, note: '', author: 'kim' });
    }
    expect(await store.prune({ before: '2000-01-01', maxBytes: 1e9 })).toMatchObject({ campaigns: 0, divergences: 0 });
    expect(await store.prune({ before: FAR, maxBytes: 1e9 })).toMatchObject({ campaigns: 1, divergences: 2 });
    expect((await store.divergences()).map(({ status }) => status)).toEqual(['new', 'triaged', 'known']);
    // What the campaign showed is still known.
    expect(await store.occurrences('a0')).toMatchObject([{ campaign: 1, cases: 1, firstCase: 7 }]);
    expect(await store.progress(1)).toEqual([]);
    expect(await store.campaigns()).toMatchObject([{ id: 1, cases: 32, state: 'finished' }]);
  });

  it('prunes the oldest campaigns until the database is small enough', async () => {
    for (let n = 0; n < 3; n++) {
      const id = await createCampaign(store);
      await store.recordShard({ ...shardRecord(id, 0), result: 'x'.repeat(200_000) }, []);
      await store.finishCampaign(id, 'interrupted', COVERAGE);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const { bytes, campaigns } = await store.prune({ before: '2000-01-01', maxBytes: 400_000 });
    expect({ campaigns, fits: bytes <= 400_000 }).toEqual({ campaigns: 2, fits: true });
    expect((await store.shards(1)).length + (await store.shards(2)).length).toBe(0);
    expect(await store.shards(3)).toHaveLength(1);
    await expect(store.resumeCampaign(1)).rejects.toThrow('campaign 1');
    await expect(store.resumeCampaign(3)).resolves.toMatchObject({ id: 3 });
  });

  it('keeps what the newest campaign showed, however small the database is to be', async () => {
    await campaign('a0', 'a1');
    await store.setStatus('a0', { status: 'wont-fix', note: '', author: 'kim' });
    await new Promise((resolve) => setTimeout(resolve, 5));
    await campaign('a0');
    expect(await store.prune({ before: '2000-01-01', maxBytes: 0 })).toMatchObject({ campaigns: 1, divergences: 0 });
    expect((await store.divergences()).map(({ status }) => status)).toEqual(['wont-fix', 'new']);
  });

  it('does not prune under a running campaign', async () => {
    await createCampaign(store);
    const other = await Store.open(join(folder, 'db.sqlite'), { driver });
    await expect(other.prune({ before: FAR, maxBytes: 0 })).rejects.toThrow('is being written by another campaign');
    await other.close();
  });

  it('keeps nights in order', async () => {
    for (const n of [1, 2, 3]) {
      const night = { startedAt: `2026-01-0${n}`, finishedAt: `2026-01-0${n}`, campaign: null, report: { n } };
      expect(await store.recordNight(night)).toBe(n);
    }
    expect((await store.nights(2)).map(({ report }) => report)).toEqual([{ n: 2 }, { n: 3 }]);
  });

  it('remembers a night that did not end, until one does', async () => {
    expect(await store.beginNight('2026-01-01', { n: 1 })).toEqual({ n: 1 });
    expect(await store.nights(9)).toEqual([]);
    await store.prune({ before: FAR, maxBytes: 0 });
    expect(await store.beginNight('2026-01-02', { n: 2 })).toEqual({ n: 1 });
    await store.recordNight({ startedAt: '2026-01-02', finishedAt: '2026-01-02', campaign: null, report: {} });
    expect(await store.beginNight('2026-01-03', { n: 3 })).toEqual({ n: 3 });
    expect(await store.nights(9)).toHaveLength(1);
  });
});
