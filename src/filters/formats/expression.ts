/** Constant expressions of C, as far as initializers of filters have them. */
import { InputError } from '../../model/input-error.ts';
import type { Token } from './tokens.ts';

/** Binary operators by precedence, the loosest first. */
const LEVELS = [['|'], ['^'], ['&'], ['<<', '>>'], ['+', '-'], ['*', '/', '%']] as const;
const MAX_SHIFT = 64n;
const MAX_DEPTH = 64;
/** Operators, casts and parentheses one in the other. */
const MAX_NESTING = 256;
/** 0o and 22 octal digits, or with zeros in front. */
const MAX_DIGITS = 32;
const U64 = (1n << 64n) - 1n;

/** What a name stands for; undefined if it is not known. */
export type NameValue = (name: string) => bigint | undefined;

/**
 * The value of an expression, as u64. Casts are dropped, and BIT(n) is 1 << n.
 *
 * @throws InputError with the line
 */
export function evaluate(tokens: readonly Token[], names: NameValue, where: string): bigint {
  let at = 0;
  const fail = (problem: string): never => {
    throw new InputError(`${where}:${(tokens[at] ?? tokens.at(-1))?.line ?? 1}: ${problem}`);
  };

  function binary(level: number, depth: number): bigint {
    if (depth > MAX_DEPTH) fail('an expression nested deeper than any of a filter');
    if (level === LEVELS.length) return unary(depth + 1);
    let left = binary(level + 1, depth);
    for (;;) {
      const operator = tokens[at]?.text;
      if (operator === undefined || !(LEVELS[level] as readonly string[]).includes(operator)) return left;
      at++;
      left = BigInt.asUintN(64, apply(operator, left, binary(level + 1, depth)));
    }
  }

  function apply(operator: string, a: bigint, b: bigint): bigint {
    if ((operator === '/' || operator === '%') && b === 0n) fail('division by zero');
    if ((operator === '<<' || operator === '>>') && b >= MAX_SHIFT) fail(`a shift by ${b}: a u64 has 64 bits`);
    switch (operator) {
      case '|':
        return a | b;
      case '^':
        return a ^ b;
      case '&':
        return a & b;
      case '<<':
        return a << b;
      case '>>':
        return a >> b;
      case '+':
        return a + b;
      case '-':
        return a - b;
      case '*':
        return a * b;
      case '/':
        return a / b;
      default:
        return a % b;
    }
  }

  function numberOf({ text }: Token): bigint {
    const digits = plainNumber(text);
    // Lengths first: BigInt takes the square of the time for texts of millions of digits.
    const value = digits.length <= MAX_DIGITS && !/^0\d/.test(digits) ? BigInt(digits) : undefined;
    if (value !== undefined && value <= U64) return value;
    at--;
    return fail(`${digits.slice(0, MAX_DIGITS)} is no number of C with at most 64 bits`);
  }

  function unary(depth: number): bigint {
    if (depth > MAX_NESTING) fail('an expression nested deeper than any of a filter');
    const token = tokens[at] ?? fail('the expression ends where a value is expected');
    at++;
    if (token.kind === 'number') return numberOf(token);
    if (token.text === '~') return U64 - unary(depth + 1);
    if (token.text === '-') return BigInt.asUintN(64, -unary(depth + 1));
    if (token.text === '(') {
      if (isCast(at)) {
        while (tokens[at]?.text !== ')') at++;
        at++;
        return unary(depth + 1);
      }
      const value = binary(0, depth + 1);
      if (tokens[at]?.text !== ')') fail('expected ")"');
      at++;
      return value;
    }
    if (token.kind === 'name') {
      if (/^(BIT|BIT_ULL)$/.test(token.text) && tokens[at]?.text === '(') return apply('<<', 1n, unary(depth + 1));
      const value = names(token.text);
      if (value !== undefined) return value;
      at--;
      fail(`${token.text} is not known: write its value, or #define it in the file`);
    }
    at--;
    return fail(`expected a value, found ${JSON.stringify(token.text)}`);
  }

  /** Names, stars and brackets alone in the parentheses, and the names are types. */
  function isCast(from: number): boolean {
    const end = tokens.findIndex(({ text }, i) => i >= from && text === ')');
    return (
      end > from &&
      tokens.slice(from, end).every(({ kind, text }) => (kind === 'name' && isTypeName(text)) || text === '*')
    );
  }

  const value = binary(0, 0);
  if (at < tokens.length) fail(`expected nothing more, found ${JSON.stringify(tokens[at]!.text)}`);
  return value;
}

/** Octal as C has it. */
function plainNumber(text: string): string {
  const digits = text.replace(/[uUlL]+$/, '');
  return /^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits;
}

const TYPE_NAME =
  /^(?:const|volatile|unsigned|signed|void|char|short|int|long|_*[us](?:8|16|32|64)|u?int(?:8|16|32|64)_t)$/;

export function isTypeName(name: string): boolean {
  return TYPE_NAME.test(name);
}

/** Bytes of an element of a type, by the words of its name; undefined for one that is not known. */
export function typeBytes(words: readonly string[]): number | undefined {
  const sized = words.map((word) => /(8|16|32|64)(?:_t)?$/.exec(word)?.[1]).find((bits) => bits !== undefined);
  if (sized !== undefined) return Number(sized) / 8;
  if (words.includes('char')) return 1;
  if (words.includes('short')) return 2;
  if (words.includes('long')) return 8;
  return words.some((word) => /^(?:int|unsigned|signed)$/.test(word)) ? 4 : undefined;
}
