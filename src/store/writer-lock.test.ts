import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { COVERAGE, createCampaign, DRIVERS, shardRecord, temporaryFolder } from './store.fixture.ts';
import { Store } from './store.ts';

const hasProc = existsSync('/proc/self/stat');

describe.each(DRIVERS)('the lock of a writer on driver $name', (driver) => {
  let folder: string;
  let path: string;
  let store: Store;
  beforeEach(async () => {
    folder = temporaryFolder();
    path = join(folder, 'db.sqlite');
    store = await Store.open(path, { driver });
  });
  afterEach(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });

  async function lockedBy(pid: number, { host = hostname(), started = '', age = 0 }): Promise<void> {
    const db = await driver.open(path, { readOnly: false });
    const row = [pid, host, started, Date.now() - age];
    await db.run('INSERT OR REPLACE INTO writer (one, pid, host, started, heartbeat) VALUES (1, ?, ?, ?, ?)', row);
    await db.close();
  }

  it('refuses a second campaign, and takes one when the first has ended', async () => {
    const first = await createCampaign(store);
    const other = await Store.open(path, { driver });
    await expect(createCampaign(other)).rejects.toMatchObject({
      code: 'MSRDIFF_STORE',
      message: expect.stringContaining(`is being written by another campaign (process ${process.pid}): wait for it`),
    });
    await expect(other.resumeCampaign()).rejects.toThrow('another campaign');
    await store.recordShard(shardRecord(first, 0), []);
    await store.finishCampaign(first, 'finished', COVERAGE);
    const second = await createCampaign(other);
    await expect(store.recordShard(shardRecord(first, 1), [])).rejects.toThrow('not locked by this campaign');
    await expect(store.finishCampaign(first, 'finished', COVERAGE)).rejects.toThrow('not locked by this campaign');
    await other.close();
    expect((await store.campaigns()).map(({ id, state }) => [id, state])).toEqual([
      [first, 'finished'],
      [second, 'interrupted'],
    ]);
  });

  it('refuses while another process lives, and takes over when it is gone', async () => {
    const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)']);
    await once(child, 'spawn');
    await lockedBy(child.pid!, {});
    await expect(createCampaign(store)).rejects.toThrow(`(process ${child.pid})`);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await expect(createCampaign(store)).resolves.toBe(1);
  });

  it.runIf(hasProc)('is not fooled by a pid that was used again', async () => {
    await lockedBy(process.ppid, { started: '1' });
    await expect(createCampaign(store)).resolves.toBe(1);
  });

  it.runIf(hasProc)('takes a zombie for gone', async () => {
    // The shell becomes a "sleep", which never asks for an exit code. "cat" lasts until that has happened: the shell
    // itself asks for the code of a child that ends before.
    const parent = spawn('sh', ['-c', 'exec 3<&0; cat <&3 >/dev/null & echo $!; exec sleep 60']);
    const [text] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(text.toString());
    const stat = (): string[] => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    await vi.waitFor(() => expect(readFileSync(`/proc/${parent.pid}/comm`, 'utf8')).toBe('sleep\n'), 10_000);
    parent.stdin.end();
    await vi.waitFor(() => expect(stat()[0]).toBe('Z'), 10_000);
    await lockedBy(pid, { started: stat()[19]! });
    await expect(createCampaign(store)).resolves.toBe(1);
    parent.kill();
  });

  it('asks for a sign of life from another host', async () => {
    await lockedBy(1, { host: 'elsewhere', age: 30_000 });
    await expect(createCampaign(store)).rejects.toThrow('(process 1 on elsewhere)');
    await lockedBy(1, { host: 'elsewhere', age: 61_000 });
    await expect(createCampaign(store)).resolves.toBe(1);
  });

  it.runIf(hasProc)('knows a living process by its start', async () => {
    const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)']);
    await once(child, 'spawn');
    const started = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]!.split(' ')[19]!;
    await lockedBy(child.pid!, { started });
    await expect(createCampaign(store)).rejects.toThrow(`(process ${child.pid})`);
    child.kill('SIGKILL');
  });

  it('gives signs of life while a shard takes long', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'] });
    try {
      await createCampaign(store);
      const db = await driver.open(path, { readOnly: true });
      const beat = async (): Promise<number> => Number((await db.all('SELECT heartbeat FROM writer'))[0]?.heartbeat);
      const before = await beat();
      vi.advanceTimersByTime(20_000);
      // Behind the heartbeat in the queue, which runs when the clock is at 20 s.
      await store.campaigns();
      expect((await beat()) - before).toBe(20_000);
      await db.close();
    } finally {
      vi.useRealTimers();
    }
  });

  it('lets nobody write who has lost it', async () => {
    const id = await createCampaign(store);
    await lockedBy(1, { host: 'elsewhere' });
    await expect(store.recordShard(shardRecord(id, 0), [])).rejects.toThrow('another one took over');
    expect(await store.shards(id)).toEqual([]);
  });
});
