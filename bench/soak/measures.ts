/** What a soak run measures of a process and of its database, and when a measure counts as flat. */

export interface Sample {
  /** Since the campaign began. */
  readonly seconds: number;
  /** Resident set of the process, MiB. */
  readonly rss: number;
  /** Heap of V8's main thread in use, MiB; absent where the process does not tell. */
  readonly heap?: number;
  /** Open file handles. */
  readonly handles: number;
  readonly threads: number;
  /** Size of the database file and of its write-ahead log, MiB. */
  readonly database?: number;
  readonly wal?: number;
  /** What the campaign has committed so far. */
  readonly shards?: number;
  readonly accesses?: number;
}

export type Quantity = Exclude<keyof Sample, 'seconds'>;

interface Measure {
  readonly name: string;
  readonly unit: string;
  /** Flat: the growth of the fitted line over the judged time is no more than this part of its mean ... */
  readonly share: number;
  /** ... or than so much, whichever is greater: what one garbage collection or one handle moves. */
  readonly slack: number;
  /** A saw-tooth is judged by its height too: no sample above this. */
  readonly limit?: number;
}

/**
 * A log of 4 MiB is written back (`wal_autocheckpoint`), and cut off every 256 shards; a reader can hold it for some of
 * them. More than this says that nobody cuts it.
 */
const WAL_LIMIT_MIB = 64;

export const MEASURES: Readonly<Partial<Record<Quantity, Measure>>> = {
  rss: { name: 'resident memory', unit: 'MiB', share: 0.05, slack: 8 },
  heap: { name: 'V8 heap, main thread', unit: 'MiB', share: 0.1, slack: 8 },
  handles: { name: 'file handles', unit: '', share: 0, slack: 1 },
  threads: { name: 'threads', unit: '', share: 0, slack: 1 },
  wal: { name: 'write-ahead log', unit: 'MiB', share: 0.25, slack: 4, limit: WAL_LIMIT_MIB },
};

/** The first part of a run is warm-up: code is compiled, heaps find their size. */
export const WARM_UP = 0.2;

export interface Judgement {
  readonly quantity: Quantity;
  readonly start: number;
  /** After the first tenth of the time. */
  readonly early: number;
  readonly end: number;
  readonly maximum: number;
  /** Of the line fitted to the samples after the warm-up, per hour. */
  readonly perHour: number;
  readonly flat: boolean;
}

/** Least squares: slope, and the mean of the values. */
export function fitLine(points: readonly (readonly [x: number, y: number])[]): { slope: number; mean: number } {
  const n = points.length;
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / n;
  const mean = points.reduce((sum, [, y]) => sum + y, 0) / n;
  let [above, below] = [0, 0];
  for (const [x, y] of points) {
    above += (x - meanX) * (y - mean);
    below += (x - meanX) ** 2;
  }
  return { slope: below === 0 ? 0 : above / below, mean };
}

/** Undefined where the quantity was not sampled. */
export function judge(samples: readonly Sample[], quantity: Quantity): Judgement | undefined {
  const measure = MEASURES[quantity];
  const points = series(samples, quantity);
  if (!measure || points.length < 2) return undefined;
  const length = points.at(-1)![0];
  const judged = points.filter(([seconds]) => seconds >= WARM_UP * length);
  const { slope, mean } = fitLine(judged);
  const growth = slope * (length - judged[0]![0]);
  const maximum = Math.max(...points.map(([, value]) => value));
  return {
    quantity,
    start: points[0]![1],
    early: points.find(([seconds]) => seconds >= length / 10)![1],
    end: points.at(-1)![1],
    maximum,
    perHour: slope * 3600,
    flat: growth <= Math.max(measure.share * mean, measure.slack) && maximum <= (measure.limit ?? maximum),
  };
}

/** [seconds, value] of the samples that have it. */
export function series(samples: readonly Sample[], quantity: Quantity): (readonly [number, number])[] {
  return samples.flatMap((sample) => {
    const value = sample[quantity];
    return value === undefined ? [] : [[sample.seconds, value] as const];
  });
}

/** The database grows with what it keeps: bytes per shard and per million accesses, over the second half as well. */
export interface Growth {
  readonly shards: number;
  readonly accesses: number;
  readonly bytesPerShard: number;
  readonly bytesPerMillion: number;
  readonly lateBytesPerShard: number;
  readonly bytesPerHour: number;
}

export function growth(samples: readonly Sample[]): Growth | undefined {
  const known = samples.filter(({ shards, database }) => shards !== undefined && database !== undefined);
  const [middle, last] = [known[known.length >>> 1], known.at(-1)];
  if (!middle || !last?.shards) return undefined;
  const bytes = (sample: Sample): number => sample.database! * 2 ** 20;
  return {
    shards: last.shards,
    accesses: last.accesses!,
    bytesPerShard: bytes(last) / last.shards,
    bytesPerMillion: bytes(last) / (last.accesses! / 1e6),
    lateBytesPerShard: (bytes(last) - bytes(middle)) / Math.max(1, last.shards - middle.shards!),
    bytesPerHour: (bytes(last) / last.seconds) * 3600,
  };
}
