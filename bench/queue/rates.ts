/** Rates for windows and numbers of workers, who uses the processor for them, and what the database takes of it. */
import { number, type Table } from '../report.ts';
import type { Load, Prepared } from './prepared.ts';
import { measureRate } from './rate.ts';
import type { CampaignFigures } from './simulated-campaign.ts';

/** Of the single measurements: where the window does not limit. */
const COMMON = { workers: 10, ahead: 256 };
/** Workers that take their time, for the model to be compared with: how many, shards ahead, milliseconds for a shard. */
const SLOW = [
  { workers: 10, ahead: 32, delay: 100 },
  { workers: 100, ahead: 32, delay: 250 },
  { workers: 100, ahead: 256, delay: 500 },
  { workers: 1000, ahead: 2048, delay: 4000 },
];
/** Commands that are called less often per shard are not told. */
const SELDOM = 0.1;

export interface RatesOptions {
  readonly prepared: Readonly<Record<Load, Prepared>>;
  readonly workers: readonly number[];
  readonly ahead: readonly number[];
  /** Of each. */
  readonly seconds: number;
  readonly folder: string;
  readonly say: (line: string) => void;
}

/** Seconds of the processor for a shard. */
export interface ServiceTimes {
  readonly coordinator: number;
  readonly redis: number;
  readonly worker: number;
}

export interface MeasuredRate extends ServiceTimes {
  readonly workers: number;
  readonly ahead: number;
  /** Milliseconds of a worker for a shard. */
  readonly delay: number;
  readonly perSecond: number;
}

export interface Rates {
  readonly tables: readonly Table[];
  readonly measured: readonly MeasuredRate[];
  readonly model: ServiceTimes & { readonly withoutStore: number; readonly bytes: number; readonly commands: number };
}

function rateOf({ shards, seconds, processor }: CampaignFigures): ServiceTimes & { readonly perSecond: number } {
  const { coordinator, redis, workers } = processor;
  return {
    ...{ coordinator: coordinator / shards, redis: redis / shards, worker: workers / shards },
    perSecond: shards / seconds,
  };
}

const HEAD = ['shards/s', 'coordinator, ms', 'Redis, ms', 'workers, ms', 'coordinator alone could, shards/s'];

function cells({ perSecond, coordinator, redis, worker }: ReturnType<typeof rateOf>): string[] {
  return [perSecond, coordinator * 1e3, redis * 1e3, worker * 1e3, 1 / coordinator].map(number);
}

export async function measureRates(options: RatesOptions): Promise<Rates> {
  const { prepared, workers, ahead, seconds, folder, say } = options;
  const measured: MeasuredRate[] = [];
  const fast = ahead.flatMap((window) => workers.map((count) => ({ workers: count, ahead: window, delay: 0 })));
  for (const way of [...fast, ...SLOW]) {
    say(`rates: ${way.workers} workers, ${way.ahead} shards ahead, ${way.delay} ms for a shard`);
    const common = { prepared: prepared.quiet, stored: true, folder };
    // Some rounds of the slowest.
    const atLeast = (way.delay / 1000) * 4;
    const figures = await measureRate({ ...common, ...way, seconds: Math.max(seconds, atLeast) });
    measured.push({ ...way, ...rateOf(figures) });
  }
  const single = async (load: Load, stored: boolean): Promise<CampaignFigures> => {
    say(`rates: ${load}, ${stored ? 'with' : 'without'} a database`);
    return measureRate({ prepared: prepared[load], stored, folder, seconds, ...COMMON });
  };
  const quiet = await single('quiet', true);
  const without = await single('quiet', false);
  const diverging = await single('diverging', true);
  const per = (after: number, before: number): number => (after - before) / quiet.shards;
  const [received, sent] = [per(quiet.after.received, quiet.before.received), per(quiet.after.sent, quiet.before.sent)];
  const commands = Object.entries(quiet.after.commands)
    .map(([name, calls]) => [name, per(calls, quiet.before.commands[name] ?? 0)] as const)
    .filter(([, calls]) => calls >= SELDOM)
    .toSorted((a, b) => b[1] - a[1]);
  const all = commands.reduce((sum, [, calls]) => sum + calls, 0);
  const { coordinator, redis, worker } = rateOf(quiet);
  const withoutStore = rateOf(without).coordinator;
  return {
    measured,
    model: { coordinator, redis, worker, withoutStore, bytes: received + sent, commands: all },
    tables: [
      {
        title: 'Simulated workers: shards per second, and processor time for a shard',
        head: ['ahead', 'workers', 'answer after, ms', ...HEAD],
        rows: measured.map((rate) => [
          ...[rate.ahead, rate.workers, rate.delay].map((value) => value.toLocaleString('en-US')),
          ...cells(rate),
        ]),
      },
      {
        title: `The same with ${COMMON.workers} workers, ${COMMON.ahead} ahead: what the database and divergences take`,
        head: ['campaign', ...HEAD],
        rows: [
          ['quiet', ...cells(rateOf(quiet))],
          ['quiet, nothing stored', ...cells(rateOf(without))],
          ['diverging in every case', ...cells(rateOf(diverging))],
        ],
      },
      {
        title: 'Redis: for a shard',
        head: ['what', 'for a shard'],
        rows: [
          ['bytes received', Math.round(received).toLocaleString('en-US')],
          ['bytes sent', Math.round(sent).toLocaleString('en-US')],
          ['commands, those within scripts included', number(all)],
          [
            'most frequent',
            commands
              .slice(0, 8)
              .map(([name, calls]) => `${name} ${number(calls)}`)
              .join(', '),
          ],
        ],
      },
    ],
  };
}
