/** What a run of the solver leaves behind: which formulas it decided, about which code. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { engineHash } from '../../engines/engine-hash.ts';
import { builtInNames } from '../../engines/registry.ts';
import { LEMMAS } from './lemmas.ts';
import { type LemmaResult, smt2Of } from './solve.ts';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

export const LEMMA_CERTIFICATE = z.strictObject({
  format: z.literal('msrdiff lemmas 1'),
  versions: z.strictObject({ msrdiff: z.string(), node: z.string() }),
  outcome: z.enum(['proven', 'disproven']),
  day: z.iso.date(),
  engines: z.array(z.strictObject({ name: z.string(), sha256 })),
  /** `smt2` is the SHA-256 of the file that `--smt2` writes. */
  lemmas: z.array(
    z.strictObject({
      ...{ id: z.string(), title: z.string(), smt2: sha256 },
      ...{ result: z.enum(['proven', 'refuted', 'unknown']), milliseconds: z.number().min(0) },
    }),
  ),
});

export type LemmaCertificate = z.infer<typeof LEMMA_CERTIFICATE>;

/** Engines that the lemmas are about. */
const SUBJECTS = builtInNames().filter((name) => name !== 'canary');

function engines(): LemmaCertificate['engines'] {
  return SUBJECTS.map((name) => ({ name, sha256: engineHash({ kind: 'built-in', name }) }));
}

function formulaHash(id: string): string | undefined {
  const lemma = LEMMAS.find((candidate) => candidate.id === id);
  return lemma && createHash('sha256').update(smt2Of(lemma)).digest('hex');
}

export function certify(results: readonly LemmaResult[], version: string): LemmaCertificate {
  return {
    format: 'msrdiff lemmas 1',
    versions: { msrdiff: version, node: process.versions.node },
    outcome: results.every(({ status }) => status === 'proven') ? 'proven' : 'disproven',
    day: new Date().toISOString().slice(0, 10),
    engines: engines(),
    lemmas: results.map(({ lemma, status, milliseconds }) => ({
      ...{ id: lemma, title: LEMMAS.find(({ id }) => id === lemma)!.title, smt2: formulaHash(lemma)! },
      ...{ result: status, milliseconds: Math.round(milliseconds) },
    })),
  };
}

/** For people. */
export function lemmaCertificateText({ outcome, engines, lemmas, versions, day }: LemmaCertificate): string {
  const lines = [
    `msrdiff lemmas: ${outcome}`,
    '',
    ...lemmas.map(({ id, title, result }) => `- ${id}, ${result}: ${title}`),
    '',
    'Not shown: what docs/lemmas.md says that they do not cover; that the code is what the formulas say is tested.',
    '',
    'Engines that they are about, by the SHA-256 of the modules that they are made of:',
    ...engines.map(({ name, sha256 }) => `- ${name} ${sha256}`),
    '',
    `${day}; msrdiff ${versions.msrdiff}, Node ${versions.node}.`,
  ];
  return `${lines.join('\n')}\n`;
}

/** What no longer holds, one line each, without asking the solver. */
export function checkLemmas(certificate: LemmaCertificate): string[] {
  const { outcome, lemmas } = certificate;
  const problems: string[] = [];
  if (outcome !== 'proven') problems.push(`it says "${outcome}", not "proven"`);
  const then = new Map(certificate.engines.map(({ name, sha256: hash }) => [name, hash]));
  for (const { name, sha256: hash } of engines()) {
    if (then.get(name) !== hash) problems.push(`engine ${name} has changed: its lemmas may stand for other code`);
  }
  for (const { id, smt2, result } of lemmas) {
    const hash = formulaHash(id);
    if (hash === undefined) problems.push(`lemma ${id} does not exist`);
    else if (hash !== smt2) problems.push(`lemma ${id} is another formula now`);
    if (result !== 'proven') problems.push(`lemma ${id} is ${result}`);
  }
  for (const { id } of LEMMAS) if (!lemmas.some((lemma) => lemma.id === id)) problems.push(`lemma ${id} is missing`);
  return problems;
}
