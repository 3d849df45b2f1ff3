/** What a longer campaign costs: memory, and accesses per second. */
import { type CampaignRun, runCampaign } from './fuzz-process.ts';
import { type BenchOptions, number, type Section } from './report.ts';

const TIMES = [1, 2, 5, 10];

export async function length({ folder, seconds, say }: BenchOptions): Promise<Section> {
  const runs: CampaignRun[] = [];
  for (const times of TIMES) {
    say(`length: ${times * seconds} s`);
    runs.push(await runCampaign(folder, ['--seed', '1', '--seconds', String(times * seconds), '--workers', '1']));
  }
  const lengths = TIMES.map((times) => times * seconds);
  const growth = runs.at(-1)!.rssMiB / runs[0]!.rssMiB - 1;
  const rates = runs.map((run) => run.accesses / run.seconds / 1e6);
  const series = (values: readonly number[]) => [
    { name: 'campaign, one worker', points: values.map((value, i) => [lengths[i]!, value] as const) },
  ];
  return {
    name: 'length',
    tables: [
      {
        title: 'Length: one worker, four engines',
        head: ['seconds', 'cases', 'million accesses per second', 'resident memory, MiB'],
        rows: runs.map(({ cases, rssMiB }, i) => [
          ...[String(lengths[i]), cases.toLocaleString('en-US')],
          ...[number(rates[i]!), number(rssMiB)],
        ]),
      },
    ],
    figures: [
      {
        what: 'memory, a campaign of ten times the length: growth or shrinkage',
        value: Math.abs(growth),
        aim: { atMost: 0.05 },
      },
    ],
    charts: [
      {
        file: 'campaign-length',
        title: 'Campaign against its length',
        x: 'seconds',
        y: 'million accesses per second',
        scale: 'linear',
        series: series(rates),
      },
      {
        file: 'memory-length',
        title: 'Resident memory against the length of a campaign',
        x: 'seconds',
        y: 'MiB',
        scale: 'linear',
        series: series(runs.map(({ rssMiB }) => rssMiB)),
      },
    ],
    data: runs.map((run, i) => ({ asked: lengths[i], ...run })),
  };
}
