import { describe, expect, it } from 'vitest';
import { type LostAttempt, LostEngines, NO_CASE } from './lost-engines.ts';
import type { ShardResult, ShardTask } from './shard.ts';
import { NEUTRAL_STEERING } from './space.ts';

const task: ShardTask = {
  shard: 0,
  firstCase: 0,
  cases: 8,
  steering: NEUTRAL_STEERING,
  knownPairs: new Uint8Array(0),
  reductions: new Map(),
  timeouts: [],
};
const config = {
  ...{ seed: '1', profile: '6.18', engines: [], ledger: [], day: '2024-01-01', accessesPerCase: 16, kernels: {} },
  sample: { every: 1, accesses: 1 },
};
const result = { shard: 0 } as ShardResult;
const lostAt = (position: number, timedOut = false): LostAttempt => ({
  ...{ kind: 'lost', position, timedOut, engine: 1, message: 'gone' },
});

/** What the shard comes to when its attempts end like this, and what each attempt left out. */
async function survive(engines: LostEngines, ends: (LostAttempt | 'done')[]) {
  const left: number[][] = [];
  const outcome = await engines.survive(task, async ({ timeouts }) => {
    left.push(timeouts.map((lost) => lost.case));
    const end = ends.shift()!;
    return end === 'done' ? { kind: 'shard', result } : end;
  });
  return { left, failures: outcome.failures.map(({ kind, message, reliability }) => ({ kind, message, reliability })) };
}
const fresh = (): LostEngines => new LostEngines(config, ['reference', 'mine'], 1000, () => async () => undefined);

describe('an engine that is lost', () => {
  it('once leaves the shard as it would have been, and an incident', async () => {
    const { left, failures } = await survive(fresh(), [lostAt(3), 'done']);
    expect(left).toEqual([[], []]);
    const message = 'took its worker down: gone (not again when the case was run once more)';
    expect(failures).toEqual([{ kind: 'engine-error', message, reliability: 0 }]);
  });

  it('twice in the same case is left out of it and of the rest of the shard', async () => {
    const { left, failures } = await survive(fresh(), [lostAt(6, true), lostAt(6, true), 'done']);
    expect(left).toEqual([[], [], [6, 7]]);
    expect(failures).toEqual([{ kind: 'engine-timeout', message: 'no answer within 1 s', reliability: 1 }]);
  });

  it('and known to be is not tried again', async () => {
    const engines = fresh();
    await survive(engines, [lostAt(6), lostAt(6), 'done']);
    expect((await survive(engines, [lostAt(5), 'done'])).left).toEqual([[], [5, 6, 7]]);
  });

  it('in another case each time is left out in the end', async () => {
    const { left } = await survive(fresh(), [lostAt(2), lostAt(1), lostAt(4), 'done']);
    expect(left.at(-1)).toEqual([4, 5, 6, 7]);
  });
});

describe('a thread that is lost before a case', () => {
  it('is started again', async () => {
    expect(await survive(fresh(), [lostAt(NO_CASE), 'done'])).toEqual({ left: [[], []], failures: [] });
  });

  it('three times ends the campaign', async () => {
    const starts = [lostAt(NO_CASE), lostAt(NO_CASE), lostAt(NO_CASE)];
    await expect(survive(fresh(), starts)).rejects.toThrow('a worker failed to start: gone');
  });
});
