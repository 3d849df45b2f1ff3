/**
 * `npm run scaling`: the model of docs/scaling.md, with what `npm run queue-bench -- --write` has measured
 * (bench/queue/measured.json): first what it says of the measured rates themselves, then of 1, 100 and 10,000 worker
 * threads. `--latency MS` of the network, one way; `--write` puts the tables into docs/scaling.md.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { writePart } from './document.ts';
import type { MeasuredRate } from './queue/rates.ts';
import { asMarkdown, asText, number, type Table } from './report.ts';
import { type Model, type Outcome, simulate } from './scaling/model.ts';

const BEGIN = '<!-- npm run scaling -- --write -->';
const MEASURED = new URL('../../bench/queue/measured.json', import.meta.url).pathname;
const CASES_PER_SHARD = 64;
/** Of a worker: looks for its campaign once a second; says that it is there, looks for lost jobs and asks for work every 5 s. */
const POLLS_PER_SECOND = 2.4;
/** As the coordinator reads what workers say (src/queue/coordinator.ts): 500 a second on average, or each second. */
const STATEMENTS_PER_SECOND = 500;
const LOOPBACK_S = 0.000_1;

interface Measured {
  readonly shardSeconds: number;
  readonly shardSpread: number;
  readonly coordinator: number;
  readonly redis: number;
  readonly worker: number;
  readonly pollSeconds: number;
  readonly statementSeconds: number;
  /** Bytes. */
  readonly inFlight: number;
  readonly stored: number;
  readonly bytes: number;
  readonly rates: readonly MeasuredRate[];
}

const { values } = parseArgs({
  options: { latency: { type: 'string', default: '0.5' }, write: { type: 'boolean', default: false } },
});
const measured = JSON.parse(readFileSync(MEASURED, 'utf8')) as Measured;

interface Way {
  readonly threads: number;
  readonly threadsPerWorker: number;
  readonly ahead: number;
  /** Cases of a shard, in units of the 64 of today. */
  readonly size: number;
}

function modelOf({ threads, threadsPerWorker, ahead, size }: Way): Model {
  const { coordinator, redis, worker, pollSeconds, statementSeconds, shardSpread } = measured;
  const workers = threads / threadsPerWorker;
  const shardSeconds = measured.shardSeconds * size;
  return {
    ...{ threads, threadsPerWorker, ahead, shardSeconds, shardSpread, coordinator, redis, worker },
    ...{ latency: Number(values.latency) / 1000, pollsPerSecond: POLLS_PER_SECOND, pollSeconds, statementSeconds },
    statementsPerSecond: 1 / Math.ceil(workers / STATEMENTS_PER_SECOND),
    // The ramp takes as many round trips as the window has binary digits.
    seconds: 4 * (shardSeconds + 1) * Math.log2(ahead),
    seed: 1,
  };
}

const share = (value: number): string => `${(value * 100).toFixed(value < 0.1 ? 1 : 0)} %`;
const mebibytes = (bytes: number): string => `${number(bytes / 2 ** 20)} MiB`;

/** The part that limits; the window, if none is busy. */
function limitOf({ coordinatorBusy, redisBusy, threadsBusy }: Outcome): string {
  if (coordinatorBusy > 0.95) return 'coordinator';
  if (redisBusy > 0.95) return 'Redis';
  return threadsBusy > 0.9 ? 'workers' : 'window';
}

function row(way: Way): string[] {
  const outcome = simulate(modelOf(way));
  const { perSecond, coordinatorBusy, redisBusy, threadsBusy, latency, inFlight } = outcome;
  const cells = [way.threads, way.threadsPerWorker, way.ahead, way.size * CASES_PER_SHARD].map((value) =>
    value.toLocaleString('en-US'),
  );
  return [
    ...[...cells, number(perSecond), number(perSecond * way.size * CASES_PER_SHARD)],
    ...[threadsBusy, coordinatorBusy, redisBusy].map(share),
    ...[number(latency), mebibytes(inFlight * measured.inFlight), limitOf(outcome)],
  ];
}

const WAYS: readonly Way[] = [
  { threads: 1, threadsPerWorker: 1, ahead: 32, size: 1 },
  { threads: 16, threadsPerWorker: 4, ahead: 32, size: 1 },
  { threads: 100, threadsPerWorker: 4, ahead: 32, size: 1 },
  { threads: 100, threadsPerWorker: 4, ahead: 256, size: 1 },
  { threads: 1_000, threadsPerWorker: 4, ahead: 2_048, size: 1 },
  { threads: 1_000, threadsPerWorker: 4, ahead: 2_048, size: 16 },
  { threads: 1_000, threadsPerWorker: 4, ahead: 8_192, size: 16 },
  { threads: 10_000, threadsPerWorker: 1, ahead: 32, size: 1 },
  { threads: 10_000, threadsPerWorker: 1, ahead: 16_384, size: 1 },
  { threads: 10_000, threadsPerWorker: 16, ahead: 16_384, size: 1 },
  { threads: 10_000, threadsPerWorker: 16, ahead: 16_384, size: 64 },
];

function predicted(rate: MeasuredRate): number {
  const { worker, coordinator, redis } = rate;
  return simulate({
    ...{ threads: rate.workers, threadsPerWorker: 1, ahead: rate.ahead, shardSeconds: rate.delay / 1000 },
    ...{ shardSpread: 0, coordinator, redis, worker, oneProcess: true, latency: LOOPBACK_S },
    ...{ pollsPerSecond: 0.4, pollSeconds: measured.pollSeconds, statementSeconds: 0, statementsPerSecond: 1 },
    ...{ seconds: Math.max(20, rate.delay / 50), seed: 1 },
  }).perSecond;
}

const tables: readonly Table[] = [
  {
    title: 'The model beside the measurement: shards per second',
    head: ['ahead', 'workers', 'answer after, ms', 'measured', 'processors it got', 'model', 'measured / model'],
    rows: measured.rates.map((rate) => {
      const model = predicted(rate);
      const cells = [rate.ahead, rate.workers, rate.delay].map((value) => value.toLocaleString('en-US'));
      const processors = rate.perSecond * (rate.coordinator + rate.redis + rate.worker);
      return [...cells, ...[rate.perSecond, processors, model, rate.perSecond / model].map(number)];
    }),
  },
  {
    title: `One campaign, network of ${values.latency} ms one way, ${number(measured.shardSeconds * 1000)} ms for 64 cases`,
    head: [
      ...[
        'worker threads',
        'of a worker',
        'ahead',
        'cases of a shard',
        'shards/s',
        'cases/s',
        'threads busy',
        'coordinator busy',
      ],
      ...['Redis busy', 'shard in flight, s', 'Redis memory', 'limit'],
    ],
    rows: WAYS.map(row),
  },
];
process.stdout.write(`${asText(tables)}\n`);
if (values.write) writePart('scaling.md', BEGIN, tables.map(asMarkdown));
