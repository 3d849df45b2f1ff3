/** `npm run bench`: all measurements of docs/performance.md. `--seconds N` per campaign, `--json` for machines. */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { type CampaignRow, campaignBench } from './campaign.ts';
import { lookupBench } from './lookup.ts';

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '20' }, json: { type: 'boolean' } } });
const seconds = Number(values.seconds);

const lookup = lookupBench();
const campaigns: CampaignRow[] = [];
// Alternating, so that a change in the machine's load meets both.
for (let round = 0; round < 3; round++) {
  for (const workers of [1, 2]) campaigns.push(await campaignBench(workers, seconds, round + 1));
}
const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[list.length >>> 1]!;
const of = (workers: number, field: 'accessesPerSecond' | 'engineShare' | 'rssQuarter' | 'rssEnd'): number =>
  median(campaigns.filter((row) => row.workers === workers).map((row) => row[field]));
const [one, two] = [of(1, 'accessesPerSecond'), of(2, 'accessesPerSecond')];
const result = {
  machine: { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version },
  lookup,
  campaign: {
    seconds,
    accessesPerSecondPerCore: one,
    outsideEngines: 1 - of(1, 'engineShare'),
    twoWorkers: two / one,
    memory: { quarterMiB: of(2, 'rssQuarter'), endMiB: of(2, 'rssEnd') },
  },
};
if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
else {
  const { machine, campaign } = result;
  const lines = [
    `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}`,
    '',
    'ns per lookup (median, 65,536 boundary-biased accesses, full-size ranges)',
  ];
  for (const { ranges, ns } of lookup) {
    const cells = Object.entries(ns).map(([name, value]) => `${name} ${value.toFixed(2)}`);
    lines.push(
      `  ${String(ranges).padStart(2)} ranges: ${cells.join('  ')}  (scan / interval ${(ns['C -O2 scan']! / ns.interval!).toFixed(2)})`,
    );
  }
  lines.push(
    '',
    `campaign, ${seconds} s each, four engines, median of 3`,
    `  accesses compared per second on one core: ${(campaign.accessesPerSecondPerCore / 1e6).toFixed(2)} M`,
    `  share of time outside the engines: ${(campaign.outsideEngines * 100).toFixed(0)} %`,
    `  two workers: ${campaign.twoWorkers.toFixed(2)}x one`,
    `  memory with two workers: ${campaign.memory.quarterMiB.toFixed(0)} MiB after a quarter of the time, ${campaign.memory.endMiB.toFixed(0)} MiB at the end`,
  );
  process.stdout.write(`${lines.join('\n')}\n`);
}
