/** Verdicts of a batch as memory: which bytes are verdicts at all, and a digest of them. */

/** What a verdict byte holds before an engine has written it. */
export const UNWRITTEN = 0xee;
/** Accesses of one batch. */
export const BATCH = 16_384;
const MAX_VERDICT = 4;

/** Verdicts of engine 0 for the batch: a constant that is not exported, so that V8 has its address in the code. */
const VERDICTS = new Uint8Array(BATCH);
const WORDS = new Uint32Array(VERDICTS.buffer);

/** Where engine 0 writes. */
export function answers(): Uint8Array {
  return VERDICTS;
}

/**
 * A digest that is fed whole batches in order. Words go in turn to two 32-bit lanes, each a chain of xor and multiply,
 * so that any single byte that differs changes it; how the order is cut into batches does not.
 */
export class VerdictDigest {
  private readonly lanes = new Int32Array(2);
  constructor(seed: number) {
    this.lanes[0] = Math.imul(seed + 1, 0x9e37_79b1);
    this.lanes[1] = Math.imul(seed + 1, 0x85eb_ca77);
  }

  /** Takes in the first `length` verdicts, a multiple of 8. False if one of the bytes is no verdict. */
  update(length: number): boolean {
    return absorb(this.lanes, length >>> 2);
  }

  /** Adds the digest to the two words, by XOR. */
  addTo(words: Uint32Array): void {
    const [a, b] = [finish(this.lanes[0]!), finish(this.lanes[1]!)];
    words[0] = words[0]! ^ a;
    words[1] = words[1]! ^ finish(b + a);
  }
}

function absorb(lanes: Int32Array, words: number): boolean {
  let a = lanes[0]!;
  let b = lanes[1]!;
  let bad = 0;
  for (let i = 0; i < words; i += 2) {
    const first = WORDS[i]! | 0;
    const second = WORDS[i + 1]! | 0;
    a = Math.imul(a ^ first, 0x0100_0193);
    b = Math.imul(b ^ second, 0x0100_0193);
    a ^= a >>> 15;
    b ^= b >>> 15;
    // A byte over 4 has, or gets by adding 0x7b, its top bit set.
    bad |= first | (first + 0x7b7b_7b7b) | second | (second + 0x7b7b_7b7b);
  }
  lanes[0] = a;
  lanes[1] = b;
  return (bad & 0x8080_8080) === 0;
}

/** The finalizer of MurmurHash3. */
function finish(lane: number): number {
  let h = lane ^ (lane >>> 16);
  h = Math.imul(h, 0x85eb_ca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2_ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Sixteen hexadecimal digits. */
export function digestText(words: Uint32Array): string {
  return [...words].map((word) => word.toString(16).padStart(8, '0')).join('');
}

/** Whether the byte is a verdict. */
export function isVerdict(byte: number): boolean {
  return byte <= MAX_VERDICT;
}
