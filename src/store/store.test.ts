import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Driver } from './driver.ts';
import { BUSY_TIMEOUT_MS } from './schema.ts';
import { COVERAGE, createCampaign, DRIVERS, divergence, shardRecord, temporaryFolder } from './store.fixture.ts';
import { Store } from './store.ts';
import { StoreError } from './store-error.ts';

const A = 'aaaa000000000001';
const B = 'aaaa000000000002';
const C = 'cccc000000000003';

describe.each(DRIVERS)('a store on driver $name', (driver) => {
  let folder: string;
  let path: string;
  let store: Store;

  beforeEach(async () => {
    folder = temporaryFolder();
    path = join(folder, 'new', 'folders', 'msrdiff.sqlite');
    store = await Store.open(path, { driver });
  });
  afterEach(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });

  it('gives back campaigns as they were stored', async () => {
    const id = await createCampaign(store);
    await store.recordShard(shardRecord(id, 0), []);
    expect(await store.campaigns()).toEqual([
      {
        id,
        seed: '18446744073709551615',
        profile: 'newest',
        engines: ['reference', 'svm'],
        config: { shardSize: 32 },
        state: 'running',
        createdAt: expect.stringMatching(/^\d{4}-.*Z$/),
        startedAt: expect.stringMatching(/^\d{4}-.*Z$/),
        updatedAt: expect.stringMatching(/^\d{4}-.*Z$/),
        ...shardRecord(id, 0).totals,
      },
    ]);
  });

  it('stores a shard once', async () => {
    const id = await createCampaign(store);
    const record = shardRecord(id, 0, [divergence(A, 3)]);
    expect((await store.recordShard(record, [])).added).toEqual([A]);
    const again = { ...record, digest: 'other', divergences: [divergence(A, 3), divergence(B)] };
    expect((await store.recordShard(again, [])).added).toEqual([]);
    expect(await store.shards(id)).toEqual([record.result]);
    expect((await store.divergences()).map(({ id, cases }) => [id, cases])).toEqual([[A, 3]]);
  });

  it('does not wait for a lock of others when it is closed', async () => {
    const id = await createCampaign(store);
    const other = await driver.open(path, { readOnly: false });
    await other.exec('BEGIN IMMEDIATE');
    const started = performance.now();
    await store.close();
    // What it would wait otherwise.
    expect(performance.now() - started).toBeLessThan(0.8 * BUSY_TIMEOUT_MS);
    await other.exec('ROLLBACK');
    await other.close();
    store = await Store.open(path, { driver });
    expect(await store.campaigns()).toMatchObject([{ id, state: 'running' }]);
  });

  it('keeps times in order when the clock is set back', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2024, 0, 2) });
    try {
      const id = await createCampaign(store);
      await store.recordShard(shardRecord(id, 0, [divergence(A)]), []);
      vi.setSystemTime(Date.UTC(2024, 0, 1));
      await store.recordShard(shardRecord(id, 1, [divergence(A)]), []);
      await store.finishCampaign(id, 'finished', COVERAGE);
    } finally {
      vi.useRealTimers();
    }
    const [campaign] = await store.campaigns();
    expect(campaign!.updatedAt >= campaign!.startedAt).toBe(true);
    const found = await store.divergence(A);
    expect(found.lastSeen >= found.firstSeen).toBe(true);
  });

  it('tells divergences that are new to the database from those that are not', async () => {
    const first = await createCampaign(store);
    expect((await store.recordShard(shardRecord(first, 0, [divergence(A), divergence(B)]), [])).added).toEqual([A, B]);
    expect((await store.recordShard(shardRecord(first, 1, [divergence(B, 2), divergence(C)]), [])).added).toEqual([C]);
    await store.finishCampaign(first, 'finished', COVERAGE);
    const second = await createCampaign(store);
    const unreliable = { ...divergence(B, 4), reliability: 0.5 };
    expect((await store.recordShard(shardRecord(second, 0, [unreliable]), [])).added).toEqual([]);
    expect(await store.divergence(B)).toMatchObject({ cases: 7, reliability: 0.5, firstCampaign: first });
    expect((await store.divergences({ campaign: second })).map(({ id }) => id)).toEqual([B]);
    expect((await store.divergences({ campaign: first, subject: 'svm' })).map(({ id }) => id)).toEqual([A, B, C]);
    expect(await store.divergences({ kinds: ['verdict'], profile: 'other' })).toEqual([]);
  });

  it('adds up a divergence that one shard names twice', async () => {
    const id = await createCampaign(store);
    expect((await store.recordShard(shardRecord(id, 0, [divergence(A, 3), divergence(A, 2)]), [])).added).toEqual([A]);
    expect(await store.divergence(A)).toMatchObject({ cases: 5 });
    const db = await driver.open(path, { readOnly: true });
    expect(await db.all('SELECT cases FROM occurrences')).toEqual([{ cases: 5 }]);
    await db.close();
  });

  it('stores nothing of a shard that cannot be stored whole', async () => {
    const id = await createCampaign(store);
    await store.recordShard(shardRecord(id, 0), []);
    const bad = { ...divergence(B), kind: null as unknown as string };
    await expect(store.recordShard(shardRecord(id, 1, [divergence(A), bad]), [])).rejects.toThrow(StoreError);
    expect(await store.shards(id)).toHaveLength(1);
    expect(await store.divergences()).toEqual([]);
    expect((await store.campaigns())[0]).toMatchObject({ cases: 32, digest: 'run 0' });
    expect((await store.recordShard(shardRecord(id, 1, [divergence(A)]), [])).added).toEqual([A]);
  });

  it('stores several shards with the state after the last, all or none', async () => {
    const id = await createCampaign(store);
    const records = [0, 1, 2].map((shard) => shardRecord(id, shard, [divergence(shard === 1 ? B : A, 2)]));
    const bad = { ...divergence(C), kind: null as unknown as string };
    const broken = records.with(2, { ...records[2]!, divergences: [bad] });
    await expect(store.recordShards(broken, records[2]!, [])).rejects.toThrow(StoreError);
    expect(await store.shards(id)).toEqual([]);
    const added = (await store.recordShards(records, records[2]!, [])).map((recorded) => recorded.added);
    expect(added).toEqual([[A], [B], []]);
    expect(await store.shards(id)).toEqual(records.map(({ result }) => result));
    expect((await store.campaigns())[0]).toMatchObject({ cases: 96, digest: 'run 2' });
    expect((await store.divergences()).map(({ id, cases }) => [id, cases])).toEqual([
      [A, 4],
      [B, 2],
    ]);
    // Those that are there already change nothing.
    await store.recordShards(records, { ...records[2]!, totals: records[0]!.totals }, []);
    expect((await store.campaigns())[0]).toMatchObject({ cases: 96, digest: 'run 2' });
  });

  it('keeps transactions apart that are asked for at once', async () => {
    const id = await createCampaign(store);
    const bad = { ...divergence(B), kind: null as unknown as string };
    const calls = Array.from({ length: 20 }, (_, shard) =>
      store.recordShard(shardRecord(id, shard, [divergence(A), ...(shard % 3 === 0 ? [bad] : [])]), []),
    );
    const reads = calls.map(() => store.divergences());
    const done = await Promise.allSettled(calls);
    await Promise.all(reads);
    expect(done.filter(({ status }) => status === 'fulfilled')).toHaveLength(13);
    expect(await store.shards(id)).toHaveLength(13);
    expect(await store.divergence(A)).toMatchObject({ cases: 13 });
  });

  it('finds a divergence by a prefix that is unique', async () => {
    const id = await createCampaign(store);
    const engines = [{ kind: 'built-in', name: 'svm' }];
    await store.recordShard(shardRecord(id, 0, [divergence(A), divergence(B), divergence(C)]), engines);
    const { firstCase: _, cases, ...record } = divergence(C);
    expect(await store.divergence('C')).toEqual({
      ...record,
      cases,
      engines,
      firstSeen: expect.any(String),
      lastSeen: expect.any(String),
      firstCampaign: id,
      seed: '18446744073709551615',
      status: 'new',
      reopened: 0,
    });
    await expect(store.divergence('aaaa')).rejects.toThrow(`(${A}, ${B}): give more digits`);
    await expect(store.divergence('b')).rejects.toThrow('has no divergence b');
    await expect(store.divergence('%')).rejects.toThrow('"%" is no divergence id');
  });

  it('resumes the newest unfinished campaign, or the one asked for', async () => {
    await expect(store.resumeCampaign()).rejects.toThrow('holds no campaign to resume');
    const first = await createCampaign(store);
    for (const shard of [0, 1, 2]) await store.recordShard(shardRecord(first, shard), []);
    await store.finishCampaign(first, 'interrupted', COVERAGE);
    const second = await createCampaign(store);
    await store.recordShard(shardRecord(second, 0), []);
    await store.finishCampaign(second, 'finished', COVERAGE);
    // What only resuming needs is gone, and so is resuming.
    expect(await store.shards(second)).toEqual([null]);
    await expect(store.resumeCampaign(second)).rejects.toThrow('is finished');
    expect(await store.resumeCampaign()).toMatchObject({ id: first, state: 'running', config: { shardSize: 32 } });
    expect(await store.shards(first)).toEqual([0, 1, 2].map((shard) => shardRecord(first, shard).result));
    expect(await store.resumeCampaign(first)).toMatchObject({ id: first });
    await expect(store.resumeCampaign(9)).rejects.toThrow('holds no campaign 9');
  });

  it('stores coverage with a shard and at the end', async () => {
    const id = await createCampaign(store);
    expect(await store.coverage(id)).toBeNull();
    await store.recordShard({ ...shardRecord(id, 0), coverage: COVERAGE }, []);
    expect(await store.coverage(id)).toEqual(COVERAGE);
    await store.finishCampaign(id, 'finished', { ...COVERAGE, pairsSeen: 9 });
    expect(await store.coverage(id)).toEqual({ ...COVERAGE, pairsSeen: 9 });
  });

  it('keeps the log small over 2,000 shards, and empties it at the end', async () => {
    const id = await createCampaign(store);
    let largest = 0;
    for (let shard = 0; shard < 2000; shard++) {
      await store.recordShard(shardRecord(id, shard, [divergence(A)]), []);
      if (shard % 20 === 0) largest = Math.max(largest, statSync(`${path}-wal`).size);
    }
    expect(largest).toBeLessThan(8 << 20);
    await store.finishCampaign(id, 'finished', COVERAGE);
    expect(statSync(`${path}-wal`).size).toBe(0);
  });

  it('does not wait for a long reader when it checkpoints', async () => {
    const id = await createCampaign(store);
    const reader = await driver.open(path, { readOnly: true });
    await reader.exec('BEGIN');
    await reader.all('SELECT * FROM campaigns');
    await store.recordShard(shardRecord(id, 0), []);
    const before = Date.now();
    await store.checkpoint();
    // What it would wait otherwise.
    expect(Date.now() - before).toBeLessThan(0.8 * BUSY_TIMEOUT_MS);
    await reader.close();
    await store.recordShard(shardRecord(id, 1), []);
  });

  it('cuts the log off again when a long reader is gone', async () => {
    const id = await createCampaign(store);
    const size = (): number => statSync(`${path}-wal`).size;
    const reader = await driver.open(path, { readOnly: true });
    await reader.exec('BEGIN');
    await reader.all('SELECT * FROM campaigns');
    let shard = 0;
    const record = async (count: number): Promise<void> => {
      for (const end = shard + count; shard < end; shard++) {
        await store.recordShard(shardRecord(id, shard, [divergence(A)]), []);
      }
    };
    await record(600);
    // What the reader sees must stay: nothing can be cut off.
    expect(size()).toBeGreaterThan(8 << 20);
    await reader.exec('COMMIT');
    await record(256);
    expect(size()).toBeLessThan(8 << 20);
    // As serve and list do: many short ones, which come at any time.
    let largest = 0;
    for (let n = 0; n < 100; n++) {
      const [rows] = await Promise.all([reader.all('SELECT * FROM shards'), record(5)]);
      expect(rows.length).toBeGreaterThan(800);
      largest = Math.max(largest, size());
    }
    expect(largest).toBeLessThan(8 << 20);
    await reader.close();
  });

  it('loses nothing that was committed when the disk is full', async () => {
    await store.close();
    const limited: Driver = {
      ...driver,
      open: async (at, options) => {
        const db = await driver.open(at, options);
        await db.exec('PRAGMA max_page_count = 60');
        return db;
      },
    };
    store = await Store.open(path, { driver: limited });
    const id = await createCampaign(store);
    let stored = 0;
    const fill = async (): Promise<void> => {
      for (; stored < 1000; stored++) await store.recordShard(shardRecord(id, stored, [divergence(A)]), []);
    };
    await expect(fill()).rejects.toThrow(/^database .*\.sqlite cannot grow, the disk is full; .*--resume$/);
    expect(stored).toBeGreaterThan(50);
    await store.close();
    store = await Store.open(path, { driver });
    expect(await store.resumeCampaign()).toMatchObject({ id, cases: stored * 32 });
    expect(await store.shards(id)).toHaveLength(stored);
    expect(await store.divergence(A)).toMatchObject({ cases: stored });
    await store.recordShard(shardRecord(id, stored), []);
  });
});
