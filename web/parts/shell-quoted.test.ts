import { expect, test } from 'vitest';
import { shellQuoted } from './shell-quoted.ts';

test.each([
  ['results/msrdiff.db', 'results/msrdiff.db'],
  ['my results.db', "'my results.db'"],
  ["it's;rm", "'it'\\''s;rm'"],
])('%s', (word, quoted) => expect(shellQuoted(word)).toBe(quoted));
