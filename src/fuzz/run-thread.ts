/** A worker thread that keeps engines loaded from run to run, with a watchdog for those that do not come back. */
import { statSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { type EngineSpec, labelOf } from '../engines/registry.ts';
import { workerFile } from '../engines/worker-file.ts';
import type { Scenario } from '../model/scenario.ts';
import { processTime } from './probe.ts';
import type { RunOutcome } from './run-outcome.ts';

/** What the thread is asked: plain data. */
export interface RunTask {
  readonly engines: readonly EngineSpec[];
  /** Positions of engines that are not to be run. */
  readonly skip: readonly number[];
  readonly scenario: Scenario;
  readonly profile: string;
  /** Int32, shared with the watchdog: 1 + position of the engine that is loaded or run, 0 before the first. */
  readonly pulse: SharedArrayBuffer;
}

export interface AbsentEngine {
  readonly engine: string;
  readonly reason: string;
}

export type RunAnswer = RunOutcome & { readonly absent: readonly AbsentEngine[] };

/** How long a run may take where no engine is a process, in milliseconds. */
const RUN_TIMEOUT_MS = 10_000;
/** How long the thread itself may take to start, in milliseconds: no engine is to blame for that. */
const LOAD_MS = 30_000;
/** An engine that eats memory ends its thread, not the server. */
const MAX_HEAP_MB = 512;

export interface RunThreadOptions {
  readonly timeoutMs?: number;
}

/** One run at a time; the caller waits for one before it asks for the next. */
export class RunThread {
  private readonly timeoutMs: number;
  private worker: Worker | undefined;
  /** What the thread's engines were loaded from. */
  private key = '';
  private closed = false;

  constructor({ timeoutMs = RUN_TIMEOUT_MS }: RunThreadOptions = {}) {
    this.timeoutMs = timeoutMs;
  }

  /** An engine that does not come back, or takes the thread down, is left out and the others run again. */
  async run(engines: readonly EngineSpec[], scenario: Scenario, profile: string): Promise<RunAnswer> {
    const lost = new Map<number, AbsentEngine>();
    // Each attempt but the last loses an engine.
    for (;;) {
      const pulse = new SharedArrayBuffer(4);
      const attempt = await this.attempt({ engines, skip: [...lost.keys()], scenario, profile, pulse });
      if (typeof attempt !== 'string') return { ...attempt, absent: [...lost.values(), ...attempt.absent] };
      const position = new Int32Array(pulse)[0]! - 1;
      const spec = engines[position];
      if (!spec || lost.has(position)) throw new Error(`the thread that runs engines ${attempt}`);
      lost.set(position, { engine: labelOf(spec), reason: attempt });
    }
  }

  /** A run that is under way is given up. */
  async close(): Promise<void> {
    this.closed = true;
    await this.end();
  }

  private async end(): Promise<void> {
    const { worker } = this;
    this.worker = undefined;
    await worker?.terminate();
  }

  /** The answer; a text if the thread was lost. */
  private async attempt(task: RunTask): Promise<RunAnswer | string> {
    const worker = await this.threadFor(task.engines);
    const limitMs = this.timeoutMs + processTime(task.engines);
    const result = await new Promise<RunAnswer | string>((resolve) => {
      const deadline = performance.now() + LOAD_MS;
      const expire = (): void => {
        const begun = Atomics.load(new Int32Array(task.pulse), 0) !== 0;
        if (begun || performance.now() > deadline) resolve(`did not come back within ${limitMs / 1000} s`);
        else timer = setTimeout(expire, limitMs);
      };
      let timer = setTimeout(expire, limitMs);
      worker.removeAllListeners();
      const settle = (answer: RunAnswer | string): void => {
        clearTimeout(timer);
        resolve(answer);
      };
      worker.once('message', settle);
      worker.once('error', (error: Error) => settle(`took its thread down: ${error.message?.split('\n')[0]}`));
      worker.once('exit', (code) => settle(`ended its thread with code ${code}`));
      worker.postMessage(task);
    });
    // Between runs an engine may still throw, from a timer: the next run then starts a thread of its own.
    worker.removeAllListeners();
    worker.on('error', () => this.forget(worker)).on('exit', () => this.forget(worker));
    if (typeof result === 'string') await this.end();
    return result;
  }

  private forget(worker: Worker): void {
    if (this.worker === worker) this.worker = undefined;
  }

  /** Node keeps a module that it has loaded: engines that have changed on disk take a new thread. */
  private async threadFor(engines: readonly EngineSpec[]): Promise<Worker> {
    const key = JSON.stringify(engines.map((spec) => [spec, spec.kind === 'module' ? stamp(spec.path) : '']));
    if (this.worker && this.key === key) return this.worker;
    await this.end();
    if (this.closed) throw new Error('the server is ending');
    this.key = key;
    this.worker = new Worker(workerFile('run-worker.js'), { resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB } });
    this.worker.unref();
    return this.worker;
  }
}

/** Changes with the file; empty if there is none. */
function stamp(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  return found ? `${found.mtimeMs} ${found.size}` : '';
}
