/** Whether a certificate still says the truth: about its engines, about itself, and about what it counted. */

import { engineHash } from '../engines/engine-hash.ts';
import type { EngineSpec } from '../engines/registry.ts';
import { Random } from '../fuzz/random.ts';
import { findProfile } from '../model/profile.ts';
import { type Certificate, ProofTotals } from './certificate.ts';
import { unitName, unitsOf } from './classes.ts';
import { combineDigests } from './digest.ts';
import { countOrders, enumerate } from './enumeration.ts';
import type { ProofPlan, RangesPlan, ShardProof } from './plan.ts';
import { shardsOf } from './provers.ts';
import { limitsOf, statementOf } from './statement.ts';
import { ALPHABET } from './states.ts';
import type { LoadedSubjects } from './worker-protocol.ts';

/** What is wrong, one line each; empty: nothing. */
export type Problems = string[];

/** The engines are those that it is about. */
export function checkEngines({ plan, engines }: Certificate): Problems {
  return plan.engines.flatMap((spec, i) => {
    const { name, sha256 } = engines[i] ?? { name: '?', sha256: '' };
    const now = engineHash(spec as EngineSpec);
    return now === sha256
      ? []
      : [`engine ${name} has changed: it was ${sha256.slice(0, 16)}, it is ${now.slice(0, 16)}`];
  });
}

/** It says what its plan says. `loaded`: the engines now. */
export function checkTexts({ plan, engines, statement, limits }: Certificate, loaded: LoadedSubjects): Problems {
  const problems: Problems = [];
  const same = (a: readonly string[], b: readonly string[]): boolean => a.join('\n') === b.join('\n');
  const names = engines.map(({ name }) => name);
  if (!same(names, loaded.names))
    problems.push(`it is about ${names.join(', ')}, and there is ${loaded.names.join(', ')}`);
  if (plan.kind === 'ranges' && !same(plan.vendors, loaded.vendors))
    problems.push('it leaves out bitmaps that engines have');
  if (!same(statement, statementOf(plan as ProofPlan, names))) problems.push('its statement is not that of the proof');
  if (!same(limits, limitsOf(plan as ProofPlan))) problems.push('what it says is not shown is not that of the proof');
  return problems;
}

/** Every shard is there once, and they add up to what it says. */
export function checkSums(certificate: Certificate): Problems {
  const { outcome, plan, shards, done } = certificate;
  const problems = checkProgress(certificate);
  if (outcome !== 'proven') problems.push(`it says "${outcome}", not "proven"`);
  if (shards !== shardsOf(plan)) problems.push(`it has ${shards} shards, and the proof has ${shardsOf(plan)}`);
  if (done.length !== shards) problems.push(`${done.length} of ${shards} shards are done`);
  return problems;
}

/** What is done of a proof, finished or not, is done once, and adds up. */
export function checkProgress({ shards, done, cases, accesses, digest }: Certificate): Problems {
  const problems: Problems = [];
  const numbers = new Set(done.map(([shard]) => shard));
  const odd = numbers.size !== done.length || [...numbers].some((shard) => shard >= shards);
  if (odd) problems.push('shards are there twice, or past the last one');
  const sum = (place: 1 | 2): number => done.reduce((total, shard) => total + shard[place], 0);
  if (sum(1) !== cases || sum(2) !== accesses) problems.push('cases or accesses of the shards do not add up');
  if (combineDigests(done.map(([, , , of]) => of)) !== digest)
    problems.push('the digests of the shards do not make its digest');
  return problems;
}

/** What it counted is all that there is: counted again in another way. */
export function checkCounts(certificate: Certificate): Problems {
  const { plan, accesses, cases, counts, engines } = certificate;
  const others = engines.length - 1;
  const expect = (what: string, got: number | undefined, expected: number): Problems =>
    got === expected ? [] : [`${what}: ${got ?? 'none'}, and there are ${expected}`];
  switch (plan.kind) {
    case 'ranges':
      return checkOrders(plan, counts);
    case 'states':
      return expect('sequences', counts.sequences, ALPHABET.length ** plan.length);
    case 'brute-force':
      return expect('accesses', accesses, 2 ** 33 * others);
    case 'random':
      return expect('filters', cases, plan.filters);
    case 'partition':
      return expect('filters', cases, 1);
  }
}

function checkOrders(plan: RangesPlan, counts: Certificate['counts']): Problems {
  return unitsOf(plan, findProfile(plan.profile)!).flatMap((unit) => {
    const { frame, ranges } = unit;
    const name = unitName(unit);
    const { orders, hash } = enumerate(unit);
    const problems: Problems = [];
    const got = counts[`${name}: orders`];
    if (got !== orders) problems.push(`${name}: ${got ?? 'no'} orders, and there are ${orders}`);
    else if (counts[`${name}: order hash`] !== hash) problems.push(`${name}: the orders are not all different ones`);
    if (!frame.boundary && orders !== countOrders(ranges))
      problems.push(`${name}: the formula gives ${countOrders(ranges)}`);
    return problems;
  });
}

/** So many shards, drawn by the seed; all of them if there are no more. */
export function sampleShards({ done }: Certificate, sample: number, seed: bigint): Certificate['done'] {
  const pool = [...done];
  const random = new Random(Number(seed & 0xffff_ffffn));
  const drawn: Certificate['done'] = [];
  while (drawn.length < sample && pool.length > 0) drawn.push(pool.splice(random.below(pool.length), 1)[0]!);
  return drawn;
}

/** A shard that was run again gave what it gave before. */
export function checkShard([shard, cases, accesses, digest]: Certificate['done'][number], again: ShardProof): Problems {
  if (again.disproof !== null) return [`shard ${shard}: the engines differ now`];
  const same = again.cases === cases && again.accesses === accesses && again.digest === digest;
  return same
    ? []
    : [`shard ${shard}: it gives ${again.cases} cases and digest ${again.digest}, not ${cases} and ${digest}`];
}

/** The counts of all shards, run again, are those that it says. */
export function checkAllCounts({ counts, known }: Certificate, again: readonly ShardProof[]): Problems {
  const totals = new ProofTotals();
  for (const proof of again) totals.add(proof);
  const same = (a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): boolean =>
    [...new Set([...Object.keys(a), ...Object.keys(b)])].every((name) => a[name] === b[name]);
  return same(counts, totals.counts) && same(known, totals.known) ? [] : ['the counts of its shards are others'];
}
