/** A chart of values over time or cases, drawn by uPlot, which is loaded when the first one is shown. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type UPlot from 'uplot';
import { useColours } from './use-colours.ts';
import { useWidth } from './use-width.ts';

export interface Series {
  readonly label: string;
  readonly values: readonly (number | null)[];
  readonly format: (value: number) => string;
  /** Of the values' own scale on the right side; absent: the left one. */
  readonly right?: boolean;
  /** Shares of 1, which all other values are not. */
  readonly share?: boolean;
}

interface ChartProps {
  readonly title: string;
  readonly x: readonly number[];
  readonly xLabel: string;
  readonly xFormat: (value: number) => string;
  /** Distances that its labels may have; absent: of numbers. */
  readonly xSteps?: number[];
  readonly series: readonly Series[];
  /** Values stay as they are up to the next one. */
  readonly stepped?: boolean;
  /** Upper end of the scale, if it is not that of the values. */
  readonly top?: number;
}

/** Whole numbers only: cases and divergences have no halves. */
const STEPS = Array.from({ length: 13 }, (_, power) => [1, 2, 5].map((digit) => digit * 10 ** power)).flat();
const COLOURS = ['chart-1', 'chart-2', 'line-soft', 'text-soft'] as const;
const HEIGHT = 160;
const DASHES = [[], [6, 3]];

export function Chart({ title, x, xLabel, xFormat, xSteps = STEPS, series, stepped = false, top }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot>(null);
  const [at, setAt] = useState<number>();
  const width = useWidth(box);
  const colours = useColours(COLOURS);
  const latest = useRef({ x, series });
  latest.current = { x, series };

  useEffect(() => {
    if (width === 0) return;
    let gone = false;
    import('uplot').then(({ default: Plot }) => {
      if (gone || !box.current) return;
      const axis = {
        stroke: colours['text-soft'],
        grid: { stroke: colours['line-soft'], width: 1 },
        ticks: { show: false },
      };
      const values = (format: (value: number) => string) => (_: UPlot, splits: number[]) => splits.map(format);
      const left = series.find(({ right }) => !right)!;
      const right = series.find((one) => one.right);
      plot.current = new Plot(
        {
          width,
          height: HEIGHT,
          legend: { show: false },
          scales: {
            x: { time: false },
            y: { range: (_, __, most) => [0, top ?? Math.max(1, (most ?? 1) * 1.05)] },
            right: { range: (_, __, most) => [0, Math.max(1, (most ?? 1) * 1.05)] },
          },
          axes: [
            { ...axis, size: 26, incrs: xSteps, values: values(xFormat) },
            { ...axis, size: 56, ...(left.share ? {} : { incrs: STEPS }), values: values(left.format) },
            ...(right
              ? [
                  {
                    ...axis,
                    scale: 'right',
                    side: 1 as const,
                    size: 56,
                    grid: { show: false },
                    values: values(right.format),
                  },
                ]
              : []),
          ],
          series: [
            {},
            ...series.map((one, number) => ({
              label: one.label,
              scale: one.right ? 'right' : 'y',
              stroke: colours[`chart-${number + 1}` as 'chart-1'],
              dash: DASHES[number] ?? [],
              width: 1.5,
              points: { show: one.values.length < 3 },
              ...(stepped ? { paths: Plot.paths.stepped!({ align: 1 }) } : {}),
            })),
          ],
          hooks: { setCursor: [({ cursor }) => setAt(cursor.idx ?? undefined)] },
        },
        dataOf(latest.current),
        box.current,
      );
    });
    return () => {
      gone = true;
      plot.current?.destroy();
      plot.current = null;
    };
  }, [width, colours, stepped, top, series.map(({ label }) => label).join()]);

  useEffect(() => plot.current?.setData(dataOf({ x, series })), [x, series]);

  const shown = at !== undefined && at < x.length ? at : x.length - 1;
  return (
    <figure class="chart">
      <figcaption>
        <strong>{title}</strong>
        {series.map(({ label, values, format }, number) => (
          <span key={label} class={`key key-${number + 1}`}>
            {label} <b>{values[shown] == null ? '–' : format(values[shown])}</b>
          </span>
        ))}
        <span class="soft">
          at {x.length === 0 ? '–' : xFormat(x[shown]!)} {xLabel}
        </span>
      </figcaption>
      <div ref={box} class="plot" aria-hidden="true" />
    </figure>
  );
}

function dataOf({ x, series }: Pick<ChartProps, 'x' | 'series'>): UPlot.AlignedData {
  return [x as number[], ...series.map(({ values }) => values as (number | null)[])];
}
