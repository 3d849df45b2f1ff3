/** What a part of the bench has measured, and how it reads: as text, as Markdown, as charts. */
import { table } from '../src/cli/render.ts';
import type { Chart } from './chart.ts';

/** A measured ratio or share beside its aim. */
export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly aim?: Aim;
}

export type Aim = { readonly atLeast: number } | { readonly atMost: number };

export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface Section {
  readonly name: string;
  readonly tables: readonly Table[];
  readonly figures: readonly Figure[];
  readonly charts: readonly Chart[];
  /** The numbers behind all that, for machines. */
  readonly data: unknown;
}

/** What the parts are run with. */
export interface BenchOptions {
  /** A folder that is removed afterwards. */
  readonly folder: string;
  /** Rounds of the micro parts, each rival once per round. */
  readonly rounds: number;
  /** Rounds of whole processes. */
  readonly processRounds: number;
  /** Of each whole process. */
  readonly seconds: number;
  /** Tells people what is going on. */
  readonly say: (line: string) => void;
}

export type Part = (options: BenchOptions) => Promise<Section>;

/** 0.842, 12.3, 1,234 */
export function number(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString('en-US');
  return value
    .toPrecision(3)
    .replace(/(\.\d*?)0+$/, '$1')
    .replace(/\.$/, '');
}

export const countedRanges = (count: number): string => `${count} range${count === 1 ? '' : 's'}`;

function meets(value: number, aim: Aim): boolean {
  return 'atLeast' in aim ? value >= aim.atLeast : value <= aim.atMost;
}

function aimText(aim: Aim): string {
  return 'atLeast' in aim ? `at least ${aim.atLeast}` : `at most ${aim.atMost}`;
}

const FIGURE_HEAD = ['measure', 'measured', 'aim', 'met'];

function figureRow({ what, value, aim }: Figure): string[] {
  return [what, number(value), aim ? aimText(aim) : '-', aim ? (meets(value, aim) ? 'yes' : 'no') : '-'];
}

export function figuresTable(sections: readonly Section[]): Table {
  const rows = sections.flatMap(({ figures }) => figures.map(figureRow));
  return { title: 'Ratios and aims', head: FIGURE_HEAD, rows };
}

export function asText(tables: readonly Table[]): string {
  return tables.map(({ title, head, rows }) => `${title}\n\n${table([head, ...rows])}`).join('\n\n');
}

export function asMarkdown({ title, head, rows }: Table): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]!.length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`;
  const rule = line(widths.map((width) => '-'.repeat(width)));
  return [`### ${title}`, '', line(head), rule, ...rows.map(line)].join('\n');
}
