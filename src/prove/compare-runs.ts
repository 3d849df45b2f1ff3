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
      const bitsA: Bits = wordsA ? [wordsA, a.value[i]! + (from - a.start[i]!)] : [constant(a.value[i]!, to - from), 0];
      const bitsB: Bits = wordsB ? [wordsB, b.value[j]! + (from - b.start[j]!)] : [constant(b.value[j]!, to - from), 0];
      found = walkBits(bitsA, bitsB, from, to, all, ask);
    }
    if (found >= 0) return found;
    if (endA === to) i++;
    if (endB === to) j++;
  }
  return -1;
}

/** Words, and the number of the bit in them that is the first. */
type Bits = readonly [Uint32Array, number];

const constants = [new Uint32Array(0), new Uint32Array(0)];

/** Words of a constant, for at least so many bits. */
function constant(value: number, bits: number): Uint32Array {
  const words = Math.ceil(bits / 32);
  if (constants[value]!.length < words) constants[value] = new Uint32Array(words).fill(value === 1 ? 0xffff_ffff : 0);
  return constants[value]!;
}

function walkBits([a, offsetA]: Bits, [b, offsetB]: Bits, from: number, to: number, all: boolean, ask: Ask): number {
  const count = to - from;
  let at = 0;
  while (at < count) {
    if (!all) {
      at += agreeingWords(a, offsetA + at, b, offsetB + at, count - at) * 32;
      // The rest of the bits, or the word that differs.
      const end = Math.min(count, at + 32);
      while (at < end && bitAt(a, offsetA + at) === bitAt(b, offsetB + at)) at++;
      if (at === end) continue;
    }
    const found = ask(from + at, from + at + 1, bitAt(a, offsetA + at), bitAt(b, offsetB + at));
    if (found >= 0) return found;
    at++;
  }
  return -1;
}

/** How many whole words of bits are the same from the two bits on; the last ones of a buffer may be left out. */
function agreeingWords(a: Uint32Array, bitA: number, b: Uint32Array, bitB: number, bits: number): number {
  const [wordA, wordB] = [bitA >>> 5, bitB >>> 5];
  const words = Math.min(bits >>> 5, a.length - wordA - 1, b.length - wordB - 1);
  return agreeing(a, wordA, bitA & 31, b, wordB, bitB & 31, words);
}

/** The same for words, each read across two words, by shifts that may be 0. */
function agreeing(
  a: Uint32Array,
  wordA: number,
  shiftA: number,
  b: Uint32Array,
  wordB: number,
  shiftB: number,
  words: number,
): number {
  if (words <= 0) return 0;
  let lowA = a[wordA]!;
  let lowB = b[wordB]!;
  for (let n = 0; n < words; n++) {
    const highA = a[wordA + n + 1]!;
    const highB = b[wordB + n + 1]!;
    const first = (lowA >>> shiftA) | ((highA << (31 - shiftA)) << 1);
    const second = (lowB >>> shiftB) | ((highB << (31 - shiftB)) << 1);
    if (first !== second) return n;
    lowA = highA;
    lowB = highB;
  }
  return words;
}
