/** Inputs from inputs: bytes, words and numbers put in, taken out, doubled and mixed. */
import type { Random } from '../../src/fuzz/random.ts';
import { mutateJson } from './mutate-json.ts';
import type { Target } from './target.ts';

/** Most bytes of an input: more makes the search slow; sizes are tested by themselves. */
export const MAX_INPUT = 1 << 14;

/** Numbers at which fields of 8, 16, 32 and 64 bits, of bitmaps and of MSR indices turn. */
export const NUMBERS: readonly string[] = [
  ...['0', '1', '-1', '-0', '1.5', '1e3', '1e400', '7', '8', '15', '16', '17', '63', '64', '65', '255', '256'],
  ...['1535', '1536', '1537', '4095', '4096', '12287', '12288', '12289', '65535', '65536', '1048576', '1048577'],
  ...['2147483647', '2147483648', '4294967295', '4294967296', '9007199254740991', '9007199254740992'],
  ...['18446744073709551615', '18446744073709551616', '0x0', '0x174', '0x6e0', '0x7ff', '0x800', '0x8ff', '0x900'],
  ...['0x1fff', '0xc0000000', '0xc0000080', '0xc0001fff', '0xc0010000', '0xffffffff', '0x100000000'],
  ...['0xffffffffffffffff', '0x10000000000000000', '0X10', '0x', '0x0000000000000001', '1_000', '٣', '1n'],
];

/** Texts that have broken readers before. */
export const ODD: readonly string[] = [
  ...['', ' ', '\n', '\r\n', '\t', '\u0000', '\u001b[31m', '\u2028', '\u0085', '\ud800', '\ufeff', '\u202e', '💥', '"'],
  ...["'", '\\', '\\u0000', '//', '/*', '*/', '#', '--', '../', '%00', '%', '&', '=', ';', ',', '{', '}', '[', ']'],
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'null', 'undefined', 'NaN', 'Infinity', 'true'],
];

const encoder = new TextEncoder();

export class Mutator {
  private readonly random: Random;
  private readonly target: Target;
  private readonly words: readonly Uint8Array[];

  constructor(random: Random, target: Target) {
    this.random = random;
    this.target = target;
    this.words = [...target.words, ...NUMBERS, ...ODD].map((word) => encoder.encode(word));
  }

  /** A new input, made of `input` and, at times, of parts of `other`. */
  mutate(input: Uint8Array, other: Uint8Array): Uint8Array {
    const { random, target } = this;
    // Some broken JSON too: what is around the structure.
    if (target.form === 'json' && random.below(8) !== 0) {
      const json = mutateJson(random, input, other, target.words);
      if (json !== undefined) return encoder.encode(json).subarray(0, MAX_INPUT);
    }
    let bytes = input;
    for (let count = 1 + Math.min(random.below(8), random.below(8)); count > 0; count--)
      bytes = this.step(bytes, other);
    return bytes.subarray(0, MAX_INPUT);
  }

  private step(bytes: Uint8Array, other: Uint8Array): Uint8Array {
    const { random } = this;
    const at = random.below(bytes.length + 1);
    const end = Math.min(bytes.length, at + 1 + random.below(random.below(4) === 0 ? 64 : 8));
    switch (random.below(this.target.form === 'bytes' ? 10 : 7)) {
      case 0:
        return spliced(bytes, at, at, this.word());
      case 1:
        return spliced(bytes, at, end, this.word());
      case 2:
        return spliced(bytes, at, end, new Uint8Array(0));
      case 3:
        return spliced(bytes, end, end, bytes.subarray(at, end));
      case 4: {
        const from = random.below(other.length + 1);
        return spliced(bytes, at, end, other.subarray(from, from + 1 + random.below(64)));
      }
      case 5:
        return this.number(bytes);
      case 6:
        return spliced(bytes, at, Math.min(at + 1, bytes.length), Uint8Array.of(random.below(256)));
      case 7: {
        const changed = bytes.slice();
        if (at < bytes.length) changed[at]! ^= 1 << random.below(8);
        return changed;
      }
      case 8: {
        const changed = bytes.slice();
        const value = Number(NUMBERS[random.below(40)]) >>> 0;
        for (let i = 0; i < 4 && at + i < changed.length; i++) changed[at + i] = value >>> (8 * i);
        return changed;
      }
      default:
        return bytes.slice(0, at);
    }
  }

  private word(): Uint8Array {
    return this.words[this.random.below(this.words.length)]!;
  }

  /** Puts another number in the place of one. */
  private number(bytes: Uint8Array): Uint8Array {
    const start = this.random.below(bytes.length + 1);
    for (let at = start; at < bytes.length; at++) {
      if (!isDigit(bytes[at]!)) continue;
      let end = at;
      while (end < bytes.length && (isDigit(bytes[end]!) || (end === at + 1 && bytes[end] === 0x78))) end++;
      return spliced(bytes, at, end, encoder.encode(NUMBERS[this.random.below(NUMBERS.length)]!));
    }
    return bytes;
  }
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function spliced(bytes: Uint8Array, start: number, end: number, middle: Uint8Array): Uint8Array {
  const result = new Uint8Array(start + middle.length + bytes.length - end);
  result.set(bytes.subarray(0, start));
  result.set(middle, start);
  result.set(bytes.subarray(end), start + middle.length);
  return result;
}
