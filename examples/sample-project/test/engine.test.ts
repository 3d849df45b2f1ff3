import 'msrdiff/vitest';
import { builtInEngine } from 'msrdiff';
import { expect, it } from 'vitest';
import * as engine from '../src/engine.ts';

it('agrees with the reference', { timeout: 120_000 }, async () => {
  await expect(engine).toAgreeWith('reference', { cases: 256 });
});

it('agrees with an engine object, under the rules of an older kernel', { timeout: 120_000 }, async () => {
  await expect(engine).toAgreeWith(builtInEngine('interval'), { cases: 64, profile: '6.1' });
});

it('is equivalent to the reference for every filter of one range', { timeout: 120_000 }, async () => {
  await expect(engine).toBeProvenEquivalent({ ranges: 1 });
});
