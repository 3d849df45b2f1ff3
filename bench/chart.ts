/** Line charts as SVG, readable on light and on dark pages. */

export interface Chart {
  /** Name of the file, without its ending. */
  readonly file: string;
  readonly title: string;
  readonly x: string;
  readonly y: string;
  /** `linear` begins at 0; `log`: y alone; `log-log`: both. */
  readonly scale: 'linear' | 'log' | 'log-log';
  readonly series: readonly Series[];
}

interface Series {
  readonly name: string;
  readonly points: readonly (readonly [number, number])[];
}

const [WIDTH, HEIGHT] = [760, 400];
const PLOT = { left: 64, right: 500, top: 40, bottom: 350 };
/** Told apart on white and on black, and by people who do not see all colours alike. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#9a7d00', '#56b4e9', '#7f7f7f', '#8f5bd6'];

interface Axis {
  readonly ticks: readonly number[];
  /** 0 at the axis' beginning, 1 at its end. */
  readonly place: (value: number) => number;
}

function linearAxis(values: readonly number[]): Axis {
  const largest = Math.max(...values);
  const magnitude = 10 ** Math.floor(Math.log10(largest));
  const step = [0.2, 0.5, 1, 2].map((part) => part * magnitude).find((part) => largest / part <= 6)!;
  const end = Math.ceil(largest / step - 1e-9) * step;
  const ticks = Array.from({ length: Math.round(end / step) + 1 }, (_, i) => i * step);
  return { ticks, place: (value) => value / end };
}

function logAxis(values: readonly number[]): Axis {
  const [first, last] = [Math.floor(Math.log10(Math.min(...values))), Math.ceil(Math.log10(Math.max(...values)))];
  const decades = Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i));
  return { ticks: decades, place: (value) => (Math.log10(value) - first) / Math.max(1, last - first) };
}

const label = (value: number): string => Number(value.toPrecision(6)).toLocaleString('en-US');
const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

function text(x: number, y: number, content: string, attributes = ''): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}"${attributes}>${escaped(content)}</text>`;
}

function line(points: readonly (readonly [number, number])[], attributes: string): string {
  const path = points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ');
  return `<polyline points="${path}" ${attributes}/>`;
}

export function svg({ title, x, y, scale, series }: Chart): string {
  const points = series.flatMap((one) => one.points);
  const xs = points.map(([at]) => at);
  const ys = points.map(([, value]) => value);
  const across = scale === 'log-log' ? logAxis(xs) : linearAxis(xs);
  const up = scale === 'linear' ? linearAxis(ys) : logAxis(ys);
  const atX = (value: number): number => PLOT.left + across.place(value) * (PLOT.right - PLOT.left);
  const atY = (value: number): number => PLOT.bottom - up.place(value) * (PLOT.bottom - PLOT.top);

  const parts: string[] = [text(PLOT.left, 22, title, ' class="title"')];
  for (const tick of up.ticks) {
    parts.push(
      line(
        [
          [PLOT.left, atY(tick)],
          [PLOT.right, atY(tick)],
        ],
        'class="grid"',
      ),
    );
    parts.push(text(PLOT.left - 8, atY(tick) + 4, label(tick), ' text-anchor="end"'));
  }
  // What has been measured, not round numbers: there are few.
  for (const tick of new Set(xs)) parts.push(text(atX(tick), PLOT.bottom + 18, label(tick), ' text-anchor="middle"'));
  parts.push(text((PLOT.left + PLOT.right) / 2, PLOT.bottom + 38, x, ' text-anchor="middle"'));
  const middle = (PLOT.top + PLOT.bottom) / 2;
  parts.push(text(14, middle, y, ` text-anchor="middle" transform="rotate(-90 14 ${middle})"`));
  for (const [i, { name, points: own }] of series.entries()) {
    const colour = COLOURS[i % COLOURS.length]!;
    const places = own.map(([at, value]) => [atX(at), atY(value)] as const);
    parts.push(line(places, `class="line" stroke="${colour}"`));
    for (const [cx, cy] of places) {
      parts.push(`<circle cx="${cx.toFixed(1)}" cy="${cy.toFixed(1)}" r="3" fill="${colour}"/>`);
    }
    const row = PLOT.top + 12 + i * 20;
    parts.push(`<circle cx="${PLOT.right + 20}" cy="${row - 4}" r="5" fill="${colour}"/>`);
    parts.push(text(PLOT.right + 32, row, name));
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="${escaped(title).replaceAll('"', '&quot;')}">
<style>
  .page { fill: #fff; } text { fill: #24292f; font: 12px sans-serif; } .title { font-size: 14px; font-weight: bold; }
  .grid { stroke: #d0d7de; fill: none; } .line { stroke-width: 2; fill: none; }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117; } text { fill: #e6edf3; } .grid { stroke: #30363d; }
  }
</style>
<rect class="page" width="100%" height="100%"/>
${parts.join('\n')}
</svg>
`;
}
