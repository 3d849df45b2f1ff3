import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { lockNight } from './night-lock.ts';

const folder = mkdtempSync(join(tmpdir(), 'msrdiff-lock-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('is held by one night at a time', async () => {
  const database = join(folder, 'sub', 'd.db');
  const unlock = await lockNight(database);
  await expect(lockNight(database)).rejects.toMatchObject({
    code: 'MSRDIFF_INPUT',
    message: expect.stringContaining(`another night is running on database ${database}`),
  });
  await (await lockNight(join(folder, 'other.db')))();
  await unlock();
  await (await lockNight(database))();
});

it('tells where it cannot be', async () => {
  await expect(lockNight('/dev/null/d.db')).rejects.toMatchObject({ code: 'MSRDIFF_INPUT' });
});
