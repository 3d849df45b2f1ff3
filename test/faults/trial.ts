/** One injection: a campaign, a fault, the campaign resumed until it is done, and everything checked. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../../src/fuzz/random.ts';
import {
  Campaign,
  type CampaignOptions,
  IN_THREADS,
  type Undisturbed,
  type UndisturbedRuns,
  verdictsOf,
} from './campaign.ts';
import { type Allowance, differences, examine } from './outcome.ts';
import { type Ended, orphans, processesOf, Running } from './processes.ts';

/** Runs after which a campaign that is still not done is given up. */
const MAX_RUNS = 12;
/** A run that takes so much longer than undisturbed hangs, in milliseconds. */
const HANG_MS = 180_000;
/** Divergences found: 1; none that is new, in what was left to run: 0. */
const DONE: readonly number[] = [0, 1];

/** The fault struck too late, when the run had ended. */
export class Missed extends Error {}

export interface Expected {
  readonly codes: readonly number[];
  readonly signals?: readonly NodeJS.Signals[];
  /** What the one line on standard error says, when the code is none of success. */
  readonly says?: RegExp;
}

export class Trial {
  readonly folder: string;
  /** Where the campaign is kept; on the way, a fault may have it elsewhere. */
  database: string;
  readonly mark: string;
  readonly problems: string[] = [];
  /** What the fault leaves beside the undisturbed outcome. */
  allowance: Allowance = () => false;
  /** Time that a run takes, as a share of the undisturbed one's; less, so that few moments are too late. */
  pace = 0.9;
  /** For every run of the campaign. */
  env: Record<string, string> = {};
  campaign: Campaign;
  undisturbed!: Undisturbed;
  private readonly random: Random;
  private readonly runs: UndisturbedRuns;
  private last: Ended | undefined;

  constructor(folder: string, random: Random, runs: UndisturbedRuns, size: Pick<CampaignOptions, 'seed' | 'cases'>) {
    this.folder = folder;
    this.random = random;
    this.runs = runs;
    this.mark = folder;
    mkdirSync(folder, { recursive: true });
    this.database = join(folder, 'campaign.db');
    this.campaign = new Campaign({ ...size, ...IN_THREADS });
  }

  /**
   * Before the fault; `options` differ from the usual campaign's, and `key` says which undisturbed run is the same where
   * they name files of the trial. What is in `env` by now belongs to the campaign.
   */
  async prepare(options: Partial<CampaignOptions> = {}, key?: string): Promise<void> {
    this.campaign = new Campaign({ ...this.campaign.options, ...options });
    const { seed } = this.campaign.options;
    this.undisturbed = await this.runs.of(this.campaign, this.env, key === undefined ? key : `${key} ${seed}`);
  }

  /** The campaign as it is told from now on; what it must end with is the same. */
  alter(options: Partial<CampaignOptions>): void {
    this.campaign = new Campaign({ ...this.campaign.options, ...options });
  }

  below(bound: number): number {
    return this.random.below(bound);
  }

  between(low: number, high: number): number {
    return low + this.random.below(high - low + 1);
  }

  pick<T>(values: readonly T[]): T {
    return values[this.random.below(values.length)]!;
  }

  file(name: string): string {
    return join(this.folder, name);
  }

  /** Starts the campaign, or what is left of it. */
  fuzz(resume = false): Running {
    return new Running(this.campaign.argv(this.database, resume), this.mark, this.env);
  }

  /** A moment of a run that takes as long as the undisturbed one. Throws Missed if the run is over before. */
  async moment(run: Running): Promise<void> {
    if (!(await run.lives(this.random.below(Math.round(this.undisturbed.duration * this.pace))))) throw new Missed();
  }

  /** Waits for the end, and checks how the run says it. */
  async ended(run: Running, { codes, signals = [], says }: Expected): Promise<Ended> {
    const limit = this.undisturbed.duration * 4 + HANG_MS;
    if (await run.lives(limit)) {
      run.signal('SIGKILL');
      this.problems.push(`a run hung for ${Math.round(limit / 1000)} s`);
    }
    this.last = await this.checked(run, { codes, signals, ...(says ? { says } : {}) });
    return this.last;
  }

  /** How a process that is not the campaign's own has ended. */
  async checked(run: Running, { codes, signals = [], says }: Expected): Promise<Ended> {
    const end = await run.end;
    const { code, signal } = end;
    if (!(code === null ? signals.includes(signal!) : codes.includes(code))) {
      this.problems.push(
        `a run ended with ${code ?? signal}, not ${[...codes, ...signals].join(' or ')}: ${tail(end)}`,
      );
    }
    if (/^\s+at /m.test(end.stderr) || end.stderr.includes('internal error')) {
      this.problems.push(`a stack trace: ${tail(end)}`);
    }
    if (code !== null && !DONE.includes(code) && code !== 130) this.checkLine(end, says);
    return end;
  }

  private checkLine(end: Ended, says: RegExp | undefined): void {
    // Beside progress, and what a queue tells on the way.
    const lines = end.stderr.split('\n').filter((line) => line.startsWith('msrdiff: '));
    if (lines.length !== 1) this.problems.push(`not one line: ${tail(end)}`);
    if (says && !says.test(end.stderr)) this.problems.push(`it does not say ${says}: ${tail(end)}`);
  }

  /** Resumes as often as it takes. Nothing disturbs it any more. */
  async finish(): Promise<void> {
    for (let runs = 0; runs < MAX_RUNS; runs++) {
      if (this.isDone()) return;
      const stored = existsSync(this.database);
      const run = this.fuzz(stored);
      const end = await run.end;
      if (end.code === 2 && stored && end.stderr.includes('holds no campaign to resume')) {
        // It was killed before there was a campaign, or when there was nothing left to do.
        if ((await examine(this.database)).outcome.campaigns.length > 0) return;
        await this.ended(this.fuzz(false), { codes: DONE });
      } else await this.ended(run, { codes: DONE });
      if (this.problems.length > 0) return;
    }
    this.problems.push(`not done after ${MAX_RUNS} runs`);
  }

  private isDone(): boolean {
    return this.last !== undefined && verdictsOf(this.last) !== undefined && DONE.includes(this.last.code ?? -1);
  }

  /** Whatever became of it: nothing of it is left. */
  async end(): Promise<void> {
    if (processesOf(this.mark).length > 0) await orphans(this.mark);
  }

  /** After `finish`. */
  async check(): Promise<void> {
    if (this.problems.length > 0) return;
    for (const { pid, command } of await orphans(this.mark)) this.problems.push(`process ${pid} is left: ${command}`);
    const { outcome, problems } = await examine(this.database);
    this.problems.push(...problems, ...differences(this.undisturbed.outcome, outcome, this.allowance));
    const verdicts = this.last && verdictsOf(this.last);
    if (verdicts && JSON.stringify(verdicts) !== JSON.stringify(this.undisturbed.verdicts)) {
      this.problems.push(`verdicts are ${JSON.stringify(verdicts)}`);
    }
  }
}

function tail({ stderr, stdout }: Ended): string {
  return (stderr || stdout).trim().slice(-600);
}
