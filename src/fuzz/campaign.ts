/**
 * A campaign: shards handed to workers, results folded in shard order.
 *
 * Workers finish in any order, but everything that has an effect on later shards (steering, known coverage) and on
 * the run's digest is folded strictly by shard number, and a shard sees the fold of the shards up to `ahead` before it.
 * So the same seed gives the same run with any number of workers, and a resumed run is the run that was interrupted.
 */
import { createHash } from 'node:crypto';
import { Coverage } from './coverage.ts';
import type { FoundDivergence } from './findings.ts';
import type { SampleCounts } from './lane.ts';
import { type Learned, ReductionMemory } from './reductions.ts';
import type { ShardResult, ShardTask } from './shard.ts';
import { NEUTRAL_STEERING, type Steering } from './space.ts';
import { SteeringState } from './steering.ts';

/** Cases of one shard, unless asked for otherwise: long enough that dispatch costs nothing, short enough for Ctrl-C. */
export const CASES_PER_SHARD = 64;
/** How many shards may run ahead of the fold, unless asked for otherwise: enough for 16 workers. */
export const DEFAULT_AHEAD = 32;
/** Most shards that a sink receives together. */
const MAX_TOGETHER = 64;

/**
 * Runs one shard somewhere; rejects only if the campaign cannot go on. undefined: it was called off before it began, as
 * the campaign is to end.
 */
export type ShardExecutor = (task: ShardTask) => Promise<ShardOutcome | undefined>;

export interface ShardOutcome {
  readonly result: ShardResult;
  /** Findings about engines that did not come back, with the cases they were left out of. */
  readonly failures: readonly FoundDivergence[];
}

/** What of a shard is kept, and is enough to resume. */
export interface FoldedShard {
  readonly shard: number;
  readonly cases: number;
  readonly accesses: number;
  readonly verdicts: readonly number[];
  readonly digest: string;
  readonly known: Readonly<Record<string, number>>;
  /** By kernel engine; absent in campaigns of versions that had none. */
  readonly samples?: Readonly<Record<string, SampleCounts>>;
  readonly uses: readonly number[];
  readonly news: readonly number[];
  readonly features: readonly number[];
  /** Pairs of features seen in this shard for the first time, as [byte, bits] of the pair set. */
  readonly newPairs: readonly (readonly [number, number])[];
  /** What its divergences were reduced to, as far as that was news. */
  readonly learned?: Learned;
}

export interface CampaignTotals {
  shards: number;
  cases: number;
  accesses: number;
  verdicts: number[];
  known: Record<string, number>;
  samples: Record<string, SampleCounts>;
  /** Digest of the run so far: a chain over the shards' digests. */
  digest: string;
  engineSeconds: number;
  shardSeconds: number;
}

export interface AcceptedShard {
  readonly folded: FoldedShard;
  readonly divergences: readonly FoundDivergence[];
}

/**
 * Receives each shard once, in order: those that are there together, and the state after the last of them. What it
 * returns is waited for before the next ones.
 */
export type ShardSink = (shards: readonly AcceptedShard[], totals: CampaignTotals, coverage: Coverage) => Promise<void>;

export interface CampaignLimits {
  /** Cases in all; Infinity: until stopped. */
  readonly cases: number;
  /** Infinity: as many shards are handed out as may run ahead. */
  readonly workers: number;
}

interface Snapshot {
  readonly steering: Steering;
  readonly pairs: Uint8Array;
}

/** The digest of a run one shard further; before the first one it is empty. */
export function chainDigest(run: string, shard: string): string {
  return createHash('sha256').update(run).update(shard).digest('hex').slice(0, 32);
}

export class Campaign {
  readonly coverage = new Coverage();
  readonly totals: CampaignTotals = {
    shards: 0,
    cases: 0,
    accesses: 0,
    verdicts: [0, 0, 0, 0, 0],
    known: {},
    samples: {},
    digest: '',
    engineSeconds: 0,
    shardSeconds: 0,
  };
  private readonly steering = new SteeringState();
  private readonly reductions = new ReductionMemory();
  private readonly ahead: number;
  private readonly shardCases: number;
  /** State after each of the last `ahead` folds; what shard n may see is the one of shard n - ahead. */
  private readonly snapshots = new Map<number, Snapshot>();

  /**
   * @param ahead how many shards may run ahead of the fold: at least twice the number of workers, so that none waits.
   * @param shardCases cases of a shard: what passes through the coordinator is the same for any number of them.
   * A run with another value of either is another run.
   */
  constructor(ahead = DEFAULT_AHEAD, shardCases = CASES_PER_SHARD) {
    this.ahead = ahead;
    this.shardCases = shardCases;
  }

  /** Replays a shard that an earlier, interrupted run has stored. In shard order. */
  restore(folded: FoldedShard): void {
    for (const [byte, bits] of folded.newPairs) this.coverage.pairs[byte]! |= bits;
    this.fold(folded, folded.features);
  }

