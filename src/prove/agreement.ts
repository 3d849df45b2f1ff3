/** Runs batches in all engines of a trial and compares them with engine 0. */
import type { AccessBatch } from '../model/scenario.ts';
import type { AccessType } from '../model/verdict.ts';
import { UNWRITTEN } from './answers.ts';
import { isolate } from './isolate.ts';
import type { Trial } from './trial.ts';

/** Called with each engine's verdicts. @returns the position of one that is wrong for another reason, or -1 */
export type Inspect = (engine: number, verdicts: Uint8Array) => number;

export class Agreement {
  /** Differences that the ledger knows, by its id. */
  readonly known: Record<string, number> = {};
  /** Accesses that were compared, times the number of engines but the first. */
  accesses = 0;
  private readonly trial: Trial;
  private others = new Uint8Array(0);
  private routes = new Uint8Array(0);

  constructor(trial: Trial) {
    this.trial = trial;
  }

  /**
   * Runs the batch in the trial's VMs. Scenario JSON if the engines part, one throws, or `inspect` objects.
   *
   * @param verdicts where engine 0 writes, as long as the batch
   */
  run(batch: AccessBatch, verdicts: Uint8Array, inspect: Inspect): string | undefined {
    const { trial } = this;
    const { length } = batch.indices;
    if (this.others.length < length) {
      this.others = new Uint8Array(length);
      this.routes = new Uint8Array(length);
    }
    const others = this.others.length === length ? this.others : this.others.subarray(0, length);
    for (let engine = 0; engine < trial.engines.length; engine++) {
      const own = engine === 0 ? verdicts : others;
      own.fill(UNWRITTEN);
      try {
        trial.vms[engine]!.access(batch, own, this.routes);
      } catch {
        return isolate(trial, engine, batch, undefined);
      }
      let wrong = inspect(engine, own);
      if (wrong < 0 && engine > 0 && Buffer.compare(verdicts, own) !== 0) {
        wrong = this.firstUnknown(batch, engine, verdicts, own);
      }
      if (wrong >= 0) return isolate(trial, engine, batch, wrong);
    }
    this.accesses += length * (trial.engines.length - 1);
    return undefined;
  }

  /** Position of the first difference that the ledger does not know; the others are counted. */
  private firstUnknown({ indices, types }: AccessBatch, engine: number, verdicts: Uint8Array, own: Uint8Array): number {
    for (let i = 0; i < indices.length; i++) {
      if (verdicts[i] === own[i]) continue;
      const id = this.trial.known(engine, indices[i]!, types[i] as AccessType, verdicts[i]!, own[i]!);
      if (id === undefined) return i;
      this.known[id] = (this.known[id] ?? 0) + 1;
    }
    return -1;
  }
}
