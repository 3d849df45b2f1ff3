/**
 * What a campaign knows of its divergences: what each signature has been reduced to. A reduction takes as long as a
 * dozen cases, and an engine that is wrong everywhere shows dozens of signatures in every shard, so a shard reduces
 * those that were not known to it, and of the others one, by turns: another bug may hide behind it.
 */
import type { FoundDivergence } from './findings.ts';
import { mix } from './random.ts';

/** Signatures contain messages of engines, of which there may be any number. */
const MAX_SIGNATURES = 4096;

/** What a shard is told: id of the divergence by signature. */
export type KnownReductions = ReadonlyMap<string, string>;

export const NOTHING_REDUCED: KnownReductions = new Map();

/** A divergence that a shard met again, and that it did not reduce. */
export interface Recurrence {
  readonly id: string;
  readonly firstCase: number;
  /** Cases of the shard that showed it. */
  readonly cases: number;
}

/** What a shard made of what it found. */
export interface Reduced {
  readonly divergences: readonly FoundDivergence[];
  /** Those known before of which no signature was reduced here. */
  readonly again: readonly Recurrence[];
  /** Signature and id, where the divergence is reliable. */
  readonly signatures: readonly (readonly [string, string])[];
}

/** What one shard added; plain data, kept with the shard. */
export interface Learned {
  readonly signatures: readonly (readonly [string, string])[];
  /** Those that no shard before had found. */
  readonly divergences: readonly FoundDivergence[];
}

/** The known signature, of those that a shard met, that is reduced again there; each has its turn. */
export function turnOf(met: Iterable<string>, known: KnownReductions, shard: number): string | undefined {
  let chosen: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const signature of met) {
    const rank = known.has(signature) ? rankIn(shard, signature) : Number.POSITIVE_INFINITY;
    if (rank >= least) continue;
    least = rank;
    chosen = signature;
  }
  return chosen;
}

function rankIn(shard: number, signature: string): number {
  let hash = shard ^ 0x811c9dc5;
  for (let i = 0; i < signature.length; i++) hash = Math.imul(hash ^ signature.charCodeAt(i), 0x01000193);
  return mix(hash, shard);
}

/** Grows by whole shards, in their order, and can tell what it knew after any of them. */
export class ReductionMemory {
  private readonly ids = new Map<string, string>();
  private readonly divergences = new Map<string, FoundDivergence>();
  /** Signatures known after each shard. */
  private readonly sizes: number[] = [];
  /** What was told last: most shards add nothing. */
  private told = NOTHING_REDUCED;

  /** What of a shard's result is new; undefined if nothing is. */
  news({ divergences, signatures }: Reduced): Learned | undefined {
    const fresh = new Map<string, string>();
    for (const [signature, id] of signatures) {
      // The first stays: counts do not jump between bugs that share a signature.
      if (this.ids.size + fresh.size < MAX_SIGNATURES && !this.ids.has(signature)) fresh.set(signature, id);
    }
    if (fresh.size === 0) return undefined;
    const ids = new Set(fresh.values());
    const unmet = divergences.filter(({ id }) => ids.has(id) && !this.divergences.has(id));
    return { signatures: [...fresh], divergences: unmet };
  }

  /** The next shard's news. */
  learn(learned: Learned | undefined): void {
    for (const [signature, id] of learned?.signatures ?? []) this.ids.set(signature, id);
    for (const divergence of learned?.divergences ?? []) this.divergences.set(divergence.id, divergence);
    this.sizes.push(this.ids.size);
  }

  /** What was known after a shard; before the first one, nothing. */
  after(shard: number): KnownReductions {
    const size = this.sizes[shard] ?? 0;
    // A copy: a task may wait in a queue. A map keeps the order in which it grew.
    if (this.told.size !== size) this.told = size === 0 ? NOTHING_REDUCED : new Map([...this.ids].slice(0, size));
    return this.told;
  }

  /** What a shard met again, as if it had reduced it. */
  recall(again: readonly Recurrence[]): FoundDivergence[] {
    return again.map(({ id, firstCase, cases }) => ({ ...this.divergences.get(id)!, firstCase, cases }));
  }
}
