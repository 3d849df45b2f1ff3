/**
 * Engines that do not return, or take their thread down. The shard is run again; an engine that is lost in the same
 * case again is recorded with that case and left out of the rest of the shard. One that is not has met chance, or its
 * thread was ended from outside: that is recorded too, and the shard's result is what it would have been without.
 */
import { EngineUnavailable } from '../engines/engine-unavailable.ts';
import { findProfile } from '../model/profile.ts';
import type { Scenario } from '../model/scenario.ts';
import { formatScenario } from '../model/scenario-json.ts';
import type { ShardOutcome } from './campaign.ts';
import { CaseGenerator, copyScenario } from './case.ts';
import { divergenceId, type FoundDivergence } from './findings.ts';
import { sizeOf } from './reduce/order.ts';
import { reduceLost } from './reduce-lost.ts';
import { caseChoices, type ShardResult, type ShardTask } from './shard.ts';
import type { WorkerConfig } from './worker-protocol.ts';

/** Time limit of one attempt at a smaller reproducer. */
const REDUCTION_TIMEOUT_MS = 1_000;
/** Attempts at one shard; most leave one more engine out of one more case. */
const MAX_ATTEMPTS = 64;
/** Losses of one engine, each in another case of a shard, that are put down to chance. */
const MAX_BY_CHANCE = 2;
/** Threads in a row that may be lost before they begin a case. */
const MAX_STARTS = 3;
/** Position where no case has begun. */
export const NO_CASE = -1;

/** How an attempt at a shard was lost: in which case (`NO_CASE`: none), and in which engine. */
export interface LostAttempt {
  readonly kind: 'lost';
  readonly timedOut: boolean;
  readonly position: number;
  /** Position of the engine in the campaign's list. */
  readonly engine: number;
  readonly message: string;
}

/** Where the engine is lost on the scenario too, for that many milliseconds: see reduce-lost.ts. */
export type LostWithin = (scenario: Scenario, limitMs: number) => Promise<number | undefined>;

export class LostEngines {
  private readonly config: WorkerConfig;
  private readonly names: readonly string[];
  private readonly timeoutMs: number;
  private readonly lostAtOf: (engine: number) => LostWithin;
  /** Engines that have a reduced reproducer: one is enough, each costs some time-outs. */
  private readonly reduced = new Set<string>();
  /** Engines that were lost in the same case twice: to see it again costs a time-out and says nothing new. */
  private readonly certain = new Set<number>();

  constructor(
    config: WorkerConfig,
    names: readonly string[],
    timeoutMs: number,
    lostAtOf: (engine: number) => LostWithin,
  ) {
    this.config = config;
    this.names = names;
    this.timeoutMs = timeoutMs;
    this.lostAtOf = lostAtOf;
  }

  /** Attempts the shard until the engines that are left come through. undefined from `attempt`: to be tried again. */
  async survive(
    task: ShardTask,
    attempt: (
      task: ShardTask,
    ) => Promise<{ readonly kind: 'shard'; readonly result: ShardResult } | LostAttempt | undefined>,
  ): Promise<ShardOutcome> {
    const failures: FoundDivergence[] = [];
    const byChance: LostAttempt[] = [];
    let starts = 0;
    let timeouts = task.timeouts;
    for (let n = 0; n < MAX_ATTEMPTS; n++) {
      const outcome = await attempt({ ...task, timeouts });
      if (outcome?.kind === 'shard') {
        const incidents = byChance.filter(({ engine }) => !this.certain.has(engine));
        return {
          result: outcome.result,
          failures: [...failures, ...incidents.map((lost) => this.incident(task, lost))],
        };
      }
      if (!outcome) continue;
      if (outcome.position === NO_CASE) {
        if (++starts < MAX_STARTS) continue;
        throw new EngineUnavailable(`a worker failed to start: ${outcome.message}`);
      }
      if (this.mayBeChance(outcome, byChance)) {
        byChance.push(outcome);
        continue;
      }
      this.certain.add(outcome.engine);
      failures.push(await this.finding(task, outcome));
      // The engine is out of this case and, so that one engine cannot cost every case a time-out, of the shard's rest.
      const lost = [];
      for (let number = outcome.position; number < task.firstCase + task.cases; number++) {
        lost.push({ case: number, engine: outcome.engine });
      }
      timeouts = [...timeouts, ...lost];
    }
    throw new EngineUnavailable(
      `shard ${task.shard} could not be run in ${MAX_ATTEMPTS} attempts: an engine keeps failing`,
    );
  }

  private mayBeChance({ position, engine }: LostAttempt, before: readonly LostAttempt[]): boolean {
    if (this.certain.has(engine)) return false;
    const same = before.filter((lost) => lost.engine === engine);
    return same.length < MAX_BY_CHANCE && same.every((lost) => lost.position !== position);
  }

  private whole(task: ShardTask, position: number): Scenario {
    const generator = new CaseGenerator(findProfile(this.config.profile)!, this.config.accessesPerCase);
    return copyScenario(generator.generate(caseChoices(BigInt(this.config.seed), position), task.steering));
  }

  private async finding(task: ShardTask, lost: LostAttempt): Promise<FoundDivergence> {
    const whole = this.whole(task, lost.position);
    const subject = this.nameOf(lost);
    const limitMs = Math.min(this.timeoutMs, REDUCTION_TIMEOUT_MS);
    const lostAt = this.lostAtOf(lost.engine);
    const isReducible = lost.engine < this.names.length && !this.reduced.has(subject);
    const scenario = isReducible ? await reduceLost(whole, (smaller) => lostAt(smaller, limitMs)) : whole;
    this.reduced.add(subject);
    return this.found(lost, this.messageOf(lost), scenario, 1);
  }

  private incident(task: ShardTask, lost: LostAttempt): FoundDivergence {
    const message = `${this.messageOf(lost)} (not again when the case was run once more)`;
    return this.found(lost, message, this.whole(task, lost.position), 0);
  }

  private nameOf({ engine }: LostAttempt): string {
    return this.names[engine] ?? `engine ${engine}`;
  }

  private messageOf({ timedOut, message }: LostAttempt): string {
    return timedOut ? `no answer within ${this.timeoutMs / 1000} s` : `took its worker down: ${message}`;
  }

  private found(lost: LostAttempt, message: string, scenario: Scenario, reliability: 0 | 1): FoundDivergence {
    const subject = this.nameOf(lost);
    const { profile } = this.config;
    const kind = lost.timedOut ? 'engine-timeout' : 'engine-error';
    return {
      // One identity per engine and kind: which case hangs first is chance.
      id: divergenceId(kind, subject, profile, message),
      kind,
      subject,
      profile,
      scenario: formatScenario(scenario),
      vector: Object.fromEntries(this.names.map((name) => [name, name === subject ? 1 : 0])),
      expected: 0,
      got: 1,
      message,
      firstCase: lost.position,
      cases: 1,
      size: sizeOf(scenario),
      evaluations: 0,
      reliability,
      msr: null,
      write: null,
      rules: [],
    };
  }
}
