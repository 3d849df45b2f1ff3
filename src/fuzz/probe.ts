/** Runs one scenario in a worker thread under a time limit, for commands that must survive any engine. */
import { Worker } from 'node:worker_threads';
import { EngineUnavailable } from '../engines/engine-unavailable.ts';
import type { EngineSpec } from '../engines/registry.ts';
import { workerFile } from '../engines/worker-file.ts';
import type { ProbeReply, ProbeRequest, ProbeStart } from './worker-protocol.ts';

/** What a process may take on top: to start, and to be silent twice (`DEFAULT_TIMEOUT_MS`) before it is given up. */
const PROCESS_MS = 30_000;
/** How long a scenario may take in all engines, in milliseconds. */
const PROBE_TIMEOUT_MS = 10_000;
/** How much longer where a kernel is started and measured first. */
const KERNEL_START_MS = 180_000;

export function probeTimeout({ engines }: ProbeRequest, timeoutMs = PROBE_TIMEOUT_MS): number {
  return timeoutMs + (engines.some(({ kind }) => kind === 'kernel') ? KERNEL_START_MS : 0);
}

/** What the engines that are processes may take on top of a time limit, in milliseconds. */
export function processTime(engines: readonly EngineSpec[]): number {
  return PROCESS_MS * engines.filter(({ kind }) => kind !== 'built-in' && kind !== 'module').length;
}

/** What a thread may take until it has loaded its engines: on a busy machine longer than some time limits are. */
const LOAD_MS = 30_000;

/** `timeoutMs`: for what runs in the thread itself, once the engines are loaded. */
export async function probe(
  request: ProbeRequest,
  timeoutMs: number,
): Promise<Exclude<ProbeReply, { kind: 'unavailable' }>> {
  const limitMs = timeoutMs + processTime(request.engines);
  const worker = new Worker(workerFile('probe-worker.js'), { workerData: request });
  try {
    const reply = await new Promise<ProbeReply>((resolve) => {
      const expire = (ms: number): NodeJS.Timeout =>
        setTimeout(() => resolve({ kind: 'lost', message: `no answer within ${ms / 1000} s` }), ms);
      let timer = expire(Math.max(limitMs, LOAD_MS));
      const settle = (answer: ProbeReply): void => {
        clearTimeout(timer);
        resolve(answer);
      };
      worker.on('message', (message: ProbeReply | ProbeStart) => {
        if (message.kind !== 'started') return settle(message);
        clearTimeout(timer);
        timer = expire(limitMs);
      });
      worker.once('error', (error: Error) => settle({ kind: 'lost', message: error.message.split('\n')[0]! }));
      worker.once('exit', (code) => settle({ kind: 'lost', message: `its thread ended with code ${code}` }));
    });
    if (reply.kind === 'unavailable') throw new EngineUnavailable(reply.message);
    return reply as Exclude<ProbeReply, { kind: 'unavailable' }>;
  } finally {
    await worker.terminate();
  }
}
