import { describe, expect, it } from 'vitest';
import type { FoundDivergence } from './findings.ts';
import { type Reduced, ReductionMemory, turnOf } from './reductions.ts';

const divergence = (id: string, firstCase = 0): FoundDivergence => ({
  ...{ id, kind: 'verdict', subject: 'e', profile: 'p', scenario: `{"of":"${id}"}`, vector: {}, expected: 0, got: 1 },
  ...{ message: '', firstCase, cases: 1, size: 1, evaluations: 9, reliability: 1 },
  ...{ msr: null, write: null, rules: [] },
});

const reduced = (...signatures: [string, string][]): Reduced => ({
  divergences: [...new Set(signatures.map(([, id]) => id))].map((id) => divergence(id)),
  again: [],
  signatures,
});

describe('ReductionMemory', () => {
  it('tells what was known after each shard, whatever came later', () => {
    const memory = new ReductionMemory();
    memory.learn(memory.news(reduced(['a', '1'])));
    memory.learn(undefined);
    memory.learn(memory.news(reduced(['a', '1'], ['b', '2'])));
    const told = memory.after(1);
    memory.learn(memory.news(reduced(['c', '1'])));
    expect([...memory.after(-1)]).toEqual([]);
    expect([...memory.after(0)]).toEqual([['a', '1']]);
    expect([...told]).toEqual([['a', '1']]);
    expect([...memory.after(2)]).toEqual([
      ['a', '1'],
      ['b', '2'],
    ]);
    expect(memory.after(3).size).toBe(3);
  });

  it('keeps a divergence once, and the first one of a signature', () => {
    const memory = new ReductionMemory();
    memory.learn(memory.news(reduced(['a', '1'])));
    expect(memory.news(reduced(['a', '2']))).toBeUndefined();
    expect(memory.news(reduced(['b', '1']))).toEqual({ signatures: [['b', '1']], divergences: [] });
  });

  it('is the same when it is built from what has been stored', () => {
    const memory = new ReductionMemory();
    const again = new ReductionMemory();
    for (const shard of [reduced(['a', '1']), reduced(), reduced(['b', '2'], ['c', '1'])]) {
      const news = memory.news(shard);
      memory.learn(news);
      again.learn(news && JSON.parse(JSON.stringify(news)));
    }
    for (let shard = -1; shard < 3; shard++) expect([...again.after(shard)]).toEqual([...memory.after(shard)]);
    const met = [{ id: '2', firstCase: 70, cases: 3 }];
    expect(again.recall(met)).toEqual([{ ...divergence('2', 70), cases: 3 }]);
    expect(again.recall(met)).toEqual(memory.recall(met));
  });

  it('does not grow without limit', () => {
    const memory = new ReductionMemory();
    memory.learn(memory.news(reduced(...Array.from({ length: 5000 }, (_, i): [string, string] => [`s${i}`, '1']))));
    expect(memory.after(0).size).toBe(4096);
  });
});

describe('turnOf', () => {
  it('chooses among what is known', () => {
    const known = new Map([['b', '1']]);
    expect(turnOf(['a', 'b', 'c'], known, 7)).toBe('b');
    expect(turnOf(['a', 'c'], known, 7)).toBeUndefined();
  });

  it('gives each its turn', () => {
    const known = new Map(Array.from({ length: 20 }, (_, i) => [`verdict|e|${i}`, '1']));
    const turns = Array.from({ length: 200 }, (_, shard) => turnOf(known.keys(), known, shard));
    expect(new Set(turns).size).toBe(20);
  });

  it('does not depend on the order in which they were met', () => {
    const met = ['a', 'b', 'c', 'd'];
    const known = new Map(met.map((signature) => [signature, '1']));
    for (let shard = 0; shard < 20; shard++) {
      expect(turnOf([...met].reverse(), known, shard)).toBe(turnOf(met, known, shard));
    }
  });
});
