/**
 * `npm run hunt`: bad input for everything that msrdiff reads, guided by the blocks that it reaches; docs/hunt.md.
 * `--inputs N` per target (default 100,000), `--seconds T` at most per target, `--only TARGET[,...]`, `--seed S`,
 * `--corpus FOLDER` (default results/hunt), where what is kept is kept: a later run goes on from there. Ctrl-C ends it.
 * What fails is made short, stored in test/hunt/regressions/TARGET, and told by exit code 1.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { MAX_INPUT } from './mutate.ts';
import { TARGETS } from './targets.ts';
import type { WorkerData, WorkerMessage } from './worker.ts';

/** An input that takes longer hangs. Generous: machines are shared. */
const HANG_MS = 10_000;
const LOOK_MS = 250;
const PROGRESS_MS = 10_000;
const REGRESSIONS = join('test', 'hunt', 'regressions');

const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '100000' },
    seconds: { type: 'string', default: '86400' },
    only: { type: 'string' },
    seed: { type: 'string', default: '1' },
    corpus: { type: 'string', default: join('results', 'hunt') },
  },
});

function wholeNumber(name: 'inputs' | 'seconds' | 'seed'): number {
  const value = Number(values[name]);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  console.error(`--${name} ${values[name]}: give a whole number`);
  process.exit(2);
}

function filesIn(folder: string): Uint8Array[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).sort();
  return names.map((name) => new Uint8Array(readFileSync(join(folder, name))));
}

function keep(folder: string, input: Uint8Array): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, createHash('sha256').update(input).digest('hex').slice(0, 16));
  writeFileSync(path, input);
  return path;
}

type Result = Extract<WorkerMessage, { kind: 'done' | 'failed' }>;

/** Runs the search in a thread that is ended if an input takes too long. */
function hunt(target: string): Promise<Result> {
  const counters = new Int32Array(new SharedArrayBuffer(8));
  const present = new Uint8Array(new SharedArrayBuffer(MAX_INPUT * 4));
  const corpus = join(values.corpus, target);
  const data: WorkerData = {
    ...{ target, counters, present, inputs: wholeNumber('inputs'), seconds: wholeNumber('seconds') },
    ...{ seed: wholeNumber('seed'), kept: [...filesIn(corpus), ...filesIn(join(REGRESSIONS, target))] },
  };
  const worker = new Worker(new URL('./worker.js', import.meta.url), {
    workerData: data,
    // A target may fill the memory of its thread, not that of the machine.
    resourceLimits: { maxOldGenerationSizeMb: 1024 },
  });
  return new Promise((resolve) => {
    let result: Result | undefined;
    let [seen, since, told] = [-1, performance.now(), performance.now()];
    const broken = (why: string): Result => ({
      ...{ kind: 'failed', why, inputs: Atomics.load(counters, 0) },
      input: present.slice(0, Math.min(counters[1]!, present.length)),
    });
    const timer = setInterval(() => {
      const now = performance.now();
      const count = Atomics.load(counters, 0);
      if (count !== seen) [seen, since] = [count, now];
      else if (now - since > HANG_MS && result === undefined) {
        result = broken(`nothing came back for ${HANG_MS / 1000} s`);
        void worker.terminate();
      }
      if (now - told > PROGRESS_MS) {
        console.error(`  ${target}: ${count} inputs`);
        told = now;
      }
    }, LOOK_MS);
    worker.on('message', (message: WorkerMessage) => {
      if (message.kind === 'kept') keep(corpus, message.input);
      else result = message;
    });
    worker.on('error', (error) => {
      result ??= broken(`the thread ended: ${error.stack ?? error}`);
    });
    worker.on('exit', (code) => {
      clearInterval(timer);
      resolve(result ?? broken(`the thread ended with ${code}`));
    });
  });
}

const only = values.only?.split(',');
const unknown = only?.filter((name) => !TARGETS.some((target) => target === name)) ?? [];
if (unknown.length > 0) {
  console.error(`--only ${unknown.join(',')}: known are ${TARGETS.join(', ')}`);
  process.exit(2);
}
console.log('| target | inputs | seconds | blocks | of | kept |\n| --- | --: | --: | --: | --: | --: |');
let total = 0;
for (const target of TARGETS) {
  if (only && !only.includes(target)) continue;
  const start = performance.now();
  const result = await hunt(target);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  total += result.inputs;
  if (result.kind === 'done') {
    const { inputs, blocks, corpus } = result;
    console.log(`| ${target} | ${inputs} | ${seconds} | ${blocks.covered} | ${blocks.all} | ${corpus} |`);
    continue;
  }
  const path = keep(join(REGRESSIONS, target), result.input);
  console.log(`| ${target} | ${result.inputs} | ${seconds} | failed: ${path} |`);
  console.error(`${target}: ${result.why}`);
  process.exitCode = 1;
}
console.log(`${total} inputs`);
