/** The thread that the search runs in: it tells of every input before it runs it, so that a hang leaves its input. */
import { parentPort, workerData } from 'node:worker_threads';
import { BlockCoverage, type Blocks } from './block-coverage.ts';
import { minimizeInput } from './minimize.ts';
import { Search } from './search.ts';
import { findTarget } from './targets.ts';

export interface WorkerData {
  readonly target: string;
  readonly seed: number;
  readonly inputs: number;
  readonly seconds: number;
  readonly kept: readonly Uint8Array[];
  /** Number of inputs begun, and length of the present one. */
  readonly counters: Int32Array;
  /** The present input. */
  readonly present: Uint8Array;
}

export type WorkerMessage =
  | { readonly kind: 'kept'; readonly input: Uint8Array }
  | { readonly kind: 'done'; readonly inputs: number; readonly corpus: number; readonly blocks: Blocks }
  | { readonly kind: 'failed'; readonly inputs: number; readonly input: Uint8Array; readonly why: string };

const { target: name, seed, inputs, seconds, kept, counters, present } = workerData as WorkerData;
const port = parentPort!;
const target = await findTarget(name);
let last: Uint8Array = new Uint8Array(0);
let rejected: unknown;

function begin(input: Uint8Array): void {
  last = input;
  present.set(input.subarray(0, present.length));
  counters[1] = input.length;
  Atomics.add(counters, 0, 1);
  if (rejected !== undefined) throw rejected;
}

process.on('unhandledRejection', (reason) => {
  rejected = reason ?? new Error('an unhandled rejection');
});

// A trace for each refusal takes longer than most readers; it is taken when the input is known.
const traces = Error.stackTraceLimit;
Error.stackTraceLimit = 0;
const coverage = new BlockCoverage(target.sources);
const search = new Search({
  ...{ target, seed, kept, coverage, onInput: begin },
  onKept: (input) => port.postMessage({ kind: 'kept', input } satisfies WorkerMessage),
});

/** The first line: which failure it is. */
function signature(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}`.slice(0, 40) : String(error);
}

async function failure(input: Uint8Array): Promise<unknown> {
  try {
    begin(input);
    await target.run(input);
    return undefined;
  } catch (error) {
    return error ?? new Error('nothing');
  }
}

try {
  await search.start();
  await search.until(inputs, performance.now() + seconds * 1000);
  await new Promise(setImmediate);
  if (rejected !== undefined) throw rejected;
  search.endGuidance();
  const done = { inputs: search.inputs, corpus: search.corpus.length, blocks: search.blocks };
  port.postMessage({ kind: 'done', ...done } satisfies WorkerMessage);
} catch (error) {
  search.endGuidance();
  rejected = undefined;
  const sought = signature(error);
  const input = await minimizeInput(last, async (shorter) => {
    const other = await failure(shorter);
    return other !== undefined && signature(other) === sought;
  });
  Error.stackTraceLimit = traces;
  const told = (await failure(input)) ?? error;
  const why = told instanceof Error ? (told.stack ?? told.message) : String(told);
  port.postMessage({ kind: 'failed', inputs: search.inputs, input, why } satisfies WorkerMessage);
}
// What a target holds open does not keep the thread.
setTimeout(() => process.exit(), 50);
