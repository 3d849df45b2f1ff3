import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { lockHolders } from './lock-holder.ts';
import { DRIVERS, temporaryFolder } from './store.fixture.ts';
import { storeError } from './store-error.ts';

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true }));

it.skipIf(!existsSync('/proc/locks') || !existsSync('/usr/bin/python3'))(
  'names the process that has locked a database',
  async () => {
    const path = join(folder, 'locked.sqlite');
    const db = await DRIVERS[0]!.open(path, { readOnly: false });
    await db.exec('PRAGMA journal_mode = WAL; CREATE TABLE t (a)');
    await db.close();
    const script = `import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()`;
    const holder = spawn('python3', ['-c', script, path], { stdio: ['pipe', 'pipe', 'inherit'] });
    try {
      await once(holder.stdout, 'data');
      expect(lockHolders(path)).toEqual([holder.pid]);
      const busy = Object.assign(new Error('busy'), { code: 'SQLITE_BUSY', errno: 5 });
      expect((storeError(path, busy) as Error).message).toBe(
        `database ${path} is locked by another process (${holder.pid}): wait for it, or name another file with --database`,
      );
    } finally {
      holder.kill();
      await once(holder, 'close');
    }
    expect(lockHolders(path)).toEqual([]);
  },
);
