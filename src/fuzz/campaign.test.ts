import { describe, expect, it } from 'vitest';
import { CASES_PER_SHARD, Campaign, type CampaignTotals, type ShardOutcome } from './campaign.ts';
import { Coverage } from './coverage.ts';
import type { ShardTask } from './shard.ts';
import { KNOB_VALUE_COUNT } from './space.ts';

const SHARDS = 200;

/** What a shard comes to depends on what it was told, as with real ones. */
function outcomeOf({ shard, cases, steering }: ShardTask): ShardOutcome {
  const coverage = new Coverage();
  coverage.pairs[shard % 7] = 1 << (shard % 8);
  const told = steering.reduce((sum, weight, i) => (sum * 31 + weight * i) >>> 0, shard);
  const counts = Array.from({ length: KNOB_VALUE_COUNT }, (_, i) => (told + i) % 5);
  return {
    failures: [],
    result: {
      ...{ shard, cases, accesses: cases, verdicts: [cases, 0, 0, 0, 0], digest: told.toString(16).padStart(32, '0') },
      ...{ divergences: [], again: [], signatures: [], incidents: [], known: {}, samples: {} },
      coverage: { features: [...coverage.features], pairs: coverage.pairs },
      ...{ uses: counts, news: counts.toReversed(), seconds: 0, engineSeconds: 0 },
    },
  };
}

interface Run {
  readonly totals: CampaignTotals;
  readonly shards: readonly number[];
  /** Shards that the sink received at a time. */
  readonly together: readonly number[];
  /** That the sink was told of last. */
  readonly told: number;
}

async function run(ahead: number, delay: (shard: number) => number, shardCases?: number): Promise<Run> {
  const campaign = new Campaign(ahead, shardCases);
  const shards: number[] = [];
  const together: number[] = [];
  let told = 0;
  await campaign.run(
    { cases: SHARDS * CASES_PER_SHARD, workers: Number.POSITIVE_INFINITY },
    async (task) => {
      await new Promise((resolve) => setTimeout(resolve, delay(task.shard)));
      return outcomeOf(task);
    },
    async (accepted, totals) => {
      shards.push(...accepted.map(({ folded }) => folded.shard));
      together.push(accepted.length);
      told = totals.shards;
      await new Promise((resolve) => setTimeout(resolve, 1));
    },
    new AbortController().signal,
  );
  return { totals: campaign.totals, shards, together, told };
}

describe('a campaign', () => {
  it('is the same in whatever order shards come back, and its sink gets each once, in order', async () => {
    const inOrder = Array.from({ length: SHARDS }, (_, shard) => shard);
    const [early, late] = [await run(32, () => 0), await run(32, (shard) => (shard * 7919) % 13)];
    expect(early.totals).toEqual(late.totals);
    for (const { shards, told } of [early, late]) {
      expect(shards).toEqual(inOrder);
      expect(told).toBe(SHARDS);
    }
  });

  it('hands over together what is there together', async () => {
    const { together, totals } = await run(128, (shard) => (shard % 100 === 50 ? 30 : 0));
    expect(Math.max(...together)).toBeGreaterThan(8);
    expect(Math.max(...together)).toBeLessThanOrEqual(64);
    expect(totals.cases).toBe(SHARDS * CASES_PER_SHARD);
  });

  it('has shards of as many cases as asked for, the last one of what is left', async () => {
    const { totals, shards } = await run(32, () => 0, 300);
    expect(totals.cases).toBe(SHARDS * CASES_PER_SHARD);
    expect(shards).toHaveLength(Math.ceil((SHARDS * CASES_PER_SHARD) / 300));
  });

  it('is another one with another number of shards ahead', async () => {
    expect((await run(32, () => 0)).totals.digest).not.toBe((await run(64, () => 0)).totals.digest);
  });
});
