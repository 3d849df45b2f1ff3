/** From a batch in which something is wrong to the least of it that still shows it. */
import type { AccessBatch } from '../model/scenario.ts';
import { UNWRITTEN } from './answers.ts';
import type { Trial } from './trial.ts';

/**
 * Scenario JSON of the shortest run of accesses that ends where engine 0 and engine `number` part, or where one of them
 * fails, each in a new VM: mostly one access. Where it does not show again, because it depends on what the VMs did
 * before, the access `at`.
 *
 * @param at position of the access that is wrong; undefined if an engine threw, and where is not known
 */
export function isolate(trial: Trial, number: number, { indices, types }: AccessBatch, at: number | undefined): string {
  const fails = (from: number, to: number): boolean =>
    parts(trial, number, { indices: indices.subarray(from, to), types: types.subarray(from, to) });
  let end = at === undefined ? indices.length : at + 1;
  if (at === undefined && fails(0, end)) {
    // The least number of accesses from the start on that fails.
    let passes = 0;
    while (end - passes > 1) {
      const middle = (passes + end) >>> 1;
      if (fails(0, middle)) end = middle;
      else passes = middle;
    }
  }
  for (let length = 1; ; length *= 2) {
    const from = Math.max(0, end - length);
    if (fails(from, end)) return trial.scenario(indices.subarray(from, end), types.subarray(from, end));
    if (from === 0) break;
  }
  return trial.scenario(indices.subarray(end - 1, end), types.subarray(end - 1, end));
}

/** Whether one of the two engines throws on the batch, or they do not end it with the same verdict. */
function parts(trial: Trial, number: number, batch: AccessBatch): boolean {
  const last = [0, number].map((engine) => {
    const verdicts = new Uint8Array(batch.indices.length).fill(UNWRITTEN);
    try {
      trial.another(engine).access(batch, verdicts, new Uint8Array(verdicts.length));
    } catch {
      return -1;
    }
    return verdicts.at(-1)!;
  });
  return last[0] !== last[1] || last[0]! < 0 || last[0]! > 4;
}
