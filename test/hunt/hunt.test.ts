/** The short form of `npm run hunt`: every input that ever failed, and a fixed search in every target. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../e2e/cli.ts';
import { minimizeInput } from './minimize.ts';
import { Search } from './search.ts';
import { accepted, Fault, type Target } from './target.ts';
import { findTarget, TARGETS } from './targets.ts';

const REGRESSIONS = join(ROOT, 'test/hunt/regressions');
/** Inputs of the search, fewer of what takes long. */
const INPUTS = 5_000;
const OTHERS: Readonly<Record<string, number>> = {
  ...{
    answers: 25_000,
    frames: 25_000,
    rows: 150,
    http: 300,
    certificate: 600,
    options: 1500,
    policy: 2000,
    nightly: 2000,
    ledger: 2000,
  },
  ...{ 'filter-formats': 1500, 'ground-truth': 2000 },
};

describe.each(TARGETS)('%s', (name) => {
  it('refuses what failed once as documented', async () => {
    const folder = join(REGRESSIONS, name);
    const target = await findTarget(name);
    for (const file of existsSync(folder) ? readdirSync(folder).sort() : []) {
      await target.run(new Uint8Array(readFileSync(join(folder, file))));
    }
  });

  it('withstands a search', async () => {
    const inputs = OTHERS[name] ?? INPUTS;
    const search = new Search({ target: await findTarget(name), seed: 1, kept: [], coverage: undefined });
    const traces = Error.stackTraceLimit;
    // A trace for each refusal takes longer than most readers.
    Error.stackTraceLimit = 0;
    try {
      await search.start();
      await search.until(inputs);
    } finally {
      Error.stackTraceLimit = traces;
    }
    expect(search.inputs).toBeGreaterThanOrEqual(inputs);
  });
});

describe('the search', () => {
  const faulty: Target = {
    name: 'faulty',
    form: 'text',
    seeds: ['abc'],
    words: ['BUG'],
    sources: [],
    run(input) {
      accepted(() => {
        if (Buffer.from(input).includes('BUG')) throw new TypeError('met');
      });
    },
  };

  it('finds a fault, and the shortest input for it', async () => {
    let last = new Uint8Array(0);
    const onInput = (input: Uint8Array): void => {
      last = input.slice();
    };
    const search = new Search({ target: faulty, seed: 1, kept: [], coverage: undefined, onInput });
    await expect(search.until(10_000)).rejects.toThrow(TypeError);
    const fails = async (input: Uint8Array): Promise<boolean> => Buffer.from(input).includes('BUG');
    expect(Buffer.from(await minimizeInput(last, fails)).toString()).toBe('BUG');
  });

  it('takes an endless, many-lined or wordless refusal for a fault', () => {
    for (const message of ['two\nlines, not one', `long ${'x'.repeat(2000)}`, 'no']) {
      const refuse = (): never => {
        throw new RangeError(message);
      };
      expect(() => accepted(refuse, '', RangeError)).toThrow(Fault);
    }
  });
});
