import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PROOF_SEED } from './campaigns.ts';
import { COVERAGE, divergence, shardRecord, temporaryFolder } from './store.fixture.ts';
import { Store } from './store.ts';
import { survivalCurve } from './survival.ts';

describe('survivalCurve', () => {
  it('is the Kaplan-Meier estimate', () => {
    // By hand: at 6, 3 of 21; at 7, 1 of 17; ... (Freireich's remission data, 6-MP arm, from 6 to 16.)
    const shown = [6, 6, 6, 7, 10, 13, 16].map((cases) => ({ cases, shown: true }));
    const censored = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35, 22, 23].map((cases) => ({ cases, shown: false }));
    const curve = survivalCurve([...shown, ...censored]);
    expect(curve.map(({ cases }) => cases)).toEqual([0, 6, 7, 10, 13, 16]);
    const shares = [1, 0.857, 0.807, 0.753, 0.69, 0.627];
    for (const [i, { share }] of curve.entries()) expect(share).toBeCloseTo(shares[i]!, 3);
  });

  it('is flat where nothing has shown', () => {
    expect(survivalCurve([{ cases: 5, shown: false }])).toEqual([{ cases: 0, share: 1 }]);
  });
});

it('counts the campaigns that could have shown a divergence', async () => {
  const folder = temporaryFolder();
  const store = await Store.open(join(folder, 'db.sqlite'));
  const engines = ['reference', 'svm'];
  const run = async (firstCase: number | null, names = engines, profile = 'newest', seed = '1'): Promise<void> => {
    const id = await store.createCampaign(seed, profile, names, {});
    const found = firstCase === null ? [] : [{ ...divergence('aa'), firstCase }];
    await store.recordShard(shardRecord(id, 0, found), []);
    await store.finishCampaign(id, 'finished', COVERAGE);
  };
  await run(null);
  await run(9);
  await run(null);
  await run(null, ['reference', 'vmx']);
  await run(null, ['svm', 'vmx'], '6.1');
  await run(0, engines, 'newest', PROOF_SEED);
  await run(4);
  await run(null);
  // The second, the third (32 cases, not shown) and the last but one; not the proof.
  const curve = await store.survival('aa');
  expect(curve.map(({ cases }) => cases)).toEqual([0, 5, 10]);
  expect(curve.map(({ share }) => Math.round(share * 1000))).toEqual([1000, 667, 333]);
  await store.close();
  rmSync(folder, { recursive: true });
});
