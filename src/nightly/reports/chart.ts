/** Line charts as SVG within an HTML page, whose style sheet (`CHART_STYLE`) gives the colours. */
import { markupText } from './escape.ts';
import { amount } from './figures.ts';

export interface Series {
  readonly name: string;
  /** x ascending. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Chart {
  readonly title: string;
  readonly y: string;
  readonly x: string;
  /** `log`: from 1 on, what is below is drawn at 1. */
  readonly xScale: 'linear' | 'log';
  /** `step`: a value holds until the next point. */
  readonly shape: 'line' | 'step';
  /** Highest y; left out: a round number above all values. */
  readonly yTop?: number;
  readonly xLabel: (x: number) => string;
  readonly series: readonly Series[];
}

const [WIDTH, HEIGHT] = [720, 280];
const PLOT = { left: 70, right: 700, top: 30, bottom: 236 };
const TICKS = 5;
const COLOURS = 8;

/** Colours are told apart on white and on black, and by people who do not see all colours alike (Okabe and Ito). */
export const CHART_STYLE = [
  ...['0072b2', 'd55e00', '009e73', 'cc79a7', '9a7d00', '56b4e9', '7f7f7f', '8f5bd6'].map(
    (colour, i) => `.c${i}{stroke:#${colour}}.k${i}{background:#${colour}}`,
  ),
  'svg{width:100%;max-width:720px;height:auto;font:12px system-ui,sans-serif}',
  'svg text{fill:var(--quiet)}svg .axis{stroke:var(--line)}svg .curve{fill:none;stroke-width:2}',
  '.key{display:inline-block;width:1em;height:.25em;margin:0 .4em 0 1em;vertical-align:middle}',
].join('\n');

export function chartHtml(chart: Chart): string {
  const drawn = chart.series.filter(({ points }) => points.length > 0);
  if (drawn.length === 0) return '';
  const keys = drawn.map(({ name }, i) => `<span class="key k${i % COLOURS}"></span>${markupText(name)}`);
  return [
    `<figure><figcaption><strong>${markupText(chart.title)}</strong>${drawn.length > 1 ? keys.join('') : ''}</figcaption>`,
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${markupText(`${chart.title}: ${chart.y} by ${chart.x}`)}">`,
    ...axes(chart, drawn),
    ...drawn.map((series, i) => curve(chart, series, drawn, i)),
    '</svg></figure>',
  ].join('\n');
}

interface Frame {
  readonly left: number;
  readonly right: number;
  readonly top: number;
}

function frameOf({ xScale, yTop }: Chart, drawn: readonly Series[]): Frame {
  const points = drawn.flatMap(({ points }) => points);
  const xs = points.map(([x]) => (xScale === 'log' ? Math.log10(Math.max(x, 1)) : x));
  const [left, right] = [xScale === 'log' ? 0 : Math.min(...xs), Math.max(...xs)];
  return { left, right: right > left ? right : left + 1, top: yTop ?? roundUp(Math.max(...points.map(([, y]) => y))) };
}

/** The next 1, 2, 2.5 or 5 of a decade. */
function roundUp(value: number): number {
  if (!(value > 0)) return 1;
  const decade = 10 ** Math.floor(Math.log10(value));
  return decade * [1, 2, 2.5, 5, 10].find((factor) => factor * decade >= value * (1 - 1e-9))!;
}

function placeX({ xScale }: Chart, { left, right }: Frame, x: number): string {
  const at = xScale === 'log' ? Math.log10(Math.max(x, 1)) : x;
  return (PLOT.left + ((at - left) / (right - left)) * (PLOT.right - PLOT.left)).toFixed(1);
}

function placeY({ top }: Frame, y: number): string {
  return (PLOT.bottom - (y / top) * (PLOT.bottom - PLOT.top)).toFixed(1);
}

function curve(chart: Chart, { points }: Series, drawn: readonly Series[], number: number): string {
  const frame = frameOf(chart, drawn);
  const path = points.map(([x, y], i) => {
    const [px, py] = [placeX(chart, frame, x), placeY(frame, y)];
    if (i === 0) return `M${px} ${py}`;
    return chart.shape === 'step' ? `H${px}V${py}` : `L${px} ${py}`;
  });
  // A single point would not be seen.
  const end = points.length === 1 ? 'h4' : '';
  return `<path class="curve c${number % COLOURS}" d="${path.join('')}${end}"/>`;
}

function axes(chart: Chart, drawn: readonly Series[]): string[] {
  const frame = frameOf(chart, drawn);
  const rows = Array.from({ length: TICKS }, (_, i) => (frame.top * i) / (TICKS - 1));
  const columns = columnsOf(chart, frame);
  const anchor = (i: number): string => (i === 0 ? 'start' : i === columns.length - 1 ? 'end' : 'middle');
  return [
    ...rows.map((y) => {
      const at = placeY(frame, y);
      const label = `<text x="${PLOT.left - 6}" y="${at}" text-anchor="end" dominant-baseline="middle">${amount(y)}</text>`;
      return `<line class="axis" x1="${PLOT.left}" x2="${PLOT.right}" y1="${at}" y2="${at}"/>${label}`;
    }),
    ...columns.map((x, i) => {
      const text = markupText(chart.xLabel(x));
      return `<text x="${placeX(chart, frame, x)}" y="${PLOT.bottom + 18}" text-anchor="${anchor(i)}">${text}</text>`;
    }),
    `<text x="${PLOT.right}" y="${HEIGHT - 6}" text-anchor="end">${markupText(chart.x)}</text>`,
    `<text x="0" y="12">${markupText(chart.y)}</text>`,
  ];
}

/** Decades of a logarithmic axis; ends and middle of a linear one. */
function columnsOf({ xScale }: Chart, { left, right }: Frame): number[] {
  if (xScale === 'log') {
    const decades = Array.from({ length: Math.floor(right) + 1 }, (_, i) => 10 ** i);
    return decades.length > 1 ? decades : [1, 10 ** right];
  }
  return [left, (left + right) / 2, right];
}
