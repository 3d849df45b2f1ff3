/** docs/limits.md says what the sources do. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ROOT } from '../e2e/cli.ts';

const ROW = /^\| (.+?) +\| +(\d+) \| `(\w+)` *\| (\S+?) *\|$/gm;
const rows = [...readFileSync(join(ROOT, 'docs/limits.md'), 'utf8').matchAll(ROW)];

/** Numbers, with products and shifts. */
function numberIn(expression: string): number {
  const [left, operator, right] = expression.split(/ (\*|<<) /);
  const [a, b] = [left, right ?? '0'].map((text) => Number(text!.replaceAll('_', ''))) as [number, number];
  if (operator === undefined) return a;
  return operator === '*' ? a * b : a * 2 ** b;
}

it.each(rows.map(([, what, limit, name, path]) => ({ what, limit, name, path })))('$what', ({ limit, name, path }) => {
  const source = readFileSync(join(ROOT, path!), 'utf8');
  const expression = new RegExp(`^(?:export )?const ${name} = ([^;]+);`, 'm').exec(source)?.[1];
  expect(numberIn(expression!)).toBe(Number(limit));
});

it('the table has them all', () => {
  expect(rows.length).toBeGreaterThan(30);
});
