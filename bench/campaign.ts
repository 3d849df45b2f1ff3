/** Whole campaigns: accesses compared per second and core, share of time outside the engines, workers, memory. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface CampaignRow {
  readonly workers: number;
  readonly accessesPerSecond: number;
  /** Share of the workers' time inside the engines, audits included, 0-1. */
  readonly engineShare: number;
  /** Resident set of the process in MiB after a quarter of the time and at the end. */
  readonly rssQuarter: number;
  readonly rssEnd: number;
}

const MAIN = new URL('../src/cli/main.js', import.meta.url).pathname;

function residentMiB(pid: number): number {
  try {
    const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kib ?? 0) / 1024;
  } catch {
    return 0;
  }
}

export async function campaignBench(workers: number, seconds: number, seed: number): Promise<CampaignRow> {
  const folder = mkdtempSync(join(tmpdir(), 'msrdiff-bench-'));
  const args = ['fuzz', '--json', '--seed', String(seed), '--seconds', String(seconds), '--workers', String(workers)];
  const child = spawn(process.execPath, [MAIN, ...args, '--database', join(folder, 'bench.db')], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const samples: number[] = [];
  const sampler = setInterval(() => samples.push(residentMiB(child.pid!)), 500);
  let stdout = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  await new Promise((resolve) => child.once('close', resolve));
  clearInterval(sampler);
  rmSync(folder, { recursive: true, force: true });
  const summary = JSON.parse(stdout.trim().split('\n').at(-1)!);
  const alive = samples.filter((sample) => sample > 0);
  return {
    workers,
    accessesPerSecond: summary.accesses / summary.seconds,
    engineShare: summary.engineShare,
    rssQuarter: alive[alive.length >>> 2] ?? 0,
    rssEnd: alive.at(-1) ?? 0,
  };
}
