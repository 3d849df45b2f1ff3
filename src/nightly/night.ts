/** One night: its steps in order, what they leave, the reports, and what is kept. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '../model/input-error.ts';
import { Store } from '../store/store.ts';
import { Budget } from './budget.ts';
import { Children, type Interruption } from './child.ts';
import { type Before, collect, earlierNights, snapshot, survivalCurves } from './collect.ts';
import { compareNights, markKnown } from './compare.ts';
import type { NightSettings } from './config.ts';
import { lockNight } from './night-lock.ts';
import type { NightRecheck, NightReport, StepReport } from './report.ts';
import { payload } from './reports/payload.ts';
import { pointLatest, writeReports } from './reports/write.ts';
import { folderName, pruneLimits, rotateReports } from './retention.ts';
import { campaigns, seedOfDay } from './steps/campaign.ts';
import { conform } from './steps/conformance.ts';
import { prove } from './steps/proofs.ts';
import { RECHECKED, recheck } from './steps/recheck.ts';
import { recordingsOf } from './steps/recordings.ts';
import type { StepContext } from './steps/step.ts';
import { exitCodeOf } from './verdict.ts';
import { deliver } from './webhook.ts';

/** Nights that a trend shows. */
const TREND = 90;

export interface NightContext {
  /** The command line's JavaScript file. */
  readonly main: string;
  /** Version of msrdiff. */
  readonly version: string;
  readonly interruption: Interruption;
  readonly onStep: (step: StepReport) => void;
  readonly onWarning: (line: string) => void;
}

/** Throws InputError, StoreError: before it has begun. */
export async function runNight(settings: NightSettings, context: NightContext): Promise<NightReport> {
  // Before anything is made or locked.
  recordingsOf(settings.conformance?.recordings ?? [], settings.folder);
  const unlock = await lockNight(settings.database);
  let store: Store | undefined;
  try {
    store = await Store.open(settings.database);
    return await new Night(settings, context, store).run();
  } finally {
    await store?.close();
    await unlock();
  }
}

type Work = Pick<NightReport, 'steps' | 'conformance' | 'rechecks' | 'proofs'>;

class Night {
  private readonly settings: NightSettings;
  private readonly context: NightContext;
  private readonly store: Store;
  private readonly startedAt = new Date().toISOString();
  private readonly budget: Budget;
  private readonly folder: string;
  private readonly warnings: string[] = [];
  /** Divergences that the re-check has. */
  private readonly reopened: string[] = [];

  constructor(settings: NightSettings, context: NightContext, store: Store) {
    this.settings = settings;
    this.context = context;
    this.store = store;
    this.budget = new Budget(settings.budget);
    this.folder = folderName(this.startedAt, settings.reports);
  }

  async run(): Promise<NightReport> {
    const { store, settings } = this;
    makeFolder(join(settings.reports, this.folder), settings.reports);
    const earlier = await earlierNights(store, TREND);
    const before = await snapshot(store, this.startedAt);
    const work = await this.work(earlier);
    const { reproducers, ...found } = await collect(store, before, this.reopened);
    const curves = await survivalCurves(store, settings.plantedEngines);
    await this.keepHouse();
    const notPointed = pointLatest(settings.reports, this.folder);
    if (notPointed !== null) this.warn(notPointed);
    const places = { reports: settings.reports, config: settings.folder, root: process.cwd() };
    const write = (night: NightReport): void => {
      try {
        writeReports(places, night, earlier, curves, reproducers);
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        this.warn(`reports: ${settings.reports} cannot be written (${code ?? message}): make room, or set "reports"`);
      }
    };
    const night = this.report(work, found, earlier, before);
    const campaign = night.campaigns[0]?.id ?? null;
    // First, as the next night compares with this: a disk that is full keeps the reports away, and nothing else.
    await store.recordNight({ startedAt: night.startedAt, finishedAt: night.finishedAt, campaign, report: night });
    write(night);
    if (!(await this.announce(night))) return night;
    const warned = { ...night, warnings: [...this.warnings] };
    write(warned);
    return warned;
  }

