import { describe, expect, it } from 'vitest';
import { reference } from '../engines/reference.ts';
import { NOT_APPLICABLE, type Trace } from '../engines/runner.ts';
import type { Scenario } from '../model/scenario.ts';
import { Verdict } from '../model/verdict.ts';
import { agree, blame, type KnownPlaces, type Observation, observe } from './compare.ts';

const everyone = (): boolean => true;
const nothing: KnownPlaces = { concerns: () => false, abstains: () => false };

/** [subject, expected, got] of each dissenter. */
function dissent(vector: readonly number[], votes: (engine: number) => boolean = everyone): number[][] {
  const found: number[][] = [];
  blame(vector, votes, (...who) => found.push(who));
  return found;
}

describe('blame', () => {
  it('names nobody if all agree', () => {
    expect(dissent([4, 4, 4])).toEqual([]);
    expect(dissent([])).toEqual([]);
  });

  it('names who differs from most', () => {
    expect(dissent([4, 4, 1, 4])).toEqual([[2, 4, 1]]);
    expect(dissent([1, 4, 4, 4])).toEqual([[0, 4, 1]]);
    expect(dissent([1, 4, 4, 0, 4])).toEqual([
      [0, 4, 1],
      [3, 4, 0],
    ]);
  });

  it('follows the first engine in a tie', () => {
    expect(dissent([4, 1])).toEqual([[1, 4, 1]]);
    expect(dissent([4, 1, 1, 4])).toEqual([
      [1, 4, 1],
      [2, 4, 1],
    ]);
    expect(dissent([0, 1, 2])).toEqual([
      [1, 0, 1],
      [2, 0, 2],
    ]);
  });

  it('leaves out who takes no part', () => {
    expect(dissent([NOT_APPLICABLE, 1, 4])).toEqual([[2, 1, 4]]);
    expect(dissent([NOT_APPLICABLE, NOT_APPLICABLE])).toEqual([]);
  });

  it('names who abstains, but does not count the vote', () => {
    // Two engines known to differ there do not outvote the one that does not.
    expect(dissent([4, 0, 0], (engine) => engine === 0)).toEqual([
      [1, 4, 0],
      [2, 4, 0],
    ]);
    expect(dissent([0, 4], (engine) => engine === 1)).toEqual([[0, 4, 0]]);
    expect(dissent([0, 4], () => false)).toEqual([]);
  });
});

const SCENARIO: Scenario = {
  events: [
    { kind: 'cap', mask: 7n },
    { kind: 'access', batch: { indices: Uint32Array.of(0x10, 0x20), types: Uint8Array.of(0, 1) } },
    { kind: 'access', batch: { indices: Uint32Array.of(0x30), types: Uint8Array.of(0) } },
  ],
};

function trace(verdicts: readonly number[], codes: readonly number[] = [0, 0, 0], change: Partial<Trace> = {}): Trace {
  return {
    engine: reference,
    codes: Int32Array.from(codes),
    verdicts: Uint8Array.from(verdicts),
    routes: new Uint8Array(verdicts.length),
    comparableEvents: codes.length,
    comparableAccesses: verdicts.length,
    incomparable: '',
    failure: undefined,
    ...change,
  };
}

function observed(traces: readonly Trace[], places: KnownPlaces = nothing, known = false): Observation[] {
  const found: Observation[] = [];
  const note = (seen: Observation): boolean => {
    found.push(seen);
    return known;
  };
  const astray = traces.map(() => Number.POSITIVE_INFINITY);
  observe(SCENARIO, traces, note, places, astray);
  return found;
}

const { ALLOW, GP, EXIT_FILTER } = Verdict;

describe('agree', () => {
  const same = trace([0, 2, 0]);

  it('says whether verdicts and codes are equal', () => {
    expect(agree([same, trace([0, 2, 0])], 3)).toBe(true);
    expect(agree([same, trace([0, 2, 1])], 3)).toBe(false);
    expect(agree([same, trace([0, 2, 0], [-22, 0, 0])], 3)).toBe(false);
    expect(agree([same, trace([0, 2, 0], [NOT_APPLICABLE, 0, 0])], 3)).toBe(true);
  });

  it('does not compare what an engine takes no part in', () => {
    const part = { comparableEvents: 2, comparableAccesses: 2 };
    expect(agree([same, trace([0, 2, 4], [0, 0, 0], part)], 3)).toBe(true);
    expect(agree([same, trace([0, 1, 0], [0, 0, 0], part)], 3)).toBe(false);
  });

  it('is not content with an engine that failed', () => {
    expect(agree([same, trace([0, 2, 0], [0, 0, 0], { failure: { event: 2, message: 'threw' } })], 3)).toBe(false);
  });

  it('compares the others where the first takes no part', () => {
    const none = trace([0, 0, 0], [0, 0, 0], { comparableEvents: 0, comparableAccesses: 0 });
    expect(agree([none, same, trace([0, 2, 1])], 3)).toBe(false);
  });
});

describe('observe', () => {
  it('names place, engine and results', () => {
    const [found, ...more] = observed([trace([0, 2, 0]), trace([0, 2, 0]), trace([0, 0, 0])]);
    expect(more).toEqual([]);
    expect(found).toMatchObject({ kind: 'verdict', subject: 2, event: 1, access: 1, index: 0x20, type: 1 });
    expect(found).toMatchObject({ expected: EXIT_FILTER, got: ALLOW, vector: [EXIT_FILTER, EXIT_FILTER, ALLOW] });
  });

  it('takes what follows at later events for a consequence', () => {
    const traces = [trace([0, 2, 0]), trace([0, 2, 0]), trace([0, 0, 1])];
    expect(observed(traces).map(({ event }) => event)).toEqual([1]);
    // A known divergence explains nothing.
    expect(observed(traces, nothing, true).map(({ event }) => event)).toEqual([1, 2]);
  });

  it('compares errno as well', () => {
    const [found] = observed([trace([0, 2, 0]), trace([0, 1, 0], [-22, 0, 0])]);
    expect(found).toMatchObject({ kind: 'errno', subject: 1, event: 0, access: -1, expected: 0, got: -22 });
  });

  it('asks who abstains', () => {
    const traces = [trace([0, EXIT_FILTER, 0]), trace([0, ALLOW, 0]), trace([0, ALLOW, 0])];
    expect(observed(traces).map(({ subject }) => subject)).toEqual([0]);
    const places: KnownPlaces = {
      concerns: (index) => index === 0x20,
      abstains: (subject, kind, index, type, got) =>
        subject > 0 && kind === 'verdict' && index === 0x20 && type === 1 && got === ALLOW,
    };
    expect(observed(traces, places).map(({ subject }) => subject)).toEqual([1, 2]);
  });

  it('reports an engine that failed, once', () => {
    const failure = { event: 1, message: 'threw RangeError' };
    const failed = trace([GP, GP, GP], [0, 0, 0], { failure, comparableEvents: 1, comparableAccesses: 0 });
    const found = observed([trace([0, 2, 0]), failed]);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ kind: 'engine-error', subject: 1, event: 1, message: 'threw RangeError' });
  });
});
