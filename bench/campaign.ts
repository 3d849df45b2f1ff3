/** Whole campaigns through four engines beside the fuzz loop in C and the same job with fast-check alone. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { buildFuzzLoop } from './c-rival.ts';
import { type CampaignRun, runCampaign } from './fuzz-process.ts';
import { type BenchOptions, number, type Section } from './report.ts';
import { median, Samples } from './statistics.ts';

const WORKERS = [1, 2, 4];
const FAST_CHECK = new URL('./fast-check-loop.js', import.meta.url).pathname;
const run = promisify(execFile);

/** Accesses compared per second. */
interface Rate {
  readonly perSecond: number;
  readonly perCpuSecond: number;
}

function rateOf(accesses: number, seconds: number, cpuSeconds: number): Rate {
  return { perSecond: accesses / seconds, perCpuSecond: accesses / cpuSeconds };
}

/** A program that prints accesses, seconds and seconds of the processor. */
async function loopRate(command: string, args: readonly string[]): Promise<Rate> {
  const { stdout } = await run(command, args);
  return rateOf(...(stdout.trim().split(' ').map(Number) as [number, number, number]));
}

const campaignName = (workers: number): string => `campaign, ${workers} worker${workers === 1 ? '' : 's'}`;

export async function campaign({ folder, processRounds, seconds, say }: BenchOptions): Promise<Section> {
  const o2 = buildFuzzLoop(folder, '-O2');
  const o3 = buildFuzzLoop(folder, '-O3 native');
  const [perSecond, perCpuSecond] = [new Samples(), new Samples()];
  const shares: number[] = [];
  const length = String(seconds);
  for (let round = 1; round <= processRounds; round++) {
    say(`campaign: round ${round} of ${processRounds}`);
    const seed = String(round);
    const note = (name: string, rate: Rate): void => {
      perSecond.note(name, rate.perSecond);
      perCpuSecond.note(name, rate.perCpuSecond);
    };
    note('C loop -O2', await loopRate(o2, [length, seed]));
    note('C loop -O3 native', await loopRate(o3, [length, seed]));
    note('fast-check', await loopRate(process.execPath, [FAST_CHECK, length, seed]));
    for (const workers of WORKERS) {
      const args = ['--seed', seed, '--seconds', length, '--workers', String(workers)];
      const result: CampaignRun = await runCampaign(folder, args);
      note(campaignName(workers), rateOf(result.accesses, result.seconds, result.cpuSeconds));
      if (workers === 1) shares.push(1 - result.engineShare);
    }
  }
  return section(perSecond.medians(), perCpuSecond.medians(), median(shares), seconds);
}

type Rates = Readonly<Record<string, number>>;

const ENGINES: Readonly<Record<string, string>> = { C: '2, allowed or denied', 'fast-check': 'reference, interval' };

function section(wall: Rates, cpu: Rates, outside: number, seconds: number): Section {
  const [one, two] = [campaignName(1), campaignName(2)];
  const engines = (name: string): string => ENGINES[name.split(' ')[0]!] ?? 'all four';
  return {
    name: 'campaign',
    tables: [
      {
        title: `Campaign: million accesses compared per second, runs of ${seconds} s`,
        head: ['rival', 'engines', 'on the clock', 'per second of the processor', 'processors it got'],
        rows: Object.keys(wall).map((name) => [
          ...[name, engines(name)],
          ...[wall[name]! / 1e6, cpu[name]! / 1e6, wall[name]! / cpu[name]!].map(number),
        ]),
      },
    ],
    figures: [
      {
        what: 'accesses per second and core: campaign, four engines / C loop -O2, two',
        value: cpu[one]! / cpu['C loop -O2']!,
        aim: { atLeast: 1 },
      },
      {
        what: 'accesses per second and core: campaign / fast-check, two engines',
        value: cpu[one]! / cpu['fast-check']!,
      },
      { what: 'share of time outside the engines', value: outside, aim: { atMost: 0.2 } },
      { what: 'two workers / one', value: wall[two]! / wall[one]!, aim: { atLeast: 1.9 } },
    ],
    charts: [
      {
        file: 'campaign-workers',
        title: 'Campaign against workers',
        x: 'workers',
        y: 'million accesses per second',
        scale: 'linear',
        series: [
          {
            name: 'campaign, four engines',
            points: WORKERS.map((workers) => [workers, wall[campaignName(workers)]! / 1e6] as const),
          },
        ],
      },
    ],
    data: { perSecond: wall, perCpuSecond: cpu, outsideEngines: outside },
  };
}
