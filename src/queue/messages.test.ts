import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ShardResult, ShardTask } from '../fuzz/shard.ts';
import { encode, encodeTask, parseResult, parseRun, parseStatement, parseTask } from './messages.ts';

const TASK: ShardTask = {
  shard: 7,
  firstCase: 448,
  cases: 64,
  steering: [4, 1, 16],
  knownPairs: Uint8Array.of(0, 255, 128),
  reductions: new Map([['verdict reference', '935652c896253aef']]),
  timeouts: [{ case: 450, engine: 1 }],
};
const DIVERGENCE = {
  ...{ id: '935652c896253aef', kind: 'verdict', subject: 'canary', profile: '6.18', scenario: '{}', message: '' },
  ...{ vector: { reference: 0, canary: 1, vmx: null }, expected: 0, got: 1, firstCase: 450, cases: 3, size: 2 },
  ...{ evaluations: 40, reliability: 1, msr: 0x174, write: true, rules: ['default'] },
};
const RESULT = {
  ...{ shard: 7, cases: 64, accesses: 4096, verdicts: [1, 2, 3, 4, 5], digest: '0'.repeat(32), again: [] },
  ...{ divergences: [DIVERGENCE], signatures: [['a', DIVERGENCE.id]], incidents: [], known: { x: 1 } },
  ...{ samples: {}, coverage: { features: [1, 0], pairs: Uint8Array.of(1, 2) }, uses: [1], news: [0] },
  ...{ seconds: 0.5, engineSeconds: 0.25 },
} as unknown as ShardResult;
const SHARD = { kind: 'shard' as const, run: 'r', build: 'b', outcome: { result: RESULT, failures: [] } };

describe('messages', () => {
  it('come out as they went in', () => {
    expect(parseTask(encodeTask({ run: 'r', task: TASK }))).toEqual({ run: 'r', task: TASK });
    expect(parseTask(encodeTask({ run: 'r' }))).toEqual({ run: 'r' });
    expect(parseResult(encode(SHARD))).toEqual(SHARD);
  });

  it('are compressed where they are long, and come out the same', () => {
    const reductions = new Map(Array.from({ length: 4096 }, (_, n) => [`verdict of signature ${n}`, DIVERGENCE.id]));
    const text = encodeTask({ run: 'r', task: { ...TASK, reductions } });
    expect(text.length).toBeLessThan(40_000);
    expect(parseTask(text).task!.reductions).toEqual(reductions);
  });

  it('are refused in one line if a field is missing or of another type', () => {
    const wrong = (change: object): string => encode({ ...SHARD, outcome: { ...SHARD.outcome, ...change } });
    expect(() => parseResult(wrong({ result: { ...RESULT, shard: -1 } }))).toThrow(/outcome\.result\.shard/);
    expect(() => parseResult(wrong({ result: { ...RESULT, digest: 'x' } }))).toThrow(/outcome\.result\.digest/);
    expect(() => parseResult(wrong({ failures: [{ ...DIVERGENCE, id: '../x' }] }))).toThrow(/failures\[0\]\.id/);
    const task = { ...TASK, reductions: '{"map":[]}', knownPairs: 'text' };
    expect(() => parseTask(encode({ run: 'r', task }))).toThrow(/knownPairs/);
    expect(() => parseRun('{"token":"a"}')).toThrow(/token/);
    expect(() => parseStatement('[]')).toThrow(/message in the queue/);
  });

  it('never throw anything else, whatever is in the queue', () => {
    const parsers = [parseTask, parseResult, parseRun, parseStatement];
    const texts = fc.oneof(
      fc.string(),
      fc.json(),
      fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('base64')),
      fc.json().map((text) => text.replace(/^[^{]/, '{"run":')),
    );
    fc.assert(
      fc.property(texts, fc.constantFrom(...parsers), (text, parse) => {
        try {
          parse(text);
        } catch (error) {
          expect(error).toMatchObject({ code: 'MSRDIFF_QUEUE' });
          expect((error as Error).message).not.toContain('\n');
        }
      }),
      { numRuns: 500 },
    );
  });
});
