/**
 * What a proof leaves behind, and what an interrupted one goes on from: the statement, what it is about, and the
 * result of every shard. JSON; `statementOf` and `limitsOf` say the same in words.
 */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { readLimitedFile } from '../files/read-limited.ts';
import { parseFilter } from '../model/filter-json.ts';
import { InputError } from '../model/input-error.ts';
import { parseJsonText } from '../model/json-text.ts';
import { findProfile } from '../model/profile.ts';
import { combineDigests } from './digest.ts';
import type { ProofPlan, ShardProof } from './plan.ts';

const FORMAT = 'msrdiff proof 1';
/** Most bytes of a certificate: a line for each of some million shards. */
const MAX_BYTES = 256 << 20;

const engineSpec = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('built-in'), name: z.string() }),
  z.strictObject({ kind: z.literal('module'), path: z.string(), sha256: z.string() }),
]);
const subject = {
  engines: z.array(engineSpec).min(2),
  profile: z.string().refine((id) => findProfile(id) !== undefined, 'no such kernel profile'),
};
const filter = z.string().refine(isFilter, 'no filter (docs/formats.md)');
const state = { mask: z.number().int().min(0).max(7), apic: z.union([z.literal(0), z.literal(1), z.literal(2)]) };
const count = z.number().int().min(0);
const PLAN = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('brute-force'), ...subject, ...state, filter }),
  z.strictObject({ kind: z.literal('partition'), ...subject, ...state, filter }),
  z.strictObject({
    ...{ kind: z.literal('random'), ...subject, ...state },
    ...{
      seed: z
        .string()
        .regex(/^\d{1,20}$/)
        .refine((text) => Number(text) < 2 ** 64, 'is above 2^64 - 1'),
      filters: count.min(1),
    },
  }),
  z.strictObject({
    ...{ kind: z.literal('ranges'), ...subject },
    ...{ ranges: z.number().int().min(1).max(5), vendors: z.array(z.enum(['vmx', 'svm'])) },
  }),
  z.strictObject({ kind: z.literal('states'), ...subject, length: z.number().int().min(1).max(6) }),
]);

const CERTIFICATE = z.strictObject({
  format: z.literal(FORMAT),
  /** Versions that it was made with. */
  versions: z.strictObject({ msrdiff: z.string(), node: z.string() }),
  outcome: z.enum(['proven', 'disproven', 'unfinished']),
  statement: z.array(z.string()),
  limits: z.array(z.string()),
  plan: PLAN,
  engines: z.array(z.strictObject({ name: z.string(), sha256: z.string().regex(/^[0-9a-f]{64}$/) })).min(2),
  /** Day on which it was last written to, and seconds of all runs. */
  day: z.iso.date(),
  seconds: z.number().min(0),
  cases: count,
  accesses: count,
  digest: z.string().regex(/^[0-9a-f]{16}$/),
  counts: z.record(z.string(), count),
  known: z.record(z.string(), count),
  /** Identity of the divergence, or null where it could not be reduced; absent unless disproven. */
  disproof: z.strictObject({ divergence: z.string().nullable(), scenario: z.string() }).optional(),
  shards: count,
  /** Number, cases, accesses and digest of each shard that is done, in any order. */
  done: z.array(z.tuple([count, count, count, z.string().regex(/^[0-9a-f]{16}$/)])),
});

export type Certificate = z.infer<typeof CERTIFICATE>;

function isFilter(text: string): boolean {
  try {
    parseFilter(parseJsonText(text, 'filter'), 'filter');
    return true;
  } catch {
    return false;
  }
}

/** Shards that are done, with what they have shown together. */
export class ProofTotals {
  readonly done: [number, number, number, string][];
  readonly counts: Record<string, number>;
  readonly known: Record<string, number>;
  cases: number;
  accesses: number;

  constructor(before?: Certificate) {
    this.done = [...(before?.done ?? [])];
    this.counts = { ...before?.counts };
    this.known = { ...before?.known };
    this.cases = before?.cases ?? 0;
    this.accesses = before?.accesses ?? 0;
  }

  add({ shard, cases, accesses, digest, counts, known }: ShardProof): void {
    this.done.push([shard, cases, accesses, digest]);
    this.cases += cases;
    this.accesses += accesses;
    for (const [name, n] of Object.entries(counts)) this.counts[name] = (this.counts[name] ?? 0) + n;
    for (const [id, n] of Object.entries(known)) this.known[id] = (this.known[id] ?? 0) + n;
  }

  digest(): string {
    return combineDigests(this.done.map(([, , , digest]) => digest));
  }
}

/** Throws InputError: which file, and what is wrong with it. */
export function readCertificate(path: string): Certificate {
  return proofCertificate(readJson(path), path);
}

/** The certificate in parsed JSON. Throws InputError. */
export function proofCertificate(json: unknown, path: string): Certificate {
  return parseCertificate(json, CERTIFICATE, path);
}

/** Throws InputError. */
export function readJson(path: string): unknown {
  return parseJsonText(readLimitedFile(path, MAX_BYTES, 'a certificate has less; check the path').toString(), path);
}

/** Throws InputError: which field is wrong. */
export function parseCertificate<T>(json: unknown, schema: z.ZodType<T>, path: string): T {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new InputError(`${path} is no certificate of msrdiff: ${issue.path.join('.') || 'the file'}: ${issue.message}`);
}

/** Replaces the file at once: a reader, or a crash, never meets half of it. Throws InputError. */
export function writeCertificate(path: string, certificate: Certificate): void {
  // One line per shard: short, and still readable.
  const { done, ...rest } = certificate;
  const lines = done.map((shard) => `    ${JSON.stringify(shard)}`).join(',\n');
  const head = JSON.stringify(rest, null, 2).slice(0, -2);
  replaceFile(path, `${head},\n  "done": [\n${lines}\n  ]\n}\n`);
}

/** Writes the file at once, and makes its folder. Throws InputError. */
export function replaceFile(path: string, text: string): void {
  const beside = `${path}.${process.pid}.tmp`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(beside, text);
    renameSync(beside, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new InputError(`${path} cannot be written (${code}): give another --certificate`);
  }
}

export function emptyCertificate(
  plan: ProofPlan,
  engines: Certificate['engines'],
  texts: Pick<Certificate, 'statement' | 'limits'>,
  shards: number,
  version: string,
): Certificate {
  return {
    format: FORMAT,
    versions: { msrdiff: version, node: process.versions.node },
    outcome: 'unfinished',
    ...texts,
    plan: plan as Certificate['plan'],
    engines,
    day: today(),
    seconds: 0,
    ...{ cases: 0, accesses: 0, digest: '0'.repeat(16), counts: {}, known: {} },
    ...{ shards, done: [] },
  };
}

export function today(): string {
  return new Date().toISOString().slice(0, 10);
}
