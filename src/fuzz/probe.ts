/** Runs one scenario in a worker thread under a time limit, for commands that must survive any engine. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { EngineUnavailable } from '../engines/engine-unavailable.ts';
import type { ProbeReply, ProbeRequest } from './worker-protocol.ts';

/** What a process may take on top: to start, and to be silent twice (`DEFAULT_TIMEOUT_MS`) before it is given up. */
const PROCESS_MS = 30_000;

/** `timeoutMs`: for what runs in the thread itself. */
export async function probe(
  request: ProbeRequest,
  timeoutMs: number,
): Promise<Exclude<ProbeReply, { kind: 'unavailable' }>> {
  const filename = fileURLToPath(new URL('../../workers/probe-worker.js', import.meta.url));
  if (!existsSync(filename)) throw new Error(`${filename} is missing: run "npm run build"`);
  const processes = request.engines.filter(({ kind }) => kind !== 'built-in' && kind !== 'module').length;
  const limitMs = timeoutMs + processes * PROCESS_MS;
  const worker = new Worker(filename, { workerData: request });
  try {
    const reply = await new Promise<ProbeReply>((resolve) => {
      const timer = setTimeout(
        () => resolve({ kind: 'lost', message: `no answer within ${limitMs / 1000} s` }),
        limitMs,
      );
      const settle = (answer: ProbeReply): void => {
        clearTimeout(timer);
        resolve(answer);
      };
      worker.once('message', settle);
      worker.once('error', (error: Error) => settle({ kind: 'lost', message: error.message.split('\n')[0]! }));
      worker.once('exit', (code) => settle({ kind: 'lost', message: `its thread ended with code ${code}` }));
    });
    if (reply.kind === 'unavailable') throw new EngineUnavailable(reply.message);
    return reply;
  } finally {
    await worker.terminate();
  }
}
