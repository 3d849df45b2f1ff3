/** Puts figures and charts into a document under docs/, between its two comments. */
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
  fillIn(file, command, [machine, ...tables.map(asMarkdown), ...charts.map(image)], charts);
}

export function writeDocument(sections: readonly Section[], machine: string): void {
  const charts = sections.flatMap((section) => section.charts);
  const parts = [machine, asMarkdown(figuresTable(sections))];
  for (const section of sections) {
    parts.push(...section.tables.map(asMarkdown));
    parts.push(...section.charts.map(image));
  }
  fillIn('performance.md', 'npm run bench -- --write', parts, charts);
}

function fillIn(file: string, command: string, parts: readonly string[], charts: readonly Chart[]): void {
  mkdirSync(`${DOCS}charts`, { recursive: true });
  for (const chart of charts) writeFileSync(`${DOCS}charts/${chart.file}.svg`, svg(chart));
  const path = `${DOCS}${file}`;
  const text = readFileSync(path, 'utf8');
  const comment = `<!-- ${command} -->`;
  const [begin, end] = [text.indexOf(comment), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${path} lacks "${comment}" or "${END}"`);
  writeFileSync(path, `${text.slice(0, begin + comment.length)}\n\n${parts.join('\n\n')}\n\n${text.slice(end)}`);
}
