/** The same campaign embedded and through the queue, on this machine, in turns. */
import { spawn } from 'node:child_process';
import { type CampaignRun, runCampaign } from '../fuzz-process.ts';
import { type Figure, number, type Table } from '../report.ts';
import { Samples } from '../statistics.ts';
import { processorSeconds } from './processor.ts';
import { startRedis } from './redis-server.ts';

const MAIN = new URL('../../src/cli/main.js', import.meta.url).pathname;

export interface CampaignComparison {
  readonly figures: readonly Figure[];
  readonly table: Table;
  /** Seconds of a worker thread for a shard of 64 cases, as the campaigns embedded had it. */
  readonly shardSeconds: number;
}

export interface ComparisonOptions {
  readonly folder: string;
  readonly rounds: number;
  readonly cases: number;
  readonly threads: number;
  readonly casesPerShard: number;
  readonly say: (line: string) => void;
}

export async function compareCampaigns(options: ComparisonOptions): Promise<CampaignComparison> {
  const { folder, rounds, cases, threads, casesPerShard, say } = options;
  const server = await startRedis(folder);
  const worker = spawn(process.execPath, [MAIN, 'worker', '--queue', server.url, '--workers', String(threads)], {
    stdio: 'ignore',
  });
  const samples = new Samples();
  const others = (): number => processorSeconds(server.pid) + processorSeconds(worker.pid!);
  try {
    for (let round = 1; round <= rounds; round++) {
      const args = ['--seed', String(round), '--cases', String(cases)];
      const embedded = async (): Promise<CampaignRun> => runCampaign(folder, [...args, '--workers', String(threads)]);
      const queued = async (): Promise<CampaignRun> => {
        const before = others();
        const run = await runCampaign(folder, [...args, '--queue', server.url]);
        return { ...run, cpuSeconds: run.cpuSeconds + others() - before };
      };
      // Whoever is first has the machine to itself a moment longer: they take turns.
      const [first, second] = round % 2 === 0 ? [embedded, queued] : [queued, embedded];
      const [a, b] = [await first(), await second()];
      const [plain, queue] = round % 2 === 0 ? [a, b] : [b, a];
      if (plain.digest !== queue.digest) throw new Error(`seed ${round}: the digests differ`);
      samples.note('embedded', plain.accesses / plain.seconds);
      samples.note('queue', queue.accesses / queue.seconds);
      samples.note('embedded, processor', plain.accesses / plain.cpuSeconds);
      samples.note('queue, processor', queue.accesses / queue.cpuSeconds);
      const [clock, processor] = [plain.seconds / queue.seconds, plain.cpuSeconds / queue.cpuSeconds];
      samples.note('ratio', clock);
      samples.note('ratio, processor', processor);
      samples.note('shard', plain.workerSeconds / (cases / casesPerShard));
      samples.note('shard, processor', plain.cpuSeconds / (cases / casesPerShard));
      say(`campaigns: round ${round} of ${rounds}: queue / embedded ${number(clock)}, processor ${number(processor)}`);
    }
  } finally {
    const ended = new Promise((resolve) => worker.once('close', resolve));
    worker.kill();
    await ended;
    await server.stop();
  }
  const median = samples.medians();
  const row = (name: string): string[] => [
    name,
    ...[median[name]! / 1e6, median[`${name}, processor`]! / 1e6].map(number),
  ];
  return {
    shardSeconds: Math.min(median.shard!, median['shard, processor']!),
    table: {
      title: `Campaigns of ${cases.toLocaleString('en-US')} cases, ${threads} worker threads: million accesses compared per second`,
      head: ['run', 'on the clock', 'per second of the processor, all processes'],
      rows: [row('embedded'), row('queue')],
    },
    figures: [
      { what: 'accesses per second: queue / embedded', value: median.ratio!, aim: { atLeast: 0.9 } },
      {
        what: 'accesses per second of the processor: queue / embedded',
        value: median['ratio, processor']!,
      },
    ],
  };
}
