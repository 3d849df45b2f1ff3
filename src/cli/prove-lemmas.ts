/** `msrdiff prove --lemmas`: what carries the bounded proofs to every filter. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Exit } from '../model/exit.ts';
import { InputError } from '../model/input-error.ts';
import { replaceFile } from '../prove/certificate.ts';
import { textPath } from '../prove/certificate-text.ts';
import {
  certify,
  checkLemmas,
  type LemmaCertificate,
  lemmaCertificateText,
} from '../prove/lemmas/lemma-certificate.ts';
import { LEMMAS } from '../prove/lemmas/lemmas.ts';
import { close, type LemmaResult, proveLemma, SolverUnavailable, smt2Of } from '../prove/lemmas/solve.ts';
import { table } from './render.ts';
import { VERSION } from './version.ts';

const DEFAULT_CERTIFICATE = 'results/proof-lemmas.json';

export interface LemmaOptions {
  readonly smt2?: string;
  readonly certificate?: string;
  readonly json?: boolean;
}

/** Exit code: 1 if one is refuted or undecided. Throws InputError. */
export async function proveLemmas(options: LemmaOptions): Promise<number> {
  if (options.smt2 !== undefined) return write(options.smt2);
  const results = await solveAll();
  const path = options.certificate ?? DEFAULT_CERTIFICATE;
  const certificate = certify(results, VERSION);
  replaceFile(path, `${JSON.stringify(certificate, null, 2)}\n`);
  replaceFile(textPath(path), lemmaCertificateText(certificate));
  if (options.json) process.stdout.write(`${json(results)}\n`);
  else process.stdout.write(`${text(results)}\ncertificate ${path}, in words ${textPath(path)}\n`);
  return certificate.outcome === 'proven' ? Exit.OK : Exit.DIVERGED;
}

/** Whether a certificate of lemmas holds: nothing has changed, and the solver says the same again. */
export async function recheckLemmas(certificate: LemmaCertificate, path: string, asJson: boolean): Promise<number> {
  const problems = checkLemmas(certificate);
  const again = problems.length > 0 ? [] : await solveAll();
  for (const { lemma, status } of again) if (status !== 'proven') problems.push(`lemma ${lemma} is ${status} now`);
  const holds = problems.length === 0;
  if (asJson) process.stdout.write(`${JSON.stringify({ certificate: path, holds, problems, again: again.length })}\n`);
  else {
    for (const problem of problems) process.stdout.write(`wrong: ${problem}\n`);
    process.stdout.write(holds ? `Holds: ${again.length} lemmas, proven again.\n` : 'Does not hold.\n');
  }
  return holds ? Exit.OK : Exit.DIVERGED;
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

async function solveAll(): Promise<LemmaResult[]> {
  const results: LemmaResult[] = [];
  try {
    for (const lemma of LEMMAS) results.push(await proveLemma(lemma));
  } catch (error) {
    if (error instanceof SolverUnavailable) throw new InputError(error.message);
    throw error;
  } finally {
    await close();
  }
  return results;
}

function provenOf(results: readonly LemmaResult[]): number {
  return results.filter(({ status }) => status === 'proven').length;
}

function json(results: readonly LemmaResult[]): string {
  const lemmas = results.map((result) => ({ ...result, title: titleOf(result) }));
  return JSON.stringify({ proven: provenOf(results), lemmas }, bigintText);
}

function titleOf({ lemma }: LemmaResult): string {
  return LEMMAS.find(({ id }) => id === lemma)!.title;
}

function bigintText(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `0x${value.toString(16)}` : value;
}

function text(results: readonly LemmaResult[]): string {
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
    `${provenOf(results)} of ${results.length} proven.`,
    notShown,
  ].join('\n');
}
