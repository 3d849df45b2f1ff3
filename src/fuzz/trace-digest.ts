/** A hash of everything that one engine answered. */
import type { Trace } from '../engines/runner.ts';

/** FNV-like mix over verdict bytes (four at a time) and event codes; counts verdicts on the way. */
export function digestTrace(seed: number, trace: Trace, events: number, accesses: number, counts: number[]): number {
  let hash = seed;
  const end = Math.min(trace.comparableEvents, events);
  for (let event = 0; event < end; event++) hash = Math.imul(hash ^ trace.codes[event]!, 0x01000193);
  const { verdicts } = trace;
  const comparable = Math.min(trace.comparableAccesses, accesses);
  const words = new Uint32Array(verdicts.buffer, verdicts.byteOffset, comparable >>> 2);
  for (let at = 0; at < words.length; at++) {
    hash = Math.imul(hash ^ words[at]!, 0x01000193);
    hash ^= hash >>> 15;
  }
  countWords(words, counts);
  for (let at = words.length * 4; at < comparable; at++) {
    hash = Math.imul(hash ^ verdicts[at]!, 0x01000193);
    counts[verdicts[at]!]!++;
  }
  return hash;
}

const LANES = 0x0101_0101;

/** Adds how often each verdict, 0 to 4, is among the bytes of the words: sums of their bits, four lanes at a time. */
function countWords(words: Uint32Array, counts: number[]): void {
  for (let from = 0; from < words.length; ) {
    let [ones, twos, threes, fours] = [0, 0, 0, 0];
    // A lane of 8 bits holds sums of up to 255 words.
    const end = Math.min(words.length, from + 255);
    for (let at = from; at < end; at++) {
      const word = words[at]!;
      ones = (ones + (word & LANES)) | 0;
      twos = (twos + ((word >>> 1) & LANES)) | 0;
      threes = (threes + (word & (word >>> 1) & LANES)) | 0;
      fours = (fours + ((word >>> 2) & LANES)) | 0;
    }
    const three = lanes(threes);
    const [one, two, four] = [lanes(ones) - three, lanes(twos) - three, lanes(fours)];
    counts[0]! += (end - from) * 4 - one - two - three - four;
    counts[1]! += one;
    counts[2]! += two;
    counts[3]! += three;
    counts[4]! += four;
    from = end;
  }
}

function lanes(sum: number): number {
  return (sum & 0xff) + ((sum >>> 8) & 0xff) + ((sum >>> 16) & 0xff) + ((sum >>> 24) & 0xff);
}
