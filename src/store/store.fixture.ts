/** What the tests of the store share: the drivers there are, a folder, and shards to record. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DRIVER_NAMES, type Driver, findDriver } from './driver.ts';
import type { ShardRecord, Store } from './store.ts';

/** All that this Node has: on Node 20 only sqlite3, from 22.13 on both. */
export const DRIVERS: readonly Driver[] = (await Promise.all(DRIVER_NAMES.map(findDriver))).filter(
  (driver) => driver !== null,
);

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'msrdiff-test-'));
}

export function divergence(id: string, cases = 1): ShardRecord['divergences'][number] {
  return {
    id,
    kind: 'verdict',
    subject: 'svm',
    profile: 'newest',
    scenario: '{"events":[]}',
    vector: { reference: 0, svm: 1, vmx: null },
    expected: 0,
    got: 1,
    message: '',
    size: 12,
    evaluations: 40,
    reliability: 1,
    msr: 0x174,
    write: true,
    rules: ['range end inclusive'],
    firstCase: 7,
    cases,
  };
}

/** Shard n of 32 cases, which a campaign records after n others. */
export function shardRecord(
  campaign: number,
  shard: number,
  divergences: ShardRecord['divergences'] = [],
): ShardRecord {
  return {
    campaign,
    shard,
    digest: `digest ${shard}`,
    result: { shard, cases: 32, features: new Array(200).fill(shard) },
    divergences,
    totals: { cases: (shard + 1) * 32, accesses: (shard + 1) * 320, seconds: shard, digest: `run ${shard}`, known: {} },
  };
}

export const COVERAGE = { features: { 'access.type=read': 3 }, featuresSeen: 1, pairsSeen: 0 };

export function createCampaign(store: Store): Promise<number> {
  // The greatest u64: more than a number holds.
  return store.createCampaign('18446744073709551615', 'newest', ['reference', 'svm'], { shardSize: 32 });
}
