/** A hash of everything that one engine answered. */
import type { Trace } from '../engines/runner.ts';

/** FNV-like mix over verdict bytes (four at a time) and event codes; counts verdicts on the way. */
export function digestTrace(seed: number, trace: Trace, events: number, accesses: number, counts: number[]): number {
  let hash = seed;
  const end = Math.min(trace.comparableEvents, events);
  for (let event = 0; event < end; event++) hash = Math.imul(hash ^ trace.codes[event]!, 0x01000193);
  const { verdicts } = trace;
  const comparable = Math.min(trace.comparableAccesses, accesses);
  for (let at = 0; at < comparable; at++) counts[verdicts[at]!]!++;
  const words = new Uint32Array(verdicts.buffer, verdicts.byteOffset, comparable >>> 2);
  for (let at = 0; at < words.length; at++) {
    hash = Math.imul(hash ^ words[at]!, 0x01000193);
    hash ^= hash >>> 15;
  }
  for (let at = words.length * 4; at < comparable; at++) hash = Math.imul(hash ^ verdicts[at]!, 0x01000193);
  return hash;
}
