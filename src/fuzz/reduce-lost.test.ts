import { describe, expect, it } from 'vitest';
import { SCENARIO_MAX_EVENTS, type Scenario, type ScenarioEvent } from '../model/scenario.ts';
import { reduceLost } from './reduce-lost.ts';

const access = (...indices: number[]): ScenarioEvent => ({
  kind: 'access',
  batch: { indices: Uint32Array.from(indices), types: new Uint8Array(indices.length) },
});
const cap = (mask: bigint): ScenarioEvent => ({ kind: 'cap', mask });
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** What the scenario is reduced to, and how often the engine was lost and came back on the way. */
async function reduce(scenario: Scenario, lostAt: (scenario: Scenario) => number) {
  const counts = { lost: 0, back: 0 };
  const reduced = await reduceLost(scenario, async (candidate) => {
    const place = lostAt(candidate);
    counts[place < 0 ? 'back' : 'lost']++;
    return place < 0 ? undefined : place;
  });
  const events = reduced.events.map((event) => (event.kind === 'access' ? [...event.batch.indices] : event.kind));
  return { events, ...counts };
}

const has = (event: ScenarioEvent, index: number): boolean =>
  event.kind === 'access' && event.batch.indices.includes(index);

describe('a scenario from which an engine does not come back', () => {
  const scenario: Scenario = { events: [cap(1n), access(...upTo(300)), cap(2n), access(...upTo(512)), cap(3n)] };

  it('is one access after some time-outs, where one is enough', async () => {
    const result = await reduce(scenario, ({ events }) => events.findIndex((event) => has(event, 301)));
    expect(result).toEqual({ events: [[301]], lost: 5, back: 1 });
  });

  it('is one access, too, of more than a scenario can have events', async () => {
    const large: Scenario = { events: [cap(1n), access(...upTo(20_000))] };
    const result = await reduce(large, ({ events }) => {
      expect(events.length).toBeLessThanOrEqual(SCENARIO_MAX_EVENTS);
      return events.findIndex((event) => has(event, 12_345));
    });
    expect(result).toEqual({ events: [[12_345]], lost: 7, back: 1 });
  });

  it('keeps the events that it takes', async () => {
    const result = await reduce(scenario, ({ events }) => {
      const second = events.findIndex((event) => event.kind === 'cap' && event.mask === 2n);
      return second < 0 ? -1 : events.findIndex((event, i) => i > second && has(event, 7));
    });
    expect(result).toMatchObject({ events: ['cap', [7]], lost: 6 });
  });

  it('keeps the accesses that it takes', async () => {
    const result = await reduce(scenario, ({ events }) =>
      events.findIndex((event) => has(event, 400) && has(event, 401)),
    );
    expect(result.events).toEqual([expect.arrayContaining([400, 401])]);
    expect(result.events[0]!.length).toBeLessThan(512);
  });

  it('is reduced though the place that is told is wrong', async () => {
    for (const place of [0, 4]) {
      const result = await reduce(scenario, ({ events }) => (events.some((event) => has(event, 301)) ? place : -1));
      expect(result.events).toEqual([[301]]);
    }
  });

  it('stays as it is if it is not met again, and costs a bounded number of attempts', async () => {
    const unmet = await reduce(scenario, () => -1);
    expect(unmet).toMatchObject({
      events: scenario.events.map((e) => (e.kind === 'access' ? expect.anything() : 'cap')),
    });
    const long: Scenario = { events: upTo(256).map((n) => cap(BigInt(n & 7))) };
    const { lost, back } = await reduce(long, ({ events }) => (events.length > 100 ? events.length - 1 : -1));
    expect(lost + back).toBe(40);
  });
});
