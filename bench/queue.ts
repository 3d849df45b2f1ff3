/**
 * `npm run queue-bench`: campaigns through the queue beside embedded ones, shards per second that one Redis and one
 * coordinator carry, and the sizes of messages. Starts redis-servers of its own on the loopback interface. `--only
 * PART[,...]` of campaigns, rates, sizes; `--rounds N` of the campaigns; `--seconds N` of each rate; `--workers N[,...]`
 * and `--ahead N[,...]` of the rates; `--write` puts all figures into docs/scaling.md and what the model needs into
 * bench/queue/measured.json.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CASES_PER_SHARD } from '../src/fuzz/campaign.ts';
import { writePart } from './document.ts';
import { Machine } from './machine.ts';
import { compareCampaigns } from './queue/campaigns.ts';
import { measurePolls, type PollTimes } from './queue/polls.ts';
import { type Prepared, prepare } from './queue/prepared.ts';
import { measureRates, type Rates } from './queue/rates.ts';
import { measureSizes, type Sizes } from './queue/sizes.ts';
import { asMarkdown, asText, figuresTable, number, type Section, type Table } from './report.ts';

const BEGIN = '<!-- npm run queue-bench -- --write -->';
const MEASURED = new URL('../../bench/queue/measured.json', import.meta.url).pathname;
const PARTS = ['sizes', 'rates', 'campaigns'];
/** Shards that are really run: more than the first window, so that tasks and results are as they are later. */
const PREPARED = 48;
const CASES = 2048;
const THREADS = 2;

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: PARTS.join() },
    rounds: { type: 'string', default: '9' },
    seconds: { type: 'string', default: '5' },
    workers: { type: 'string', default: '1,10,100,1000' },
    ahead: { type: 'string', default: '32,256,2048' },
    write: { type: 'boolean', default: false },
  },
});

function numbers(name: 'rounds' | 'seconds' | 'workers' | 'ahead'): number[] {
  const list = values[name].split(',').map(Number);
  if (list.every((value) => value > 0 && Number.isFinite(value))) return list;
  throw new Error(`--${name} ${values[name]}: give numbers greater than 0`);
}

const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** Standard deviation of the logarithm of a shard's seconds; the first ones warm up. */
function spreadOf({ outcomes }: Prepared): number {
  const logs = outcomes.slice(outcomes.length >>> 2).map(({ result }) => Math.log(result.seconds));
  const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length;
  return Math.sqrt(logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / (logs.length - 1));
}

function pollTable({ pollSeconds, statementSeconds }: PollTimes): Table {
  return {
    title: 'Workers that do nothing: microseconds of the processor',
    head: ['what', 'µs'],
    rows: [
      ['Redis, for a poll of one worker', number(pollSeconds * 1e6)],
      ['coordinator, for the statement of one worker', number(statementSeconds * 1e6)],
    ],
  };
}

async function main(): Promise<void> {
  const only = values.only.split(',');
  const unknown = only.find((part) => !PARTS.includes(part));
  if (unknown !== undefined) throw new Error(`--only ${unknown}: the parts are ${PARTS.join(', ')}`);
  if (values.write && only.length < PARTS.length) throw new Error('--write takes no --only: it replaces all figures');
  const folder = mkdtempSync(join(tmpdir(), 'msrdiff-queue-bench-'));
  const machine = new Machine('one Redis on the same machine');
  const tables: Table[] = [];
  let comparison: Awaited<ReturnType<typeof compareCampaigns>> | undefined;
  let rates: Rates | undefined;
  let sizes: Sizes | undefined;
  let polls: PollTimes | undefined;
  let spread = 0;
  try {
    say(`preparing results of ${PREPARED} shards, quiet and diverging`);
    const quiet: Prepared = await prepare('quiet', PREPARED, folder);
    const prepared = { quiet, diverging: await prepare('diverging', PREPARED, folder) };
    const [seconds, rounds] = [numbers('seconds')[0]!, numbers('rounds')[0]!];
    if (only.includes('sizes')) sizes = await measureSizes(prepared, folder);
    const ways = { workers: numbers('workers'), ahead: numbers('ahead'), seconds };
    spread = spreadOf(quiet);
    if (only.includes('rates')) polls = await measurePolls(folder);
    if (only.includes('rates')) rates = await measureRates({ prepared, ...ways, folder, say });
    const length = { cases: CASES, threads: THREADS, casesPerShard: CASES_PER_SHARD };
    if (only.includes('campaigns')) comparison = await compareCampaigns({ ...length, rounds, folder, say });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  if (comparison) {
    const section: Section = { name: 'queue', tables: [], charts: [], data: undefined, figures: comparison.figures };
    tables.push(comparison.table, figuresTable([section]));
  }
  if (polls) tables.push(pollTable(polls));
  tables.push(...(rates?.tables ?? []), ...(sizes?.tables ?? []));
  process.stdout.write(`${machine.text()}\n\n${asText(tables)}\n`);
  if (!values.write) return;
  writePart('scaling.md', BEGIN, [machine.text(), ...tables.map(asMarkdown)]);
  const measured = {
    ...{ shardSeconds: comparison!.shardSeconds, shardSpread: spread },
    ...{ ...rates!.model, ...sizes!.model, ...polls!, rates: rates!.measured },
  };
  writeFileSync(MEASURED, `${JSON.stringify(measured, null, 2)}\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`queue-bench: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
