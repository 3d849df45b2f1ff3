/** The source of every random decision: 32-bit words. */
export interface Choices {
  /** Uniform u32. */
  u32(): number;
  /** Uniform integer 0 <= n < bound; bound <= 2^32. */
  below(bound: number): number;
  /** Optional, for speed: the next words of `u32`, from place `start` up to `end`. */
  fill?(words: Uint32Array, start: number, end: number): void;
}

/** Spreads a seed and a position over 32 bits (the finalizer of MurmurHash3). */
export function mix(a: number, b: number): number {
  let h = Math.imul(a ^ (b + 0x9e3779b9), 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  h ^= h >>> 16;
  h = Math.imul(h ^ b, 0x27d4eb2f);
  return (h ^ (h >>> 15)) >>> 0;
}

/** sfc32 (PractRand's small fast counting generator): the same words on every machine for the same seed. */
export class Random implements Choices {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  /** Seeded by up to three u32 words, e.g. campaign seed (low, high) and case number. */
  constructor(first: number, second = 0, third = 0) {
    this.a = first | 0;
    this.b = second | 0;
    this.c = third | 0;
    for (let i = 0; i < 12; i++) this.u32();
  }

  u32(): number {
    const sum = (((this.a + this.b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (this.c << 21) | (this.c >>> 11);
    this.c = (this.c + sum) | 0;
    return sum >>> 0;
  }

  /**
   * As `u32`, with the state in local variables and four words to a turn: the bits of bitmaps take most of the words
   * that a case draws.
   */
  fill(words: Uint32Array, start: number, end: number): void {
    let { a, b, c, counter } = this;
    const fours = start + ((end - start) & ~3);
    for (let i = start; i < fours; i += 4) {
      let sum = (((a + b) | 0) + counter) | 0;
      words[i] = sum;
      a = b ^ (b >>> 9);
      b = (c + (c << 3)) | 0;
      c = (((c << 21) | (c >>> 11)) + sum) | 0;
      sum = (((a + b) | 0) + (counter + 1)) | 0;
      words[i + 1] = sum;
      a = b ^ (b >>> 9);
      b = (c + (c << 3)) | 0;
      c = (((c << 21) | (c >>> 11)) + sum) | 0;
      sum = (((a + b) | 0) + (counter + 2)) | 0;
      words[i + 2] = sum;
      a = b ^ (b >>> 9);
      b = (c + (c << 3)) | 0;
      c = (((c << 21) | (c >>> 11)) + sum) | 0;
      sum = (((a + b) | 0) + (counter + 3)) | 0;
      words[i + 3] = sum;
      a = b ^ (b >>> 9);
      b = (c + (c << 3)) | 0;
      c = (((c << 21) | (c >>> 11)) + sum) | 0;
      counter = (counter + 4) | 0;
    }
    this.a = a;
    this.b = b;
    this.c = c;
    this.counter = counter;
    for (let i = fours; i < end; i++) words[i] = this.u32();
  }

  below(bound: number): number {
    return Math.floor((this.u32() / 0x1_0000_0000) * bound);
  }
}
