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

/** More points than this on one axis are a line without marks. */
const MAX_MARKED = 24;

/** Where a value lies: 0 at the beginning of its axis, 1 at the end. */
type Place = (value: number) => number;

const linear =
  (end: number): Place =>
  (value) =>
    value / end;

const logarithmic =
  (first: number, last: number): Place =>
  (value) =>
    Math.log(value / first) / Math.log(last / first);

/** Round numbers from 0 on, the last at or above all values. */
function linearTicks(values: readonly number[]): number[] {
  const largest = Math.max(...values);
  const magnitude = 10 ** Math.floor(Math.log10(largest));
  const step = [0.2, 0.5, 1, 2].map((part) => part * magnitude).find((part) => largest / part <= 6)!;
  return Array.from({ length: Math.ceil(largest / step - 1e-9) + 1 }, (_, i) => i * step);
}

/** 1, 2 and 5 of each decade; few enough to be read, all values between the first and the last. */
function logTicks(values: readonly number[]): number[] {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const decades = Array.from({ length: 16 }, (_, i) => 10 ** (i - 6));
  const all = decades.flatMap((decade) => [decade, 2 * decade, 5 * decade]);
  const first = all.findLastIndex((tick) => tick <= least);
  const last = all.findIndex((tick) => tick >= most);
  const ticks = all.slice(first, Math.max(last, first + 1) + 1);
  return ticks.length <= 10
    ? ticks
    : ticks.filter((tick, i) => decades.includes(tick) || i === 0 || i === ticks.length - 1);
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
  const ticks = scale === 'linear' ? linearTicks(ys) : logTicks(ys);
  const [bottom, top] = [ticks[0]!, ticks.at(-1)!];
  const [first, last] = [Math.min(...xs), Math.max(...xs)];
  const across = scale === 'log-log' ? logarithmic(first, last) : linear(last);
  const up = scale === 'linear' ? linear(top) : logarithmic(bottom, top);
  const atX = (value: number): number => PLOT.left + across(value) * (PLOT.right - PLOT.left);
  const atY = (value: number): number => PLOT.bottom - up(value) * (PLOT.bottom - PLOT.top);

  const parts: string[] = [text(PLOT.left, 22, title, ' class="title"')];
  for (const tick of ticks) {
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
  // What has been measured, not round numbers, where there are few.
  const measured = [...new Set(xs)];
  const crowded = measured.length > MAX_MARKED;
  for (const tick of crowded ? linearTicks(xs).filter((value) => value <= last) : measured)
    parts.push(text(atX(tick), PLOT.bottom + 18, label(tick), ' text-anchor="middle"'));
  parts.push(text((PLOT.left + PLOT.right) / 2, PLOT.bottom + 38, x, ' text-anchor="middle"'));
  const middle = (PLOT.top + PLOT.bottom) / 2;
  parts.push(text(14, middle, y, ` text-anchor="middle" transform="rotate(-90 14 ${middle})"`));
  for (const [i, { name, points: own }] of series.entries()) {
    const colour = COLOURS[i % COLOURS.length]!;
    const places = own.map(([at, value]) => [atX(at), atY(value)] as const);
    parts.push(line(places, `class="line" stroke="${colour}"`));
    for (const [cx, cy] of crowded ? [] : places) {
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
