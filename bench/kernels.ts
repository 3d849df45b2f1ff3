/**
 * `npm run kernels`: how fast kernel engines are. All that are available, or `--engines A,B`; `--seconds N` per slice;
 * `--cases N` also runs a campaign of so many cases against the models (`--seed N`); `--json` for machines.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { quantity, table } from '../src/cli/render.ts';
import { cacheFolder } from '../src/engines/kernel/cache.ts';
import { listKernels } from '../src/engines/kernel/kernel-store.ts';
import { availability, kernelLaunch } from '../src/engines/kernel/machines.ts';
import { startRemote } from '../src/engines/remote/remote-engine.ts';
import { Runner } from '../src/engines/runner.ts';
import { BaseTable } from '../src/model/base.ts';
import { Exit } from '../src/model/exit.ts';
import { findProfile } from '../src/model/profile.ts';
import type { Scenario, ScenarioEvent } from '../src/model/scenario.ts';
import { Verdict } from '../src/model/verdict.ts';

interface CampaignCounts {
  readonly cases: number;
  readonly filters: number;
  readonly accesses: number;
  readonly divergences: number;
  /** Without the start of the engine and the measurement of its base. */
  readonly seconds: number;
}

interface Row {
  readonly engine: string;
  readonly description: string;
  /** From the start of the process to its answer to HELLO; and for the base. */
  readonly startSeconds: number;
  readonly baseSeconds: number;
  /** New VM, exit mask 7, a filter of one range of 64 MSRs, 16 accesses. */
  readonly casesPerSecond: number;
  /** RDMSR; null where no hardware bitmap passes anything. */
  readonly perSecond: {
    readonly passthrough: number | null;
    readonly intercepted: number;
    readonly userExit: number;
  };
  readonly campaign?: CampaignCounts;
}