  /** Runs until the limit, or until the signal aborts; what has been dispatched is still folded. */
  async run(limits: CampaignLimits, execute: ShardExecutor, sink: ShardSink, signal: AbortSignal): Promise<void> {
    const lastShard = Math.ceil(limits.cases / this.shardCases) - 1;
    const finished = new Map<number, ShardOutcome>();
    const running = new Set<number>();
    let failure: { readonly error: unknown } | undefined;
    let wake = (): void => {};
    const start = async (shard: number): Promise<void> => {
      try {
        const outcome = await execute(this.task(shard, limits.cases));
        if (outcome) finished.set(shard, outcome);
      } catch (error) {
        failure ??= { error };
      }
      running.delete(shard);
      wake();
    };
    let next = this.totals.shards;
    while (true) {
      while (
        !signal.aborted &&
        next <= lastShard &&
        next < this.totals.shards + this.ahead &&
        this.reducedBefore(next) < this.totals.shards &&
        running.size + finished.size < limits.workers * 2 + 2 &&
        running.size < limits.workers + 1
      ) {
        running.add(next);
        void start(next++);
      }
      if (failure) throw failure.error;
      const accepted: AcceptedShard[] = [];
      for (let ready = finished.get(this.totals.shards); ready; ready = finished.get(this.totals.shards)) {
        finished.delete(this.totals.shards);
        accepted.push(this.accept(ready));
        if (accepted.length === MAX_TOGETHER) break;
      }
      if (accepted.length > 0) await sink(accepted, this.totals, this.coverage);
      else if (running.size === 0) return;
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  }

  /**
   * The last shard whose reductions a shard is told. A first one is told at once: what an engine that is always wrong
   * costs is the reductions of the shards that know nothing.
   */
  private reducedBefore(shard: number): number {
    return Math.max(shard - this.ahead, Math.floor((shard - 1) / 2));
  }

  private task(shard: number, cases: number): ShardTask {
    const seen = this.snapshots.get(shard - this.ahead);
    const firstCase = shard * this.shardCases;
    return {
      shard,
      firstCase,
      cases: Math.min(this.shardCases, cases - firstCase),
      steering: seen?.steering ?? NEUTRAL_STEERING,
      knownPairs: seen?.pairs ?? new Uint8Array(0),
      reductions: this.reductions.after(this.reducedBefore(shard)),
      timeouts: [],
    };
  }

  private accept({ result, failures }: ShardOutcome): AcceptedShard {
    const newPairs: [number, number][] = [];
    for (let byte = 0; byte < result.coverage.pairs.length; byte++) {
      const fresh = result.coverage.pairs[byte]! & ~this.coverage.pairs[byte]!;
      if (fresh === 0) continue;
      newPairs.push([byte, fresh]);
      this.coverage.pairs[byte]! |= fresh;
    }
    const { shard, cases, accesses, verdicts, digest, known, samples, uses, news, coverage } = result;
    const { features } = coverage;
    const counts = { shard, cases, accesses, verdicts, digest, known, samples };
    const learned = this.reductions.news(result);
    const folded: FoldedShard = { ...counts, uses, news, features, newPairs, ...(learned ? { learned } : {}) };
    this.fold(folded, features);
    this.totals.engineSeconds += result.engineSeconds;
    this.totals.shardSeconds += result.seconds;
    const recalled = this.reductions.recall(result.again);
    return { folded, divergences: [...result.divergences, ...recalled, ...result.incidents, ...failures] };
  }

  private fold(folded: FoldedShard, features: readonly number[]): void {
    const { totals } = this;
    if (folded.shard !== totals.shards) {
      throw new Error(`shard ${folded.shard} folded out of order: ${totals.shards} was next`);
    }
    totals.shards++;
    totals.cases += folded.cases;
    totals.accesses += folded.accesses;
    for (const [verdict, count] of folded.verdicts.entries()) totals.verdicts[verdict]! += count;
    for (const [id, count] of Object.entries(folded.known)) totals.known[id] = (totals.known[id] ?? 0) + count;
    for (const [name, counts] of Object.entries(folded.samples ?? {})) {
      totals.samples[name] = addSamples(totals.samples[name], counts);
    }
    totals.digest = chainDigest(totals.digest, folded.digest);
    for (let i = 0; i < features.length; i++) this.coverage.features[i]! += features[i]!;
    this.reductions.learn(folded.learned);
    this.steering.fold(folded.uses, folded.news);
    this.snapshots.set(folded.shard, { steering: this.steering.weights(), pairs: this.coverage.pairs.slice() });
    this.snapshots.delete(folded.shard - this.ahead);
  }
}

function addSamples(sum: SampleCounts | undefined, more: SampleCounts): SampleCounts {
  if (!sum) return more;
  return {
    cases: sum.cases + more.cases,
    filters: sum.filters + more.filters,
    accesses: sum.accesses + more.accesses,
    verdicts: sum.verdicts.map((count, verdict) => count + more.verdicts[verdict]!),
  };
}
