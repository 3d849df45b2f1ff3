/** `msrdiff prove --lemmas`: what carries the bounded proofs to every filter. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '../model/input-error.ts';
import { LEMMAS } from '../prove/lemmas/lemmas.ts';
import { close, type LemmaResult, proveLemma, SolverUnavailable, smt2Of } from '../prove/lemmas/solve.ts';
import { Exit } from './exit.ts';
import { table } from './render.ts';

export interface LemmaOptions {
  readonly smt2?: string;
  readonly json?: boolean;
}

/** Exit code: 1 if one is refuted or undecided. Throws InputError. */
export async function proveLemmas({ smt2, json }: LemmaOptions): Promise<number> {
  return smt2 === undefined ? solve(json === true) : write(smt2);
}

function write(folder: string): number {
  try {
    mkdirSync(folder, { recursive: true });
    for (const lemma of LEMMAS) writeFileSync(join(folder, `${lemma.id}.smt2`), smt2Of(lemma));
  } catch (error) {
    throw new InputError(
      `${folder} cannot be written to (${(error as NodeJS.ErrnoException).code}): give another folder`,
    );
  }
  process.stdout.write(`${LEMMAS.length} lemmas in ${folder}: each holds if a solver answers "unsat"\n`);
  return Exit.OK;
}

async function solve(json: boolean): Promise<number> {
  const results: LemmaResult[] = [];
  try {
    for (const lemma of LEMMAS) results.push(await proveLemma(lemma));
  } catch (error) {
    if (error instanceof SolverUnavailable) throw new InputError(error.message);
    throw error;
  } finally {
    await close();
  }
  const proven = results.filter(({ status }) => status === 'proven').length;
  if (json) {
    const rows = results.map((result) => ({ ...result, title: titleOf(result) }));
    process.stdout.write(`${JSON.stringify({ proven, lemmas: rows }, bigintText)}\n`);
  } else process.stdout.write(`${text(results, proven)}\n`);
  return proven === results.length ? Exit.OK : Exit.DIVERGED;
}

function titleOf({ lemma }: LemmaResult): string {
  return LEMMAS.find(({ id }) => id === lemma)!.title;
}

function bigintText(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `0x${value.toString(16)}` : value;
}

function text(results: readonly LemmaResult[], proven: number): string {
  const rows = results.map((result) => {
    const { lemma, status, milliseconds } = result;
    return [lemma, status, `${Math.round(milliseconds)} ms`, titleOf(result)];
  });
  const why = results.flatMap((result) => {
    if (result.status === 'refuted') return [`${result.lemma}: ${JSON.stringify(result.counterexample, bigintText)}`];
    return result.status === 'unknown' ? [`${result.lemma}: ${result.reason}`] : [];
  });
  const notShown = 'What they stand for, and what they do not cover: docs/lemmas.md';
  return [
    table([['lemma', 'result', 'time', 'what it says'], ...rows]),
    ...why,
    `${proven} of ${results.length} proven.`,
    notShown,
  ].join('\n');
}
