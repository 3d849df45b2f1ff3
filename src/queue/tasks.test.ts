import { describe, expect, it } from 'vitest';
import { ReductionMemory } from '../fuzz/reductions.ts';
import type { ShardTask } from '../fuzz/shard.ts';
import { encodeTask, parseTask } from './messages.ts';
import { QueueError } from './queue-error.ts';

const SIGNATURES = Array.from({ length: 4096 }, (_, i) => [`verdict svm 0,1 region ${i}`, `${i}`.padStart(16, '0')]);

function task(shard: number, reductions: ReadonlyMap<string, string>): ShardTask {
  return {
    ...{ shard, firstCase: shard * 64, cases: 64, steering: [4, 1, 16], knownPairs: Uint8Array.of(0, 255, 7) },
    ...{ reductions, timeouts: [{ case: 70, engine: 1 }] },
  };
}

describe('tasks in a queue', () => {
  it('come back as they were, with many reductions and with none', () => {
    for (const size of [0, 1, 100, 4096]) {
      const message = { run: 'r', task: task(1, new Map(SIGNATURES.slice(0, size) as [string, string][])) };
      expect(parseTask(encodeTask(message))).toEqual(message);
    }
    expect(parseTask(encodeTask({ run: 'r' }))).toEqual({ run: 'r' });
  });

  it('tell what was known after a shard, though it is one map as long as nothing is added', () => {
    const memory = new ReductionMemory();
    memory.learn({ signatures: [['a', '1']], divergences: [] });
    memory.learn(undefined);
    const before = memory.after(0);
    expect(memory.after(1)).toBe(before);
    memory.learn({ signatures: [['b', '2']], divergences: [] });
    expect([...memory.after(2)]).toEqual([
      ['a', '1'],
      ['b', '2'],
    ]);
    expect([...before]).toEqual([['a', '1']]);
    expect([...memory.after(0)]).toEqual([['a', '1']]);
  });

  it('are refused with reductions that cannot be read', () => {
    const text = encodeTask({ run: 'r', task: task(1, new Map([['a', '1']])) });
    expect(() => parseTask(text.replace('map', 'mop'))).toThrow(QueueError);
    expect(() => parseTask(text.replace('{\\"map', 'x\\"map'))).toThrow(QueueError);
  });
});
