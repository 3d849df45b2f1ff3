/** A cheap digest over what engines answered, for telling whether two runs saw the same: not for security. */
export class Digest {
  private low: number;
  private high = 0x811c9dc5 | 0;

  constructor(seed: number) {
    this.low = seed ^ 0x5bd1e995;
  }

  add(word: number): void {
    this.low = Math.imul(this.low ^ word, 0x01000193);
    this.high = Math.imul(this.high ^ this.low ^ (this.low >>> 15), 0x85ebca6b);
  }

  /** The first `length` bytes, given as words and as bytes of one buffer. */
  bytes(words: Int32Array, bytes: Uint8Array, length: number): void {
    const whole = length >>> 2;
    for (let i = 0; i < whole; i++) this.add(words[i]!);
    for (let i = whole * 4; i < length; i++) this.add(bytes[i]!);
  }

  /** 16 hexadecimal digits. */
  text(): string {
    const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');
    return hex(this.low) + hex(this.high);
  }
}

/** Digests of shards in any order: XOR. Each prover mixes in its shard's number, so that equal ones do not cancel. */
export function combineDigests(digests: Iterable<string>): string {
  let all = 0n;
  for (const digest of digests) all ^= BigInt(`0x${digest}`);
  return all.toString(16).padStart(16, '0');
}
