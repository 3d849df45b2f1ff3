/** Puts figures and charts into docs/performance.md, between its two comments. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { svg } from './chart.ts';
import { asMarkdown, figuresTable, type Section } from './report.ts';

const DOCS = new URL('../../docs/', import.meta.url).pathname;
const BEGIN = '<!-- npm run bench -- --write -->';
const END = '<!-- end -->';

export function writeDocument(sections: readonly Section[], machine: string): void {
  const charts = sections.flatMap((section) => section.charts);
  mkdirSync(`${DOCS}charts`, { recursive: true });
  for (const chart of charts) writeFileSync(`${DOCS}charts/${chart.file}.svg`, svg(chart));
  const parts = [machine, asMarkdown(figuresTable(sections))];
  for (const section of sections) {
    parts.push(...section.tables.map(asMarkdown));
    parts.push(...section.charts.map(({ title, file }) => `![${title}](charts/${file}.svg)`));
  }
  const path = `${DOCS}performance.md`;
  const text = readFileSync(path, 'utf8');
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${path} lacks "${BEGIN}" or "${END}"`);
  writeFileSync(path, `${text.slice(0, begin + BEGIN.length)}\n\n${parts.join('\n\n')}\n\n${text.slice(end)}`);
}
