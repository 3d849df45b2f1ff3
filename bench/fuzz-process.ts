/** A campaign as users run it: a process of its own, watched from outside. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { median } from './statistics.ts';

const MAIN = new URL('../src/cli/main.js', import.meta.url).pathname;
const SAMPLE_MS = 200;
/** Has the process say at its end what it has used. Worker threads load this too. */
const REPORT = `import { isMainThread } from 'node:worker_threads';
if (isMainThread) process.on('exit', () => {
  const { user, system } = process.cpuUsage();
  process.stderr.write('\\nCPU ' + (user + system) / 1e6 + '\\n');
});`;

export interface CampaignRun {
  readonly cases: number;
  readonly accesses: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Of the workers' time, in seconds, all together. */
  readonly workerSeconds: number;
  /** Of the whole run. */
  readonly digest: string;
  /** Of the workers' time, 0-1, audits included. */
  readonly engineShare: number;
  /** Resident set in MiB: the median of the last quarter of the run. */
  readonly rssMiB: number;
  readonly divergences: readonly { readonly id: string; readonly cases: number }[];
}

function residentMiB(pid: number): number | undefined {
  try {
    const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kib === undefined ? undefined : Number(kib) / 1024;
  } catch {
    return undefined;
  }
}

/** Two exit codes are a result: nothing found, and something found. */
const RESULTS = [0, 1];

export async function runCampaign(folder: string, args: readonly string[]): Promise<CampaignRun> {
  const database = join(mkdtempSync(join(folder, 'campaign-')), 'msrdiff.db');
  const child = spawn(
    process.execPath,
    [
      `--import=data:text/javascript,${encodeURIComponent(REPORT)}`,
      MAIN,
      'fuzz',
      '--json',
      ...args,
      '--database',
      database,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const samples: number[] = [];
  const sampler = setInterval(() => {
    const resident = residentMiB(child.pid!);
    if (resident !== undefined) samples.push(resident);
  }, SAMPLE_MS);
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  clearInterval(sampler);
  if (!RESULTS.includes(code!)) throw new Error(`msrdiff fuzz ${args.join(' ')} ended with ${code}: ${stderr}`);
  const { cases, accesses, seconds, engineShare, workerSeconds, digest, divergences } = JSON.parse(
    stdout.trim().split('\n').at(-1)!,
  );
  return {
    ...{ cases, accesses, seconds, engineShare, workerSeconds, digest, divergences },
    cpuSeconds: Number(/\nCPU ([\d.]+)/.exec(stderr)![1]),
    rssMiB: samples.length > 0 ? median(samples.slice(-Math.ceil(samples.length / 4))) : 0,
  };
}
