/** The campaign that faults are injected into, as a command line, and what it ends with when nothing disturbs it. */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { examine, type Outcome } from './outcome.ts';
import { type Ended, Running } from './processes.ts';

/** The suite runs in the repository's root, on the built command line. */
export const ROOT = resolve('.');
export const MAIN = join(ROOT, 'dist/src/cli/main.js');
export const TWO_BUGS = join(ROOT, 'test/faults/engines/two-bugs.mjs');

export interface CampaignOptions {
  readonly seed: number;
  readonly cases: number;
  /** What a resumed run is not told again: engines. */
  readonly engines: readonly string[];
  /** What every run is told: commands, time limits. */
  readonly always: readonly string[];
}

/** Two bugs that look alike: divergences, what is known of them attributed to either, and minimization. */
export const IN_THREADS = {
  engines: ['--engines', 'reference,interval', '--engine-module', TWO_BUGS],
  always: ['--workers', '2'],
} as const;

/** The same campaign by workers of a queue: it must end as the one in threads does. */
export const onQueue = (url: string): Pick<CampaignOptions, 'always'> => ({ always: ['--queue', url] });

export class Campaign {
  readonly options: CampaignOptions;

  constructor(options: CampaignOptions) {
    this.options = options;
  }

  argv(database: string, resume: boolean): string[] {
    const { seed, cases, engines, always } = this.options;
    const what = resume ? ['--resume'] : ['--seed', String(seed), '--accesses', '32', ...engines];
    const limits = ['--cases', String(cases), '--database', database, '--json'];
    return [process.execPath, MAIN, 'fuzz', ...what, ...limits, ...always];
  }
}

export interface Undisturbed {
  readonly outcome: Outcome;
  readonly verdicts: unknown;
  /** How long it took, in milliseconds. */
  readonly duration: number;
}

/** Runs campaigns without disturbance, each once. */
export class UndisturbedRuns {
  private readonly folder: string;
  private readonly done = new Map<string, Promise<Undisturbed>>();

  constructor(folder: string) {
    this.folder = folder;
  }

  /** `env`: of engines whose faults belong to the campaign. `key` says it, where the options name files of a trial. */
  of(campaign: Campaign, env: Record<string, string>, key?: string): Promise<Undisturbed> {
    const name = JSON.stringify([key ?? campaign.options, env]);
    let run = this.done.get(name);
    if (!run) {
      run = this.run(campaign, env, String(this.done.size));
      this.done.set(name, run);
    }
    return run;
  }

  private async run(campaign: Campaign, env: Record<string, string>, name: string): Promise<Undisturbed> {
    mkdirSync(join(this.folder, 'undisturbed'), { recursive: true });
    const database = join(this.folder, 'undisturbed', `${name}.db`);
    const started = performance.now();
    const end = await new Running(campaign.argv(database, false), 'undisturbed', env).end;
    const duration = performance.now() - started;
    if (end.code !== 1) throw new Error(`the undisturbed run ended with ${end.code}: ${end.stderr}`);
    const { outcome, problems } = await examine(database);
    if (problems.length > 0) throw new Error(`the undisturbed run: ${problems.join('; ')}`);
    return { outcome, verdicts: verdictsOf(end), duration };
  }
}

/** From the summary that a run ends with; undefined if it has not come to that. */
export function verdictsOf({ stdout }: Pick<Ended, 'stdout'>): unknown {
  const last = stdout.trim().split('\n').at(-1)!;
  return last.startsWith('{') && last.endsWith('}') ? JSON.parse(last).verdicts : undefined;
}
