import { describe, expect, it } from 'vitest';
import type { CampaignRow } from '../store/store.ts';
import { readStoredConfig, readStoredShards } from './stored-config.ts';

const WORKER = {
  ...{ seed: '7', profile: '6.18', engines: [{ kind: 'built-in', name: 'reference' }], ledger: [] },
  ...{ day: '2026-01-02', accessesPerCase: 64, sample: { every: 8, accesses: 16 }, kernels: {} },
};
const CONFIG = { worker: WORKER, cases: 64, seconds: null };
const SHARD = {
  ...{ shard: 0, cases: 64, accesses: 10, verdicts: [10, 0, 0, 0, 0], digest: 'd', known: {} },
  ...{ uses: [1], news: [0], features: [3], newPairs: [[0, 255]] },
};

const row = (config: unknown): CampaignRow => ({ id: 3, config }) as unknown as CampaignRow;

describe('stored campaigns', () => {
  it('are read as they were written, by this version and by older ones', () => {
    const token = '0131925b-8497-4518-95fe-e92818749cf9';
    for (const config of [CONFIG, { ...CONFIG, cases: null, seconds: 2.5, ahead: 64, shardCases: 128, token }]) {
      expect(readStoredConfig(row(config))).toEqual(config);
    }
    expect(readStoredShards(3, [SHARD, { ...SHARD, shard: 1 }])).toHaveLength(2);
  });

  it('are refused in one line that names campaign and field', () => {
    const wrong =
      (change: object): (() => unknown) =>
      () =>
        readStoredConfig(row({ ...CONFIG, ...change }));
    expect(() => readStoredConfig(row('text'))).toThrow(
      /^campaign 3 cannot be resumed, as its configuration is damaged/,
    );
    expect(wrong({ worker: { ...WORKER, seed: 'x' } })).toThrow(/worker\.seed/);
    expect(wrong({ worker: { ...WORKER, profile: '99' } })).toThrow(/worker\.profile: there is no such profile/);
    expect(wrong({ worker: { ...WORKER, engines: [{ kind: 'shell' }] } })).toThrow(/worker\.engines\[0\]\.kind/);
    expect(wrong({ worker: { ...WORKER, sample: { every: 0, accesses: 1 } } })).toThrow(/sample\.every/);
    expect(() => readStoredShards(3, [{ ...SHARD, newPairs: [1] }])).toThrow(/shard 0 is damaged \(newPairs\[0\]/);
    expect(() => readStoredShards(3, [{ ...SHARD, shard: 1 }])).toThrow(/shard 0 is missing/);
  });
});
