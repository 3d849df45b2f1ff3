// What is quick enough for every change; msrdiff.config.mjs says what runs every night. Needs vitest:
//
//   npx vitest run msrdiff
import 'msrdiff/vitest';
import { expect, it } from 'vitest';
import * as engine from './engine.mjs';

it('agrees with the reference on random filters and accesses', { timeout: 120_000 }, async () => {
  await expect(engine).toAgreeWith('reference', { cases: 512 });
});

it('is equivalent to the reference for every filter with up to two ranges', { timeout: 120_000 }, async () => {
  await expect(engine).toBeProvenEquivalent({ ranges: 2 });
});