  /** The steps; the campaign comes last, so that it has all the time that the others did not need. */
  private async work(earlier: readonly NightReport[]): Promise<Work> {
    const { settings, budget, store, startedAt } = this;
    const step: StepContext = {
      children: new Children(this.context.main, settings.folder, this.context.interruption),
      settings,
      tell: (report, stderr) => this.told(report, stderr),
    };
    const { shares } = settings;
    const conformed = await conform(step, budget.part(shares.conformance));
    const due = settings.recheck ? await store.divergences({ statuses: RECHECKED }) : [];
    const rechecked = await recheck(step, budget.part(shares.recheck), due, earlier.at(-1)?.checkedAt ?? {});
    await this.reopen(rechecked.rechecks);
    const proven = await prove(step, budget.part(shares.proofs));
    const nights = earlier.map((night) => night.startedAt);
    const given = settings.campaign === false ? undefined : settings.campaign.seed;
    const seed = given ?? seedOfDay(startedAt, nights);
    const fuzzed = await campaigns(step, budget, seed);
    const work = {
      steps: [...conformed.steps, ...rechecked.steps, ...proven.steps, ...fuzzed],
      conformance: conformed.conformance,
      rechecks: rechecked.rechecks,
      proofs: proven.proofs,
    };
    return markKnown(work, earlier);
  }

  /** What a step that did not work has said stays beside the reports. */
  private told(report: StepReport, stderr: string): void {
    this.context.onStep(report);
    if (!['crashed', 'hung', 'refused', 'unavailable'].includes(report.state) || stderr === '') return;
    const logs = join(this.settings.reports, this.folder, 'logs');
    mkdirSync(logs, { recursive: true });
    const name = `${report.kind}-${report.name}`.replace(/[^\w.-]+/g, '-').slice(0, 100);
    writeFileSync(join(logs, `${name}.log`), stderr, { flag: 'a' });
  }

  /** Fixed ones that diverge are new again. */
  private async reopen(rechecks: readonly NightRecheck[]): Promise<void> {
    for (const { id, status, result } of rechecks) {
      if (status !== 'fixed' || result !== 'diverges') continue;
      if (await this.store.reopen(id, `diverges again: re-check of ${this.startedAt}`)) this.reopened.push(id);
    }
  }

  /** What is old or too large goes. */
  private async keepHouse(): Promise<void> {
    const { reports, retention } = this.settings;
    try {
      rotateReports(reports, retention.reports);
      await this.store.prune(pruneLimits(retention.database));
    } catch (error) {
      this.warn(`not pruned: ${(error as Error).message}`);
    }
  }

  private report(
    work: Work,
    found: Pick<NightReport, 'campaigns' | 'coverage' | 'divergences' | 'waiting'>,
    earlier: readonly NightReport[],
    before: Before,
  ): NightReport {
    const { settings, startedAt, folder, budget, warnings } = this;
    const interrupted = this.context.interruption.requested;
    const result = { ...work, ...found, interrupted };
    const checked = work.rechecks.filter(({ result }) => result !== 'unknown').map(({ id }) => [id, startedAt]);
    const checkedBefore = Object.entries(earlier.at(-1)?.checkedAt ?? {}).filter(([id]) => before.divergences.has(id));
    return {
      ...{ version: 1, msrdiff: this.context.version, startedAt, finishedAt: new Date().toISOString() },
      ...{ database: settings.database, folder, budget: settings.budget },
      seconds: Math.round(budget.spent() * 1000) / 1000,
      exitCode: exitCodeOf(result),
      ...result,
      comparison: compareNights(
        earlier.findLast(({ campaigns }) => campaigns.length > 0),
        { startedAt, ...result },
      ),
      checkedAt: Object.fromEntries([...checkedBefore, ...checked]),
      warnings: [...warnings],
    };
  }

  /** True if that did not work. */
  private async announce(night: NightReport): Promise<boolean> {
    const { webhook } = this.settings;
    const problem = webhook ? await deliver(webhook, payload(night)) : null;
    if (problem !== null) this.warn(problem);
    return problem !== null;
  }

  private warn(line: string): void {
    this.warnings.push(line);
    this.context.onWarning(line);
  }
}

function makeFolder(folder: string, reports: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new InputError(
      `reports: ${reports} cannot be written to (${(error as NodeJS.ErrnoException).code}): name another folder`,
    );
  }
}
