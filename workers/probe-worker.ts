/** Worker thread: runs or minimizes one scenario, and posts what it found. */
import { parentPort, workerData } from 'node:worker_threads';
import { EngineUnavailable } from '../src/engines/engine-unavailable.ts';
import { closeEngines, loadEngines } from '../src/engines/registry.ts';
import { answerProbe } from '../src/fuzz/answer-probe.ts';
import type { ProbeReply, ProbeRequest, ProbeStart } from '../src/fuzz/worker-protocol.ts';

async function run(request: ProbeRequest): Promise<ProbeReply> {
  const engines = await loadEngines(request.engines);
  const started: ProbeStart = { kind: 'started' };
  parentPort!.postMessage(started);
  try {
    return answerProbe(request, engines);
  } finally {
    closeEngines(engines);
  }
}

const reply = await run(workerData as ProbeRequest).catch((error: unknown): ProbeReply => {
  if (error instanceof EngineUnavailable) return { kind: 'unavailable', message: error.message };
  throw error;
});
parentPort!.postMessage(reply);
