/**
 * What passes between a coordinator and its workers: JSON, compressed where it is long. Nothing that is read from the
 * queue is trusted to have the right form, and nothing in it is a command that is run or a file that is read.
 */
import { gunzipSync, gzipSync } from 'node:zlib';
import { z } from 'zod';
import type { EngineSpec } from '../engines/registry.ts';
import type { ShardOutcome } from '../fuzz/campaign.ts';
import type { LoadedEngines } from '../fuzz/pool.ts';
import type { KnownReductions } from '../fuzz/reductions.ts';
import type { ShardTask } from '../fuzz/shard.ts';
import type { WorkerConfig } from '../fuzz/worker-protocol.ts';
import { schemaProblem } from '../model/schema-problem.ts';
import { QueueError } from './queue-error.ts';

/** Characters from which a message is compressed. */
const COMPRESS_FROM = 8_192;
/** Most bytes of a message, as text. The reductions of 4,096 signatures take a twentieth of it. */
const MAX_MESSAGE_BYTES = 64 << 20;

export interface RunDescription {
  readonly token: string;
  /** Changes with every start of the coordinator: what was handed out before is not taken. */
  readonly run: string;
  readonly version: string;
  /** SHA-256 of the code that runs a shard. */
  readonly build: string;
  /** What the campaign is called: database and number. */
  readonly label: string;
  readonly timeoutMs: number;
  readonly config: WorkerConfig;
  /** SHA-256 by position, of built-in engines and modules; empty for processes, which have none. */
  readonly engineHashes: readonly string[];
}

/** What a worker says of itself, for one campaign. */
export interface WorkerStatement {
  /** By the Redis server's clock, in seconds. */
  readonly at: number;
  readonly version: string;
  readonly build: string;
  readonly threads: number;
  /** Whether it runs the campaign's kernels. */
  readonly kernels: boolean;
  /** Why it works for this campaign without its kernels. */
  readonly without?: string | undefined;
  /** Why it does not work for this campaign. */
  readonly refused?: string | undefined;
}

export interface TaskMessage {
  readonly run: string;
  /** Absent: say what the engines are. */
  readonly task?: ShardTask | undefined;
}

export type ResultMessage =
  | { readonly kind: 'shard'; readonly run: string; readonly build: string; readonly outcome: ShardOutcome }
  | { readonly kind: 'engines'; readonly run: string; readonly build: string; readonly engines: LoadedEngines };

export function encode(message: unknown): string {
  const text = JSON.stringify(message, (_, value: unknown) => {
    if (value instanceof Uint8Array) return { base64: Buffer.from(value).toString('base64') };
    return value instanceof Map ? { map: [...value] } : value;
  });
  return text.length < COMPRESS_FROM ? text : gzipSync(text, { level: 1 }).toString('base64');
}

/** Text of reductions that have been sent: most tasks are told the same as the one before, of up to 4,096 signatures. */
const sent = new WeakMap<KnownReductions, string>();

export function encodeTask({ run, task }: TaskMessage): string {
  if (!task) return encode({ run });
  let reductions = sent.get(task.reductions);
  if (reductions === undefined) {
    reductions = encode(task.reductions);
    sent.set(task.reductions, reductions);
  }
  const knownPairs = { base64: Buffer.from(task.knownPairs).toString('base64') };
  return JSON.stringify({ run, task: { ...task, knownPairs, reductions } });
}

function decode(text: string): unknown {
  if (text.length > MAX_MESSAGE_BYTES) throw new QueueError(`a message of ${text.length} characters is too long`);
  try {
    const plain = text.startsWith('{')
      ? text
      : gunzipSync(Buffer.from(text, 'base64'), { maxOutputLength: MAX_MESSAGE_BYTES }).toString('utf8');
    return JSON.parse(plain);
  } catch (error) {
    throw new QueueError(`a message in the queue cannot be read: ${(error as Error).message}`);
  }
}

function parse<T>(schema: z.ZodType<T>, text: string): T {
  const result = schema.safeParse(decode(text));
  if (result.success) return result.data;
  throw new QueueError(`a message in the queue is not as it should be: ${schemaProblem(result.error, 'it')}`);
}

