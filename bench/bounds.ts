/**
 * Which bound of `msrdiff prove` disproves which planted bug, and after how many filters or sequences.
 *
 *   npm run bounds -- [--only ID|GROUP[,...]] [--write]
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { PLANTED_BUGS } from '../test/planted/catalogue.ts';
import { type Bound, rangesBound, statesBound } from '../test/planted/proofs.ts';
import type { PlantedBug } from '../test/planted/support.ts';

const MOST_RANGES = 2;
const MOST_CHANGES = 3;
const BEGIN = '<!-- npm run bounds -- --only lookup --write -->';
const END = '<!-- end -->';

const { values } = parseArgs({ options: { only: { type: 'string' }, write: { type: 'boolean', default: false } } });
const only = values.only?.split(',');
const bugs = PLANTED_BUGS.filter(({ id, group }) => !only || only.includes(id) || only.includes(group));
if (bugs.length === 0) throw new Error(`no planted bug is named ${values.only}`);

function row(bug: PlantedBug, bounds: readonly (Bound | undefined)[]): string {
  const cells = bounds.map((bound) => (bound ? `${bound.bound} ${bound.frame} (${bound.cases})` : '-'));
  return `| ${[bug.group, bug.id, bug.title, ...cells].join(' | ')} |`;
}

const rows: string[] = [];
let found = 0;
for (const bug of bugs) {
  const bounds = [rangesBound(bug, MOST_RANGES), statesBound(bug, MOST_CHANGES)];
  if (bounds.some(Boolean)) found++;
  rows.push(row(bug, bounds));
  console.log(rows.at(-1));
}
const summary = `${found} of ${bugs.length} planted bugs are disproved by one bound or the other.`;
console.log(summary);
if (values.write) {
  const path = 'docs/proofs.md';
  const text = readFileSync(path, 'utf8');
  const [before, rest] = [text.slice(0, text.indexOf(BEGIN) + BEGIN.length), text.slice(text.indexOf(END))];
  const head =
    '| group | bug | mistake | --ranges, frame (filters) | --states (sequences) |\n| --- | --- | --- | --- | --- |';
  writeFileSync(path, `${before}\n\n${summary}\n\n${head}\n${rows.join('\n')}\n\n${rest}`);
}
