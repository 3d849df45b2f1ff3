/**
 * The soak test: campaigns of an hour, one that finds nothing and one that always finds something and is looked at
 * through `msrdiff serve` all the time; memory, file handles, threads, the write-ahead log and the database are sampled,
 * and the first four must stay flat.
 *
 *   npm run soak -- [--minutes 60] [--workers 1] [--every 5] [--write] [--samples FILE] [--from FILE]
 *
 * Ctrl-C ends the campaigns and reports what there is. `--samples` keeps the samples, `--from` reports kept ones.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeMeasured } from './document.ts';
import { Machine } from './machine.ts';
import { asText } from './report.ts';
import { charts, growthTable, judgements, type SoakRun, table } from './soak/report.ts';
import { type Watched, watch } from './soak/sampler.ts';
import { visit } from './soak/visitor.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    workers: { type: 'string', default: '1' },
    every: { type: 'string', default: '5' },
    write: { type: 'boolean', default: false },
    samples: { type: 'string' },
    from: { type: 'string' },
  },
});

function positive(name: 'minutes' | 'workers' | 'every'): number {
  const value = Number(values[name]);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new Error(`--${name} ${values[name]}: give a number greater than 0`);
}

const SEED = '8';
/** Progress is told so often, in samples. */
const TELL_EVERY = 12;
/** The built command ends by itself within so many seconds of its time. */
const GRACE_SECONDS = 120;

interface Kept {
  readonly machine: string;
  readonly runs: readonly SoakRun[];
}

const CAMPAIGNS: readonly (readonly [name: string, engines: readonly string[]])[] = [
  ['without divergences', []],
  ['with divergences', ['--engines', 'reference,interval,vmx,svm,canary']],
];

function addressOf({ child }: Watched): Promise<string> {
  return new Promise((resolve, reject) => {
    child.stdout!.on('data', (chunk) => {
      const found = /http:\S+/.exec(String(chunk));
      if (found) resolve(found[0]);
    });
    child.once('close', (code) => reject(new Error(`msrdiff serve ended with ${code}`)));
  });
}

function tell(watched: readonly Watched[]): void {
  for (const { name, samples } of watched) {
    const last = samples.at(-1);
    if (!last) continue;
    const { seconds, rss, handles, threads, shards, database, wal } = last;
    const stored = database === undefined ? '' : `, database ${database.toFixed(1)} MiB, log ${wal!.toFixed(1)} MiB`;
    process.stderr.write(
      `${(seconds / 60).toFixed(1)} min  ${name}: ${rss.toFixed(0)} MiB, ${handles} handles, ${threads} threads` +
        `${shards === undefined ? '' : `, ${shards} shards`}${stored}\n`,
    );
  }
}

function runsOf(watched: readonly Watched[], commands: readonly string[]): SoakRun[] {
  return watched.map(({ name, samples }, i) => ({ name, command: commands[i]!, samples }));
}

/** So far, too: an hour is long. */
function keep(kept: Kept): void {
  if (values.samples) writeFileSync(values.samples, `${JSON.stringify(kept)}\n`);
}

async function soak(): Promise<Kept> {
  const [minutes, every] = [positive('minutes'), positive('every')];
  const folder = mkdtempSync(join(tmpdir(), 'msrdiff-soak-'));
  const machine = new Machine(`${minutes} minutes, --workers ${positive('workers')}`).text();
  const commands: string[] = [];
  const begin = (name: string, args: readonly string[], database?: string): Watched => {
    commands.push(`msrdiff ${args.join(' ').replaceAll(`${folder}/`, '')}`);
    return watch(name, args, join(folder, `${name.replaceAll(' ', '-')}.log`), database);
  };
  const campaigns = CAMPAIGNS.map(([name, engines], i) => {
    const database = join(folder, `campaign-${i}.db`);
    const limits = ['--seed', SEED, '--seconds', String(minutes * 60), '--workers', String(values.workers)];
    return begin(name, ['fuzz', ...limits, ...engines, '--json', '--database', database], database);
  });
  const watched = [...campaigns];
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  const timer = setTimeout(() => stop.abort(), (minutes * 60 + GRACE_SECONDS) * 1000);
  let over = false;
  const ended = Promise.all(campaigns.map((campaign) => campaign.ended)).then((codes) => {
    over = true;
    return codes;
  });
  const leave = new AbortController();
  let visits: Promise<number> | undefined;
  for (let turn = 0; !over && !stop.signal.aborted; turn++) {
    await Promise.race([new Promise((resolve) => setTimeout(resolve, every * 1000)), ended]);
    for (const one of watched) await one.sample();
    if (visits === undefined && campaigns[1]!.samples.at(-1)?.shards) {
      const args = ['serve', '--port', '0', '--database', join(folder, 'campaign-1.db')];
      const server = begin('serve', args);
      watched.push(server);
      visits = visit(await addressOf(server), leave.signal);
      visits.catch((error: unknown) => process.stderr.write(`the page broke off: ${error}\n`));
    }
    if (turn % TELL_EVERY > 0) continue;
    tell(watched);
    keep({ machine, runs: runsOf(watched, commands) });
  }
  clearTimeout(timer);
  leave.abort();
  for (const { child } of watched) child.kill('SIGINT');
  const codes = await ended;
  process.stderr.write(`campaigns ended with ${codes.join(' and ')}; answers read from serve: ${await visits}\n`);
  rmSync(folder, { recursive: true, force: true });
  return { machine, runs: runsOf(watched, commands) };
}

const kept: Kept = values.from ? JSON.parse(readFileSync(values.from, 'utf8')) : await soak();
keep(kept);
const tables = [...kept.runs.map(table), growthTable(kept.runs)];
process.stdout.write(`${kept.machine}\n\n${asText(tables)}\n`);
if (values.write) writeMeasured('soak.md', 'npm run soak -- --write', kept.machine, tables, charts(kept.runs));
process.exitCode = kept.runs.every((run) => judgements(run).every(({ flat }) => flat)) ? 0 : 1;
