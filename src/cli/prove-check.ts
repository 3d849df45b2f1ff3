/** `msrdiff prove --check`: whether a certificate holds. */
import { randomBytes } from 'node:crypto';
import type { EngineSpec } from '../engines/registry.ts';
import { Exit } from '../model/exit.ts';
import { type Certificate, parseCertificate, readCertificate, readJson } from '../prove/certificate.ts';
import {
  checkAllCounts,
  checkCounts,
  checkEngines,
  checkShard,
  checkSums,
  checkTexts,
  type Problems,
  sampleShards,
} from '../prove/check.ts';
import { LEMMA_CERTIFICATE } from '../prove/lemmas/lemma-certificate.ts';
import type { ProofPlan } from '../prove/plan.ts';
import { ProofPool } from '../prove/pool.ts';
import { recheckLemmas } from './prove-lemmas.ts';
import { StatusLine } from './status-line.ts';

export interface CheckOptions {
  readonly workers: number;
  readonly timeout: number;
  readonly sample: number;
  readonly all?: boolean;
  readonly seed?: bigint;
  readonly json?: boolean;
}

/** Exit code; prints what is wrong. */
export async function checkCertificate(path: string, options: CheckOptions): Promise<number> {
  const contents = readJson(path);
  if ((contents as { readonly format?: unknown } | null)?.format === 'msrdiff lemmas 1') {
    return recheckLemmas(parseCertificate(contents, LEMMA_CERTIFICATE, path), path, options.json === true);
  }
  const certificate = readCertificate(path);
  const seed = options.seed ?? randomBytes(8).readBigUInt64LE();
  const problems: Problems = [...checkEngines(certificate), ...checkSums(certificate), ...checkCounts(certificate)];
  // What another engine answers says nothing about this certificate.
  const again =
    problems.length > 0 ? [] : options.all ? certificate.done : sampleShards(certificate, options.sample, seed);
  if (again.length > 0) problems.push(...(await runAgain(certificate, again, options)));
  const holds = problems.length === 0;
  const { statement, shards, cases } = certificate;
  if (options.json) {
    const report = { certificate: path, holds, problems, shards, again: again.length, seed: String(seed) };
    process.stdout.write(`${JSON.stringify(report)}\n`);
  } else {
    for (const line of statement) process.stdout.write(`${line}\n`);
    for (const problem of problems) process.stdout.write(`wrong: ${problem}\n`);
    const ran = `${again.length} of ${shards} shards were run again (seed ${seed})`;
    process.stdout.write(holds ? `Holds: ${cases} cases, counted again; ${ran}.\n` : 'Does not hold.\n');
  }
  return holds ? Exit.OK : Exit.DIVERGED;
}

async function runAgain(
  certificate: Certificate,
  shards: Certificate['done'],
  { workers, timeout }: CheckOptions,
): Promise<Problems> {
  const plan = certificate.plan as ProofPlan;
  const pool = new ProofPool(plan.engines as readonly EngineSpec[], workers, timeout * 1000);
  const status = new StatusLine(process.stderr);
  const problems: Problems = [];
  let done = 0;
  try {
    problems.push(...checkTexts(certificate, await pool.load()));
    const proofs = await Promise.all(
      shards.map(async (shard) => {
        const proof = await pool.prove(plan, shard[0]);
        problems.push(...checkShard(shard, proof));
        status.update(() => `${++done}/${shards.length} shards run again`);
        return proof;
      }),
    );
    if (proofs.length === certificate.shards) problems.push(...checkAllCounts(certificate, proofs));
  } finally {
    status.done();
    await pool.close();
  }
  return problems;
}
