import { describe, expect, it } from 'vitest';
import { type Model, simulate } from './model.ts';

/** Nothing takes time but what a test says. */
const FREE: Model = {
  ...{ threads: 1, threadsPerWorker: 1, ahead: 64, shardSeconds: 0, shardSpread: 0 },
  ...{ coordinator: 0, redis: 0, worker: 0, latency: 0 },
  ...{ pollsPerSecond: 0, pollSeconds: 0, statementSeconds: 0, statementsPerSecond: 1, seconds: 100, seed: 1 },
};

const within = (value: number, expected: number, share = 0.02): void => {
  expect(Math.abs(value / expected - 1)).toBeLessThan(share);
};

describe('the model of a queue', () => {
  it('has one thread work without a pause but for the way to Redis and back', () => {
    const { perSecond, threadsBusy } = simulate({ ...FREE, shardSeconds: 0.2, latency: 0.01 });
    // The result goes there and is confirmed, the next job is asked for and comes.
    within(perSecond, 1 / (0.2 + 4 * 0.01));
    within(threadsBusy, 0.2 / 0.24);
  });

  it('is as fast as its threads, as long as nothing else limits it', () => {
    const { perSecond, coordinatorBusy } = simulate({ ...FREE, threads: 20, shardSeconds: 0.5, coordinator: 0.001 });
    within(perSecond, 40);
    within(coordinatorBusy, 0.04);
  });

  it('is as fast as its window lets it be: a window full of shards per round trip', () => {
    const { perSecond, inFlight } = simulate({ ...FREE, threads: 1000, ahead: 32, shardSeconds: 0.5, latency: 0.05 });
    expect(inFlight).toBe(32);
    // To Redis, to a worker that is told and asks, the shard, and the result back through Redis; a worker that has just
    // finished another one asks at that moment, and need not be told.
    expect(perSecond).toBeGreaterThan((32 / (0.5 + 6 * 0.05)) * 0.98);
    expect(perSecond).toBeLessThan((32 / (0.5 + 4 * 0.05)) * 1.02);
  });

  it('is no faster than a coordinator that never rests', () => {
    const { perSecond, coordinatorBusy } = simulate({
      ...{ ...FREE, threads: 500, ahead: 2048, shardSeconds: 0.1, coordinator: 0.002, seconds: 20 },
    });
    within(perSecond, 500);
    within(coordinatorBusy, 1);
  });

  it('is no faster than a Redis that never rests, and polling takes its part of that', () => {
    const redis = { ...FREE, threads: 500, ahead: 2048, shardSeconds: 0.1, redis: 0.001, seconds: 20 };
    within(simulate(redis).perSecond, 1000);
    const { perSecond, redisBusy } = simulate({ ...redis, pollsPerSecond: 10, pollSeconds: 0.0001 });
    within(perSecond, 500, 0.05);
    within(redisBusy, 1);
  });

  it('gives the same for the same seed, and waits for shards that take long', () => {
    const model = { ...FREE, threads: 64, ahead: 128, shardSeconds: 0.2, shardSpread: 0.5, seconds: 40 };
    expect(simulate(model)).toEqual(simulate(model));
    expect(simulate({ ...model, seed: 2 })).not.toEqual(simulate(model));
    const narrow = simulate({ ...model, ahead: 64 });
    expect(narrow.perSecond).toBeLessThan(simulate(model).perSecond);
    expect(narrow.waiting).toBeGreaterThan(10);
  });
});
