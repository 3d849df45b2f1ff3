/** A lemma: a closed statement in bit-vector logic about what the engines compute. */
import type { Bool, Term } from './term.ts';

export interface Lemma {
  /** Unique, stable; names the .smt2 file. */
  readonly id: string;
  readonly title: string;
  /** Plain English, with its source: api.rst, SDM, APM or a kernel function. */
  readonly statement: string;
  /** The functions that the formula stands for. */
  readonly code: string;
  /** Universally quantified; widths are their sorts'. */
  readonly variables: readonly Term[];
  readonly assumptions: readonly Bool[];
  /** Holds for all values of the variables that meet the assumptions. */
  readonly goal: Bool;
}
