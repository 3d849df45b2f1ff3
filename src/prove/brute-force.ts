/** Proof of one filter by doing it: each of the 2^33 accesses is run in every engine. */
import { parseFilter } from '../model/filter-json.ts';
import { Agreement } from './agreement.ts';
import { answers, BATCH, digestText, isVerdict, VerdictDigest } from './answers.ts';
import type { BruteForcePlan, Heartbeat, ShardProof, ShardProver } from './plan.ts';
import { installOrReject, Trial } from './trial.ts';

const SHARDS = 512;
/** Indices of one shard, each read and written. */
const SHARD_INDICES = 2 ** 32 / SHARDS;

export function bruteForceShards(_plan: BruteForcePlan): number {
  return SHARDS;
}

/**
 * Shard s: indices s * 2^23 to (s + 1) * 2^23 - 1, both directions, in batches of consecutive indices in one direction.
 * `cases` is 1 for shard 0, so that the sum over all shards is the one filter.
 *
 * @throws InputError if the filter is none, or all engines refuse it
 */
export const proveByBruteForce: ShardProver<BruteForcePlan> = (plan, shard, engines, beat) => {
  const trial = new Trial(plan, engines);
  const disproof = installOrReject(trial, parseFilter(JSON.parse(plan.filter), 'the filter of the plan'));
  const sweep = new Sweep(trial, beat);
  if (disproof === undefined) sweep.run(shard * SHARD_INDICES, SHARD_INDICES);
  return sweep.result(shard, disproof);
};

/** Runs a stretch of indices through all engines. */
class Sweep {
  private readonly agreement: Agreement;
  private readonly beat: Heartbeat;
  private readonly indices = new Uint32Array(BATCH);
  private readonly types = [new Uint8Array(BATCH), new Uint8Array(BATCH).fill(1)];
  private readonly digest = new Uint32Array(2);
  private readonly counts = { reads: 0, writes: 0 };
  private disproof: string | null = null;

  constructor(trial: Trial, beat: Heartbeat) {
    this.agreement = new Agreement(trial);
    this.beat = beat;
  }

  /** `length` is a multiple of a batch. */
  run(first: number, length: number): void {
    const { indices } = this;
    const digests = [new VerdictDigest(first), new VerdictDigest(first + 1)];
    for (let at = first; at < first + length; at += BATCH) {
      this.beat(at);
      number(indices, at);
      for (const [type, digest] of digests.entries()) {
        const batch = { indices, types: this.types[type]! };
        const inspect = (engine: number, own: Uint8Array): number =>
          engine > 0 || digest.update(BATCH) ? -1 : own.findIndex((byte) => !isVerdict(byte));
        const disproof = this.agreement.run(batch, answers(), inspect);
        if (disproof !== undefined) {
          this.disproof = disproof;
          return;
        }
      }
      this.counts.reads += BATCH;
      this.counts.writes += BATCH;
    }
    for (const digest of digests) digest.addTo(this.digest);
  }

  result(shard: number, disproof: string | undefined): ShardProof {
    const { counts, agreement } = this;
    return {
      shard,
      cases: shard === 0 ? 1 : 0,
      accesses: agreement.accesses,
      digest: digestText(this.digest),
      counts,
      known: agreement.known,
      disproof: disproof ?? this.disproof,
    };
  }
}

/** Consecutive indices from `first` on. */
function number(indices: Uint32Array, first: number): void {
  for (let i = 0; i < indices.length; i++) indices[i] = first + i;
}
