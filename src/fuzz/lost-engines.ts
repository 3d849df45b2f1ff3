/**
 * Engines that do not return, or take their thread down: each is recorded with the case that it was lost in, left out
 * of the rest of the shard, and the shard is run again.
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
/** Attempts at one shard; each leaves one more engine out of one more case. */
const MAX_ATTEMPTS = 64;
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

/** Whether the engine is lost on the scenario too, within that many milliseconds. */
export type IsLost = (scenario: Scenario, limitMs: number) => Promise<boolean>;

export class LostEngines {
  private readonly config: WorkerConfig;
  private readonly names: readonly string[];
  private readonly timeoutMs: number;
  private readonly isLostIn: (engine: number) => IsLost;
  /** Engines that have a reduced reproducer: one is enough, each costs some time-outs. */
  private readonly reduced = new Set<string>();

  constructor(config: WorkerConfig, names: readonly string[], timeoutMs: number, isLostIn: (engine: number) => IsLost) {
    this.config = config;
    this.names = names;
    this.timeoutMs = timeoutMs;
    this.isLostIn = isLostIn;
  }

  /** Attempts the shard until the engines that are left come through. undefined from `attempt`: to be tried again. */
  async survive(
    task: ShardTask,
    attempt: (
      task: ShardTask,
    ) => Promise<{ readonly kind: 'shard'; readonly result: ShardResult } | LostAttempt | undefined>,
  ): Promise<ShardOutcome> {
    const failures: FoundDivergence[] = [];
    let timeouts = task.timeouts;
    for (let n = 0; n < MAX_ATTEMPTS; n++) {
      const outcome = await attempt({ ...task, timeouts });
      if (outcome?.kind === 'shard') return { result: outcome.result, failures };
      if (!outcome) continue;
      if (outcome.position === NO_CASE) throw new EngineUnavailable(`a worker failed to start: ${outcome.message}`);
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

  private async finding(task: ShardTask, lost: LostAttempt): Promise<FoundDivergence> {
    const profile = findProfile(this.config.profile)!;
    const generator = new CaseGenerator(profile, this.config.accessesPerCase);
    const whole = copyScenario(generator.generate(caseChoices(BigInt(this.config.seed), lost.position), task.steering));
    const subject = this.names[lost.engine] ?? `engine ${lost.engine}`;
    const limitMs = Math.min(this.timeoutMs, REDUCTION_TIMEOUT_MS);
    const isLost = this.isLostIn(lost.engine);
    const isReducible = lost.engine < this.names.length && !this.reduced.has(subject);
    const scenario = isReducible ? await reduceLost(whole, (smaller) => isLost(smaller, limitMs)) : whole;
    this.reduced.add(subject);
    const text = formatScenario(scenario);
    const kind = lost.timedOut ? 'engine-timeout' : 'engine-error';
    const message = lost.timedOut
      ? `no answer within ${this.timeoutMs / 1000} s`
      : `took its worker down: ${lost.message}`;
    return {
      // One identity per engine and kind: which case hangs first is chance.
      id: divergenceId(kind, subject, profile.id, message),
      kind,
      subject,
      profile: profile.id,
      scenario: text,
      vector: Object.fromEntries(this.names.map((name) => [name, name === subject ? 1 : 0])),
      expected: 0,
      got: 1,
      message,
      firstCase: lost.position,
      cases: 1,
      size: sizeOf(scenario),
      evaluations: 0,
      reliability: 1,
      msr: null,
      write: null,
      rules: [],
    };
  }
}
