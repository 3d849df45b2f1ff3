/** Puts figures and charts into a document under docs/, between two comments. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type Chart, svg } from './chart.ts';
import { asMarkdown, figuresTable, type Section, type Table } from './report.ts';

const DOCS = new URL('../../docs/', import.meta.url).pathname;
const END = '<!-- end -->';

const image = ({ title, file }: Chart): string => `![${title}](charts/${file}.svg)`;

/** `command`: the one that measures, which the first comment names. */
export function writeMeasured(
  file: string,
  command: string,
  machine: string,
  tables: readonly Table[],
  charts: readonly Chart[],
): void {
  writeCharts(charts);
  writePart(file, `<!-- ${command} -->`, [machine, ...tables.map(asMarkdown), ...charts.map(image)]);
}

export function writeDocument(sections: readonly Section[], machine: string): void {
  const charts = sections.flatMap((section) => section.charts);
  const parts = [machine, asMarkdown(figuresTable(sections))];
  for (const section of sections) {
    parts.push(...section.tables.map(asMarkdown));
    parts.push(...section.charts.map(image));
  }
  writeCharts(charts);
  writePart('performance.md', '<!-- npm run bench -- --write -->', parts);
}

/** Replaces what stands in the document between the comment `begin` and the next END. */
export function writePart(file: string, begin: string, parts: readonly string[]): void {
  const path = `${DOCS}${file}`;
  const text = readFileSync(path, 'utf8');
  const from = text.indexOf(begin);
  const to = text.indexOf(END, from);
  if (from < 0 || to < 0) throw new Error(`${path} lacks "${begin}" or "${END}" after it`);
  writeFileSync(path, `${text.slice(0, from + begin.length)}\n\n${parts.join('\n\n')}\n\n${text.slice(to)}`);
}

function writeCharts(charts: readonly Chart[]): void {
  mkdirSync(`${DOCS}charts`, { recursive: true });
  for (const chart of charts) writeFileSync(`${DOCS}charts/${chart.file}.svg`, svg(chart));
}
