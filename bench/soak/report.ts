/** What a soak run has measured, as tables and charts. */
import type { Chart } from '../chart.ts';
import { number, type Table } from '../report.ts';
import { growth, type Judgement, judge, MEASURES, type Quantity, type Sample, series } from './measures.ts';

/** What was run, and all its samples; the form that `--samples` stores. */
export interface SoakRun {
  readonly name: string;
  readonly command: string;
  readonly samples: readonly Sample[];
}

/** Of a chart: more cannot be told apart. */
const MAX_POINTS = 240;
const MIB = 2 ** 20;

export function judgements({ samples }: SoakRun): Judgement[] {
  return (Object.keys(MEASURES) as Quantity[]).flatMap((quantity) => judge(samples, quantity) ?? []);
}

export function table(run: SoakRun): Table {
  const minutes = (run.samples.at(-1)?.seconds ?? 0) / 60;
  return {
    title: `${run.name}: ${number(minutes)} minutes, ${run.samples.length} samples`,
    head: ['measure', 'start', 'after a tenth', 'end', 'maximum', 'slope per hour', 'flat'],
    rows: judgements(run).map(({ quantity, start, early, end, maximum, perHour, flat }) => {
      const { name, unit } = MEASURES[quantity]!;
      const values = [start, early, end, maximum, perHour].map((value) => (value === 0 ? '0' : number(value)));
      return [unit ? `${name}, ${unit}` : name, ...values, flat ? 'yes' : 'NO'];
    }),
  };
}

export function growthTable(runs: readonly SoakRun[]): Table {
  return {
    title: 'What the database keeps',
    head: [
      'campaign',
      'shards',
      'million accesses',
      'MiB',
      'bytes per shard',
      'in the second half',
      'bytes per million accesses',
      'MiB per hour',
    ],
    rows: runs.flatMap((run) => {
      const grown = growth(run.samples);
      if (!grown) return [];
      const { shards, accesses, bytesPerShard, lateBytesPerShard, bytesPerMillion, bytesPerHour } = grown;
      const values = [shards, accesses / 1e6, (bytesPerShard * shards) / MIB, bytesPerShard, lateBytesPerShard];
      return [[run.name, ...[...values, bytesPerMillion, bytesPerHour / MIB].map(number)]];
    }),
  };
}

/** The greatest of each group of neighbours: what a limit is compared with must not be thinned out. */
function thinned(points: readonly (readonly [number, number])[]): (readonly [number, number])[] {
  const size = Math.ceil(points.length / MAX_POINTS);
  const groups = Array.from({ length: Math.ceil(points.length / size) }, (_, i) =>
    points.slice(i * size, (i + 1) * size),
  );
  return groups.map((group) => group.reduce((most, point) => (point[1] > most[1] ? point : most)));
}

const CHARTS: readonly (readonly [quantity: Quantity, title: string, unit: string])[] = [
  ['rss', 'Resident memory of a long campaign', 'MiB'],
  ['handles', 'Open file handles of a long campaign', 'handles'],
  ['threads', 'Threads of a long campaign', 'threads'],
  ['wal', 'Write-ahead log of a long campaign', 'MiB'],
  ['database', 'Database of a long campaign', 'MiB'],
];

export function charts(runs: readonly SoakRun[]): Chart[] {
  return CHARTS.map(([quantity, title, unit]) => ({
    file: `soak-${quantity}`,
    ...{ title, x: 'minutes', y: unit, scale: 'linear' },
    series: runs.flatMap(({ name, samples }) => {
      const points = thinned(series(samples, quantity)).map(([seconds, value]) => [seconds / 60, value] as const);
      return points.length > 0 ? [{ name, points }] : [];
    }),
  }));
}
