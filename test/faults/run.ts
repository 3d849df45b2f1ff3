/**
 * The fault suite: each kind of fault at random moments of real campaigns.
 *
 *   npm run test:faults -- [--times N] [--only KIND[,KIND...]] [--seed S] [--cases N] [--short] [--write] [--keep]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Random } from '../../src/fuzz/random.ts';
import { UndisturbedRuns } from './campaign.ts';
import { FAULT_KINDS } from './catalogue.ts';
import type { FaultKind } from './kind.ts';
import { type KindResult, tableOf, writeTable } from './report.ts';
import { Missed, Trial } from './trial.ts';

/** Attempts at a moment that is not too late. */
const MAX_MISSED = 20;
/** Campaigns that trials take turns with: each costs an undisturbed run. */
const SEEDS = 3;

/** What CI can afford: one of each sort. */
const SHORT = [
  ...['kill-campaign', 'ctrl-c-twice', 'kill-thread', 'kill-engine', 'disk-full', 'locked', 'torn-log', 'clock-date'],
  ...['queue-kill-worker', 'queue-redis-lost'],
];

const { values } = parseArgs({
  options: {
    times: { type: 'string' },
    short: { type: 'boolean', default: false },
    only: { type: 'string' },
    seed: { type: 'string' },
    cases: { type: 'string' },
    write: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
});
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(values.seed);
const times = Number(values.times ?? (values.short ? 1 : 4));
const cases = Number(values.cases ?? (values.short ? 192 : 256));
const only = values.only?.split(',') ?? (values.short ? SHORT : undefined);
const kinds = FAULT_KINDS.filter(({ id }) => !only || only.includes(id));
if (kinds.length === 0) throw new Error(`no kind of fault is named ${values.only}`);

const folder = mkdtempSync(join(tmpdir(), 'msrdiff-faults-'));
const runs = new UndisturbedRuns(folder);
process.stdout.write(`seed ${seed}; each of ${kinds.length} kinds ${times} times; in ${folder}\n`);

async function inject(kind: FaultKind, number: number): Promise<readonly string[]> {
  for (let attempt = 0; attempt < MAX_MISSED; attempt++) {
    const place = FAULT_KINDS.indexOf(kind);
    const random = new Random(seed, place * 1000 + number, attempt);
    const home = join(folder, `${kind.id}-${number}`);
    rmSync(home, { recursive: true, force: true });
    const trial = new Trial(home, random, runs, { seed: 1 + (number % SEEDS), cases });
    try {
      await kind.inject(trial);
      await trial.finish();
      await trial.check();
    } catch (error) {
      if (error instanceof Missed) continue;
      trial.problems.push(String((error as Error).stack));
    } finally {
      await trial.end();
    }
    if (trial.problems.length === 0 && !values.keep) rmSync(home, { recursive: true, force: true });
    return trial.problems;
  }
  return [`the run was over before the fault, ${MAX_MISSED} times`];
}

const results: KindResult[] = [];
for (const kind of kinds) {
  const result: KindResult = { kind, skipped: kind.missing?.(), injected: 0, failed: 0 };
  results.push(result);
  if (result.skipped !== undefined) {
    process.stdout.write(`${kind.id}: skipped: ${result.skipped}\n`);
    continue;
  }
  const started = performance.now();
  for (let number = 0; number < times; number++) {
    const problems = await inject(kind, number);
    result.injected++;
    if (problems.length === 0) continue;
    result.failed++;
    process.stdout.write(`${kind.id}-${number} (--seed ${seed}): ${problems.join('\n  ')}\n`);
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  process.stdout.write(`${kind.id}: ${result.injected} times, ${result.failed} failed, ${seconds} s\n`);
}

process.stdout.write(`\n${tableOf(results)}\n`);
if (values.write) writeTable('docs/faults.md', results);
const failed = results.some((result) => result.failed > 0);
if (failed) process.stdout.write(`kept: ${folder}; again with --seed ${seed}\n`);
else if (!values.keep) rmSync(folder, { recursive: true });
process.exitCode = failed ? 1 : 0;
