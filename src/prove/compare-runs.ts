/** Two compiled filters, run by run and word by word: complete over all indices. */
import type { CompiledFilter } from '../engines/compiled-filter.ts';
import type { AccessType } from '../model/verdict.ts';
import type { BaseSegments } from './base-segments.ts';
import { bitAt, type Runs, runsOf } from './runs.ts';

/** A compiled filter with its runs of reads and of writes. */
export interface Form {
  readonly compiled: CompiledFilter;
  readonly runs: readonly [Runs, Runs];
}

export function formOf(compiled: CompiledFilter): Form {
  return { compiled, runs: runsOf(compiled.filter) };
}

/** An access, by index and direction. */
export interface Place {
  readonly index: number;
  readonly type: AccessType;
}

/**
 * The first access, reads before writes, to which the two filters give different verdicts, whatever the hardware bitmap
 * and the fastpath do. Where one denies and the other allows, the verdicts may still be the same: #GP for a denied access
 * and for an unknown MSR.
 */
export function firstDifference(a: Form, b: Form, base: BaseSegments): Place | undefined {
  const tablesDiffer = a.compiled.verdicts.some((verdict, i) => verdict !== b.compiled.verdicts[i]);
  for (const type of [0, 1] as const) {
    const parts = (outcome: number, first: number, second: number): boolean =>
      a.compiled.verdicts[first === 0 ? 0 : outcome + 1] !== b.compiled.verdicts[second === 0 ? 0 : outcome + 1];
    const index = walk(a.runs[type], b.runs[type], tablesDiffer, (from, to, first, second) =>
      base.find(from, to, type, (outcome) => parts(outcome, first, second)),
    );
    if (index >= 0) return { index, type };
  }
  return undefined;
}

/**
 * Asks about every stretch from <= index < to whose decisions are `first` and `second`, if they differ or `all` is set,
 * until the answer is an index and not -1.
 */
type Ask = (from: number, to: number, first: number, second: number) => number;

function walk(a: Runs, b: Runs, all: boolean, ask: Ask): number {
  let [i, j] = [0, 0];
  while (i < a.start.length && j < b.start.length) {
    const from = Math.max(a.start[i]!, b.start[j]!);
    const [endA, endB] = [a.end(i), b.end(j)];
    const to = Math.min(endA, endB);
    const [wordsA, wordsB] = [a.words[i], b.words[j]];
    let found = -1;
    if (wordsA === undefined && wordsB === undefined) {
      if (all || a.value[i] !== b.value[j]) found = ask(from, to, a.value[i]!, b.value[j]!);
    } else {
      const offsetA = wordsA === undefined ? 0 : a.value[i]! + (from - a.start[i]!);
      const offsetB = wordsB === undefined ? 0 : b.value[j]! + (from - b.start[j]!);
      const constantA = a.value[i]! === 1 ? CONSTANT[1] : CONSTANT[0];
      const constantB = b.value[j]! === 1 ? CONSTANT[1] : CONSTANT[0];
      const [bitsA, bitsB] = [wordsA ?? constantA, wordsB ?? constantB];
      const maskA = wordsA === undefined ? 31 : -1;
      const maskB = wordsB === undefined ? 31 : -1;
      found = walkBits(bitsA, offsetA, maskA, bitsB, offsetB, maskB, from, to, all, ask);
    }
    if (found >= 0) return found;
    if (endA === to) i++;
    if (endB === to) j++;
  }
  return -1;
}

/** A word of each constant, read with bit numbers that are masked to stay in it. */
const CONSTANT = [Uint32Array.of(0, 0), Uint32Array.of(0xffff_ffff, 0xffff_ffff)] as const;

function walkBits(
  a: Uint32Array,
  offsetA: number,
  maskA: number,
  b: Uint32Array,
  offsetB: number,
  maskB: number,
  from: number,
  to: number,
  all: boolean,
  ask: Ask,
): number {
  const count = to - from;
  let at = all ? 0 : agreeing(a, offsetA, maskA, b, offsetB, maskB, count);
  while (at < count) {
    const first = bitAt(a, (offsetA + at) & maskA);
    const second = bitAt(b, (offsetB + at) & maskB);
    if (all || first !== second) {
      const found = ask(from + at, from + at + 1, first, second);
      if (found >= 0) return found;
    }
    at++;
    if (!all) at += agreeing(a, (offsetA + at) & maskA, maskA, b, (offsetB + at) & maskB, maskB, count - at);
  }
  return -1;
}

/** How many bits from the offsets on are certainly the same: all of them, or up to the word of the first that is not. */
function agreeing(
  a: Uint32Array,
  offsetA: number,
  maskA: number,
  b: Uint32Array,
  offsetB: number,
  maskB: number,
  count: number,
): number {
  const [shiftA, shiftB] = [offsetA & 31, offsetB & 31];
  const [lastA, lastB] = [a.length - 1, b.length - 1];
  let at = 0;
  for (; at + 32 <= count; at += 32) {
    const wordA = ((offsetA + at) & maskA) >>> 5;
    const wordB = ((offsetB + at) & maskB) >>> 5;
    let bitsA = a[wordA]! >>> shiftA;
    if (shiftA !== 0 && wordA < lastA) bitsA |= a[wordA + 1]! << (32 - shiftA);
    let bitsB = b[wordB]! >>> shiftB;
    if (shiftB !== 0 && wordB < lastB) bitsB |= b[wordB + 1]! << (32 - shiftB);
    if ((bitsA ^ bitsB) !== 0) return at;
  }
  while (at < count && bitAt(a, (offsetA + at) & maskA) === bitAt(b, (offsetB + at) & maskB)) at++;
  return at;
}