const count = z.number().int().nonnegative();
const bytes = z
  .object({ base64: z.base64() })
  .transform(({ base64 }): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64')));
const stringMap = z
  .object({ map: z.array(z.tuple([z.string(), z.string()])) })
  .transform(({ map }): ReadonlyMap<string, string> => new Map(map));
const counts = z.record(z.string(), count);

const divergence = z.object({
  id: z.string().regex(/^[0-9a-f]{16}$/),
  kind: z.string(),
  subject: z.string(),
  profile: z.string(),
  scenario: z.string(),
  vector: z.record(z.string(), z.number().nullable()),
  expected: z.number(),
  got: z.number(),
  message: z.string(),
  firstCase: count,
  cases: count,
  size: z.number(),
  evaluations: count,
  reliability: z.number(),
  msr: count.nullable(),
  write: z.boolean().nullable(),
  rules: z.array(z.string()),
});

const sampleCounts = z.object({ cases: count, filters: count, accesses: count, verdicts: z.array(count) });

const outcome = z.object({
  result: z.object({
    shard: count,
    cases: count,
    accesses: count,
    verdicts: z.array(count),
    digest: z.string().regex(/^[0-9a-f]{32}$/),
    divergences: z.array(divergence),
    again: z.array(z.object({ id: z.string(), firstCase: count, cases: count })),
    signatures: z.array(z.tuple([z.string(), z.string()])),
    incidents: z.array(divergence),
    known: counts,
    samples: z.record(z.string(), sampleCounts),
    coverage: z.object({ features: z.array(count), pairs: bytes }),
    uses: z.array(count),
    news: z.array(count),
    seconds: z.number().nonnegative(),
    engineSeconds: z.number().nonnegative(),
  }),
  failures: z.array(divergence),
});

const baseOutcome = z.literal([0, 1, 2]);
const access = z.object({ index: count, type: z.number(), form: z.string().optional() });
const measured = z.object({
  description: z.string(),
  profile: z.string(),
  rows: z.array(z.object({ index: count, read: baseOutcome, write: baseOutcome })),
  unsteady: z.array(access),
});

const resultMessage = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('shard'), run: z.string(), build: z.string(), outcome }),
  z.object({
    kind: z.literal('engines'),
    run: z.string(),
    build: z.string(),
    engines: z.object({ names: z.array(z.string()), kernels: z.record(z.string(), measured) }),
  }),
]);

/** Throws QueueError. */
export function parseResult(text: string): ResultMessage {
  // The schema is wider than the types where these are unions of names: what is stored is text.
  return parse(resultMessage, text) as unknown as ResultMessage;
}

const taskMessage = z.object({
  run: z.string(),
  task: z
    .object({
      shard: count,
      firstCase: count,
      cases: count,
      steering: z.array(z.number()),
      knownPairs: bytes,
      reductions: z.string().transform((text) => parse(stringMap, text)),
      timeouts: z.array(z.object({ case: count, engine: count })),
    })
    .optional(),
});

/** Throws QueueError. */
export function parseTask(text: string): TaskMessage {
  return parse(taskMessage, text) as TaskMessage;
}

const spec = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('built-in'), name: z.string() }),
  z.object({ kind: z.literal('module'), path: z.string(), sha256: z.string() }),
  z.object({ kind: z.literal('command'), command: z.string() }),
  z.object({ kind: z.literal('kernel'), name: z.string(), options: z.looseObject({}) }),
]);

const runDescription = z.object({
  token: z.string().regex(/^[0-9a-f-]{36}$/),
  run: z.string(),
  version: z.string(),
  build: z.string(),
  label: z.string(),
  timeoutMs: z.number().positive(),
  config: z.looseObject({
    seed: z.string().regex(/^\d{1,20}$/),
    profile: z.string(),
    engines: z.array(spec),
    kernels: z.record(z.string(), measured),
  }),
  engineHashes: z.array(z.string()),
});

/** Throws QueueError. */
export function parseRun(text: string): RunDescription {
  return parse(runDescription, text) as unknown as RunDescription & {
    readonly config: { readonly engines: EngineSpec[] };
  };
}

const workerStatement = z.object({
  at: z.number(),
  version: z.string(),
  build: z.string(),
  threads: count,
  kernels: z.boolean(),
  without: z.string().optional(),
  refused: z.string().optional(),
});

/** Throws QueueError. */
export function parseStatement(text: string): WorkerStatement {
  return parse(workerStatement, text);
}
