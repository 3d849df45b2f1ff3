import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DRIVERS, temporaryFolder } from './store.fixture.ts';
import { Store } from './store.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = temporaryFolder();
const built = join(folder, 'built');

/** Records shards until it is killed, and says each one that is stored. */
const SCRIPT = `
const [path, driver] = process.argv.slice(2);
const { Store } = await import(${JSON.stringify(pathToFileURL(join(built, 'store/store.js')).href)});
const { createCampaign, divergence, shardRecord } =
  await import(${JSON.stringify(pathToFileURL(join(built, 'store/store.fixture.js')).href)});
const store = await Store.open(path, { driver });
const resumed = (await store.campaigns()).at(-1);
const id = resumed ? (await store.resumeCampaign()).id : await createCampaign(store);
const first = (await store.shards(id)).length;
for (let shard = first; ; shard++) {
  await store.recordShard(shardRecord(id, shard, [divergence('aa', 2), divergence('bb' + (shard % 16).toString(16))]), []);
  process.stdout.write(shard + '\\n');
}
`;

/** The store as JavaScript: the oldest Node that msrdiff knows does not run TypeScript. */
beforeAll(() => {
  mkdirSync(built);
  const tsconfig = join(folder, 'tsconfig.json');
  const options = { noEmit: false, noCheck: true, outDir: built, rootDir: join(root, 'src') };
  const files = ['store.ts', 'store.fixture.ts'].map((name) => join(root, 'src/store', name));
  const typeRoots = [join(root, 'node_modules/@types')];
  const config = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: { ...options, typeRoots },
    files,
    include: [],
  };
  writeFileSync(tsconfig, JSON.stringify(config));
  writeFileSync(join(built, 'package.json'), '{"type":"module"}');
  writeFileSync(join(built, 'record.js'), SCRIPT);
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const compiler = dirname(createRequire(import.meta.url).resolve('typescript/package.json'));
  execFileSync(process.execPath, [join(compiler, 'bin', 'tsc'), '-p', tsconfig], { stdio: 'pipe' });
});
afterAll(() => rmSync(folder, { recursive: true }));

describe.each(DRIVERS)('kill -9 on driver $name', ({ name }) => {
  it('loses no shard that was stored, and stores none by halves', async () => {
    const path = join(folder, `${name}.sqlite`);
    let stored = 0;
    for (const delay of [0, 3, 7, 13]) {
      const child = spawn(process.execPath, [join(built, 'record.js'), path, name], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let output = '';
      let errors = '';
      const told = new Promise<void>((resolve) => {
        child.stdout.on('data', (text: Buffer) => {
          output += text;
          if (output.split('\n').length > 60) resolve();
        });
      });
      child.stderr.on('data', (text: Buffer) => {
        errors += text;
      });
      const gone = once(child, 'close');
      await Promise.race([told, gone]);
      await new Promise((resolve) => setTimeout(resolve, delay));
      child.kill('SIGKILL');
      await gone;
      // Node 22 warns that node:sqlite is experimental; the driver keeps that from users.
      expect(errors).toBe('');
      const last = Number(output.slice(0, output.lastIndexOf('\n')).split('\n').at(-1));
      expect(last).toBeGreaterThan(stored);

      const reader = await Store.open(path, { readOnly: true, driver: name });
      const shards = (await reader.shards(1)) as { shard: number }[];
      stored = shards.length;
      // The kill may come between the commit and the word of it.
      expect([last + 1, last + 2]).toContain(stored);
      expect(shards.map(({ shard }) => shard)).toEqual(shards.map((_, i) => i));
      expect(await reader.campaigns()).toMatchObject([{ state: 'running', cases: stored * 32 }]);
      expect(await reader.divergence('aa')).toMatchObject({ cases: stored * 2 });
      await reader.close();
    }
    // The lock of the dead is no obstacle.
    const store = await Store.open(path, { driver: name });
    expect(await store.resumeCampaign()).toMatchObject({ id: 1, cases: stored * 32 });
    await store.close();
    const driver = DRIVERS.find((one) => one.name === name)!;
    const db = await driver.open(path, { readOnly: true });
    expect(await db.all('PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
    expect(await db.all('PRAGMA foreign_key_check')).toEqual([]);
    await db.close();
  });
});
