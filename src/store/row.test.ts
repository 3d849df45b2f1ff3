/** Rows that msrdiff never wrote, in a database that it reads. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { COVERAGE, createCampaign, DRIVERS, divergence, shardRecord, temporaryFolder } from './store.fixture.ts';
import { Store } from './store.ts';
import { StoreError } from './store-error.ts';

describe.each(DRIVERS)('rows on driver $name', (driver) => {
  const folder = temporaryFolder();
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  let files = 0;

  /** What reading says after the statement has changed the database. */
  async function afterwards(sql: string, read: (store: Store) => Promise<unknown>): Promise<unknown> {
    const path = join(folder, `${files++}.db`);
    const store = await Store.open(path, { driver });
    const campaign = await createCampaign(store);
    await store.recordShard(shardRecord(campaign, 0, [divergence('aa01')]), [{ kind: 'built-in', name: 'svm' }]);
    await store.finishCampaign(campaign, 'interrupted', COVERAGE);
    await store.close();
    const database = await driver.open(path, { readOnly: false });
    await database.exec(sql);
    await database.close();
    const reader = await Store.open(path, { driver, readOnly: true });
    try {
      return await read(reader).catch((error: unknown) => error);
    } finally {
      await reader.close();
    }
  }

  it.each([
    [`UPDATE divergences SET vector = 'null'`, 'divergence aa01: vector: expected an object'],
    [`UPDATE divergences SET vector = '{"svm":"1"}'`, 'vector.svm: expected a number'],
    [`UPDATE divergences SET vector = '{'`, 'vector:1:2: not valid JSON'],
    [`UPDATE divergences SET engines = '[null]'`, 'engines[0]: expected an object'],
    [`UPDATE divergences SET engines = '[{"kind":"command"}]'`, 'engines[0].command: missing'],
    [`UPDATE divergences SET rules = '[1]'`, 'rules[0]: expected a string'],
    [`UPDATE divergences SET size = x'00'`, 'size: expected a number'],
    [`UPDATE divergences SET cases = 'many'`, 'cases: expected a number'],
    [`UPDATE divergences SET cases = -1`, 'cases: expected a whole number from 0 on'],
  ])('%s', async (sql, problem) => {
    for (const read of [(store: Store) => store.divergences(), (store: Store) => store.divergence('aa')]) {
      const error = await afterwards(sql, read);
      expect(error).toBeInstanceOf(StoreError);
      expect((error as Error).message).toMatch(/^database .* is damaged: .*: restore a copy$/);
      expect((error as Error).message).toContain(problem);
    }
  });

  it('campaigns and coverage', async () => {
    const engines = await afterwards(`UPDATE campaigns SET engines = '{}'`, (store) => store.campaigns());
    expect(String(engines)).toContain('campaign 1: engines: expected an array');
    const features = await afterwards(`UPDATE coverage SET features = '{"a":null}'`, (store) => store.coverage(1));
    expect(String(features)).toContain('coverage of campaign 1: features.a: expected a number');
  });

  it('what is not damaged is read', async () => {
    expect(await afterwards('SELECT 1', (store) => store.divergence('aa01'))).toMatchObject({
      engines: [{ kind: 'built-in', name: 'svm' }],
      vector: { reference: 0, svm: 1, vmx: null },
    });
  });
});