const { values } = parseArgs({
  options: {
    engines: { type: 'string' },
    seconds: { type: 'string', default: '2' },
    cases: { type: 'string' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean' },
  },
});
const MAIN = new URL('../src/cli/main.js', import.meta.url).pathname;
const TIMEOUT_MS = 60_000;
const SLICES = 5;
/** Cases that the engine has been sent and not answered. */
const AHEAD = 64;
/** Accesses of one event, and events of one case, where accesses are what is measured. */
const BATCH = 4096;
const BATCHES = 4;

/** One that both vendors pass through, and one that both intercept. */
const SYSENTER_CS = 0x174;
const MISC_ENABLE = 0x1a0;

const MASK: ScenarioEvent = { kind: 'cap', mask: 7n };

/** Denies 64 MSRs. */
function filter(base: number): ScenarioEvent {
  const range = { flags: 3, base, nmsrs: 64, bitmap: new Uint8Array(8) };
  return { kind: 'filter', filter: { flags: 0, ranges: [range] } };
}

/** RDMSRs of one MSR. */
function reads(index: number, length: number): ScenarioEvent {
  return { kind: 'access', batch: { indices: new Uint32Array(length).fill(index), types: new Uint8Array(length) } };
}

/** Runs per second of a case, all of whose accesses end in the verdict: median of several slices. */
function rate(runner: Runner, events: readonly ScenarioEvent[], accesses: number, verdict: Verdict): number {
  const begun: Scenario[] = [];
  const begin = (): void => {
    const scenario = { events };
    runner.begin(scenario);
    begun.push(scenario);
  };
  const finish = (): void => {
    const { failure, verdicts, codes } = runner.run(begun.shift()!, accesses);
    const wrong = verdicts.subarray(0, accesses).find((answer) => answer !== verdict);
    if (failure || wrong !== undefined || codes.subarray(0, events.length).some((code) => code !== 0)) {
      throw new Error(`${runner.engine.name}: ${failure?.message ?? `verdict ${wrong} instead of ${verdict}`}`);
    }
  };
  const ahead = Math.ceil(AHEAD / Math.max(1, accesses >>> 8));
  for (let n = 0; n < ahead; n++) begin();
  const rates = Array.from({ length: SLICES }, () => {
    const started = performance.now();
    let [runs, ms] = [0, 0];
    for (; ms < Number(values.seconds) * 1000; ms = performance.now() - started, runs++) {
      finish();
      begin();
    }
    return (runs * 1000) / ms;
  });
  while (begun.length > 0) finish();
  return rates.toSorted((a, b) => a - b)[SLICES >>> 1]!;
}

function measure(name: string): Row {
  const launch = kernelLaunch(name);
  const started = performance.now();
  const engine = startRemote({ name, launch, timeoutMs: TIMEOUT_MS });
  const ready = performance.now();
  try {
    const kernel = engine.kernel!.measure();
    const measured = performance.now();
    const runner = new Runner(engine, { profile: findProfile(kernel.profile)!, base: new BaseTable(kernel.rows) });
    const batches = (index: number) => Array.from({ length: BATCHES }, () => reads(index, BATCH));
    const accesses = BATCH * BATCHES;
    const perSecond = (events: readonly ScenarioEvent[], verdict: Verdict): number =>
      rate(runner, events, accesses, verdict) * accesses;
    return {
      engine: name,
      description: kernel.description,
      startSeconds: (ready - started) / 1000,
      baseSeconds: (measured - ready) / 1000,
      casesPerSecond: rate(runner, [MASK, filter(MISC_ENABLE), reads(MISC_ENABLE, 16)], 16, Verdict.EXIT_FILTER),
      perSecond: {
        passthrough: engine.kernel!.vendor ? perSecond(batches(SYSENTER_CS), Verdict.ALLOW) : null,
        intercepted: perSecond(batches(MISC_ENABLE), Verdict.ALLOW),
        userExit: perSecond([MASK, filter(MISC_ENABLE), ...batches(MISC_ENABLE)], Verdict.EXIT_FILTER),
      },
    };
  } finally {
    engine.close();
  }
}

/** A campaign of which the kernel gets every case. */
function campaign(name: string, cases: string): CampaignCounts {
  const folder = mkdtempSync(join(tmpdir(), 'msrdiff-bench-'));
  const models = ['reference', 'interval', ...['svm', 'vmx'].filter((vendor) => name.startsWith(`kvm-${vendor}@`))];
  const args = [
    ...['fuzz', '--engines', [...models, name].join(), '--sample', '1', '--accesses', '256', '--workers', '1'],
    ...['--cases', cases, '--seed', values.seed, '--database', join(folder, 'bench.db'), '--json'],
  ];
  const { stdout, status } = spawnSync(process.execPath, [MAIN, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  rmSync(folder, { recursive: true, force: true });
  if (status !== Exit.OK && status !== Exit.DIVERGED) throw new Error(`${name}: the campaign ended with ${status}`);
  const { samples, divergences, seconds } = JSON.parse(stdout.trim().split('\n').at(-1)!);
  return { ...samples[name], divergences: divergences.length, seconds };
}

function render(rows: readonly Row[]): string {
  const rateText = (value: number | null): string => (value === null ? '-' : `${quantity(value)}/s`);
  const speed = rows.map(({ engine, startSeconds, baseSeconds, casesPerSecond, perSecond }) => [
    ...[engine, `${startSeconds.toFixed(2)} s`, `${baseSeconds.toFixed(2)} s`, rateText(casesPerSecond)],
    ...[perSecond.passthrough, perSecond.intercepted, perSecond.userExit].map(rateText),
  ]);
  const found = rows.flatMap(({ engine, campaign }) =>
    campaign
      ? [[engine, ...[campaign.cases, campaign.filters, campaign.accesses, campaign.divergences].map(String)]]
      : [],
  );
  const parts = [
    `${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}`,
    table([['engine', 'start', 'base', 'cases', 'RDMSR passed', 'intercepted', 'to user space'], ...speed]),
  ];
  if (found.length > 0) parts.push(table([['engine', 'cases', 'filters', 'accesses', 'divergences'], ...found]));
  return parts.join('\n\n');
}

function availableEngines(): string[] {
  const versions = listKernels(cacheFolder()).map(({ version }) => version);
  const all = ['kvm', ...['kvm-svm', 'kvm-vmx'].flatMap((route) => versions.map((version) => `${route}@${version}`))];
  return all.filter((name) => {
    const found = availability(name);
    if (!found.available) process.stderr.write(`left out: ${name}: ${found.missing}\n`);
    return found.available;
  });
}

const rows = (values.engines?.split(',') ?? availableEngines()).map((name): Row => {
  const row = measure(name);
  return values.cases === undefined ? row : { ...row, campaign: campaign(name, values.cases) };
});
if (values.json) {
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version };
  process.stdout.write(`${JSON.stringify({ machine, engines: rows })}\n`);
} else process.stdout.write(`${render(rows)}\n`);
