/** What each sampler found from each seed, kept in a file so that a long measurement can be stopped and taken up. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { PLANTED_BUGS } from '../../test/planted/catalogue.ts';
import { type BugRun, profileOf } from '../../test/planted/suite.ts';
import { Hunt } from './hunt.ts';
import { type Stream, sample } from './samplers.ts';

/** One sampler, one seed, all bugs. */
export interface Run extends Stream {
  /** Cases until the bug showed, by bug. */
  readonly found: Readonly<Record<string, number>>;
  readonly seconds: number;
}

interface Kept {
  readonly bugs: number;
  readonly runs: readonly Run[];
}

export class Runs {
  private readonly path: string;
  private runs: Run[] = [];
  private readonly bugRuns = new Map<string, BugRun>();

  /** Reads what is there, unless it was measured on other bugs. */
  constructor(path: string) {
    this.path = path;
    if (!existsSync(path)) return;
    const kept = JSON.parse(readFileSync(path, 'utf8')) as Kept;
    if (kept.bugs === PLANTED_BUGS.length) this.runs = [...kept.runs];
  }

  /** From the file, or run now. */
  get(stream: Stream): Run {
    const same = (run: Run): boolean =>
      run.sampler === stream.sampler && run.seed === stream.seed && run.accesses === stream.accesses;
    const kept = this.runs.find(same);
    if (kept && kept.limit >= stream.limit) return cutOff(kept, stream.limit);
    const run = this.hunt(stream);
    this.runs = [...this.runs.filter((other) => !same(other)), run];
    this.save();
    return run;
  }

  private hunt(stream: Stream): Run {
    const start = performance.now();
    const found: Record<string, number> = {};
    for (const profile of new Set(PLANTED_BUGS.map(profileOf))) {
      const bugs = PLANTED_BUGS.filter((bug) => profileOf(bug) === profile);
      const hunt = new Hunt(bugs, profile, this.bugRuns);
      sample(stream, profile, (scenario) => hunt.look(scenario));
      for (const [id, cases] of hunt.found) found[id] = cases;
    }
    return { ...stream, found, seconds: Math.round(performance.now() - start) / 1000 };
  }

  private save(): void {
    mkdirSync(dirname(this.path), { recursive: true });
    const kept: Kept = { bugs: PLANTED_BUGS.length, runs: this.runs };
    writeFileSync(`${this.path}.new`, `${JSON.stringify(kept)}\n`);
    renameSync(`${this.path}.new`, this.path);
  }
}

function cutOff(run: Run, limit: number): Run {
  const found = Object.fromEntries(Object.entries(run.found).filter(([, cases]) => cases <= limit));
  return { ...run, limit, found };
}
