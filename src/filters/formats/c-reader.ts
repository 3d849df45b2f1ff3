/** `struct kvm_msr_filter` as C initializers write it, with the bitmaps that are in the same file. */
import { KVM_MSR_FILTER_MAX_BITMAP_SIZE, type MsrFilter } from '../../model/filter.ts';
import { InputError } from '../../model/input-error.ts';
import { evaluate, isTypeName, typeBytes } from './expression.ts';
import { filterOfTree, knownName } from './filter-tree.ts';
import { InitializerReader, type Value } from './initializer.ts';
import { type Token, tokensOf } from './tokens.ts';

/** Longer than a bitmap that the kernel accepts, so that one that is too long can be read. */
const MAX_BITMAP = 16 * KVM_MSR_FILTER_MAX_BITMAP_SIZE;

/** Macros that are named by one another, at most. */
const MAX_MACROS = 32;
/** Elements of all lists, those that are set again included. */
const MAX_ELEMENTS = 1 << 20;

/**
 * The filter that an initializer in the text stands for: `struct kvm_msr_filter NAME = { ... };` (the only one, or the
 * one of that name), or the braces alone. Bitmaps are arrays or variables with an initializer in the text, compound
 * literals, strings, or NULL. Not run: a bitmap that the program fills with memset() is not known.
 *
 * @throws InputError with the line
 */
export function readC(text: string, where: string, name?: string): MsrFilter {
  const source = new Source(text, where);
  return filterOfTree(source.filter(name), { where, names: source.names, bitmap: (value) => source.bitmap(value) });
}

class Source {
  private readonly where: string;
  private readonly tokens: readonly Token[];
  private readonly defines = new Map<string, readonly Token[]>();
  private readonly evaluating = new Set<string>();
  /** Each is evaluated once: macros that name others twice would take time without end. */
  private readonly evaluated = new Map<string, bigint>();
  private elementsSet = 0;

  constructor(text: string, where: string) {
    this.where = where;
    const lines = text.split('\n');
    for (const [i, line] of lines.entries()) {
      if (!/^\s*#/.test(line)) continue;
      const define = /^\s*#\s*define\s+(\w+)\s+(\S.*)$/.exec(line);
      if (define) this.defines.set(define[1]!, lenientTokens(define[2]!, where, i + 1));
      // The line stays, so that numbers of lines are right.
      lines[i] = '';
    }
    this.tokens = tokensOf(lines.join('\n').replaceAll(/'(?:\\.|[^'\\\n])'/g, '0'), where);
  }

  readonly names = (name: string): bigint | undefined => {
    const define = this.defines.get(name);
    if (!define || this.evaluating.has(name)) return knownName(name);
    const known = this.evaluated.get(name);
    if (known !== undefined) return known;
    if (this.evaluating.size >= MAX_MACROS) {
      throw new InputError(`${this.where}: the macro ${name} is reached through ${MAX_MACROS} others: write its value`);
    }
    this.evaluating.add(name);
    try {
      const value = evaluate(define, this.names, this.where);
      this.evaluated.set(name, value);
      return value;
    } finally {
      this.evaluating.delete(name);
    }
  };

  filter(wanted: string | undefined): Value {
    const found: { readonly name: string; readonly at: number; readonly line: number }[] = [];
    for (const [i, { text, line }] of this.tokens.entries()) {
      if (text !== 'kvm_msr_filter') continue;
      const name = this.tokens[i + 1];
      // struct kvm_msr_filter x = { ... }, or the compound literal (struct kvm_msr_filter){ ... }.
      if (name?.kind === 'name' && this.texts(i + 2, 2) === '= {') found.push({ name: name.text, at: i + 3, line });
      else if (this.texts(i + 1, 2) === ') {') found.push({ name: '', at: i + 2, line });
    }
    if (found.length === 0 && this.tokens[0]?.text === '{') found.push({ name: '', at: 0, line: 1 });
    const chosen = wanted === undefined ? found : found.filter(({ name }) => name === wanted);
    const list = found
      .map(({ name, line }) => `${name === '' ? 'one without a name' : name} (line ${line})`)
      .join(', ');
    if (found.length === 0) {
      throw new InputError(`${this.where}: no initializer: expected struct kvm_msr_filter NAME = { ... }`);
    }
    if (chosen.length === 0) throw new InputError(`${this.where}: no filter ${wanted}; there are ${list}`);
    if (chosen.length > 1) throw new InputError(`${this.where}: several filters, give one with --name: ${list}`);
    return new InitializerReader(this.tokens, chosen[0]!.at, this.where, false).value();
  }

  bitmap(value: Value): Uint8Array | null {
    if (value.kind === 'list')
      return this.fail(value.line, 'bitmap is a pointer: name an array, or cast a list: (__u8[]){ ... }');
    const { tokens, literal, line } = value;
    const words = tokens.filter(({ kind }) => kind === 'name').map(({ text }) => text);
    if (literal) return this.array(literal, words, undefined, line);
    const strings = tokens.filter(({ kind }) => kind === 'string');
    if (strings.length > 0) return Uint8Array.from([...strings.flatMap(({ text }) => stringBytes(text)), 0]);
    const variable = words.filter((word) => !isTypeName(word)).at(-1);
    if (variable === 'NULL') return null;
    if (variable !== undefined) return this.variable(variable, line);
    if (tokens.length === 1 && tokens[0]!.text === '0') return null;
    return this.fail(line, 'bitmap is no name of an array or variable, no literal and not NULL');
  }

  /** The bytes of `TYPE NAME[N] = { ... };` or `TYPE NAME = value;`. */
  private variable(name: string, line: number): Uint8Array {
    let declared = false;
    for (const [i, { text }] of this.tokens.entries()) {
      if (text !== name || !this.isType(i - 1)) continue;
      declared = true;
      let at = i + 1;
      let size: number | undefined;
      if (this.tokens[at]?.text === '[') {
        const end = this.tokens.findIndex((token, j) => j > at && token.text === ']');
        if (end > at + 1) size = Number(evaluate(this.tokens.slice(at + 1, end), this.names, this.where));
        at = end + 1;
      }
      if (this.tokens[at]?.text !== '=') continue;
      const value = new InitializerReader(this.tokens, at + 1, this.where, false).value();
      const words: string[] = [];
      for (let j = i - 1; this.isType(j); j--) words.push(this.tokens[j]!.text);
      if (value.kind === 'list') return this.array(value, words, size, value.line);
      return this.elements([evaluate(value.tokens, this.names, this.where)], words, undefined, value.line);
    }
    const how = declared ? 'has no initializer, and what a program writes there is not known' : 'is not in the file';
    return this.fail(line, `the bitmap ${name} ${how}: give it one, as in __u8 ${name}[8] = { 0x01 };`);
  }

  private array(
    list: Extract<Value, { kind: 'list' }>,
    words: readonly string[],
    size: number | undefined,
    line: number,
  ): Uint8Array {
    const values: bigint[] = [];
    for (const { position, value } of list.items) {
      if (value.kind === 'list') return this.fail(value.line, 'a bitmap is a list of numbers');
      const [first, last] = this.span(position, values.length);
      if (last >= MAX_BITMAP)
        return this.fail(value.line, `element ${last}: a bitmap has at most ${MAX_BITMAP} bytes here`);
      const number = evaluate(value.tokens, this.names, this.where);
      this.elementsSet += Math.max(0, last - first + 1);
      if (this.elementsSet > MAX_ELEMENTS) {
        return this.fail(value.line, `more than ${MAX_ELEMENTS} elements are set: a filter's bitmaps have fewer`);
      }
      for (let at = first; at <= last; at++) values[at] = number;
    }
    return this.elements(
      Array.from(values, (value) => value ?? 0n),
      words,
      size,
      line,
    );
  }

  /** Elements that `[3] =` or GNU C's `[0 ... 7] =` names. */
  private span(position: readonly Token[] | undefined, next: number): [number, number] {
    if (!position) return [next, next];
    const dots = position.findIndex(({ text }) => text === '.');
    const number = (tokens: readonly Token[]): number => Number(evaluate(tokens, this.names, this.where));
    if (dots < 0) return [number(position), number(position)];
    return [number(position.slice(0, dots)), number(position.slice(dots + 3))];
  }

  private elements(
    values: readonly bigint[],
    words: readonly string[],
    size: number | undefined,
    line: number,
  ): Uint8Array {
    const bytes = typeBytes(words);
    if (bytes === undefined) return this.fail(line, 'the type of the bitmap is not known: use __u8, __u32 or __u64');
    const count = Math.max(values.length, size ?? 0);
    if (count * bytes > MAX_BITMAP) return this.fail(line, `a bitmap has at most ${MAX_BITMAP} bytes here`);
    const view = new DataView(new ArrayBuffer(count * bytes));
    for (const [i, value] of values.entries()) {
      for (let byte = 0; byte < bytes; byte++)
        view.setUint8(i * bytes + byte, Number((value >> BigInt(8 * byte)) & 0xffn));
    }
    return new Uint8Array(view.buffer);
  }

  private isType(at: number): boolean {
    const token = this.tokens[at];
    return token?.kind === 'name' && isTypeName(token.text);
  }

  private texts(at: number, count: number): string {
    return this.tokens
      .slice(at, at + count)
      .map(({ text }) => text)
      .join(' ');
  }

  private fail(line: number, problem: string): never {
    throw new InputError(`${this.where}:${line}: ${problem}`);
  }
}

/** Macros that are nothing to do with filters may hold anything. */
function lenientTokens(text: string, where: string, line: number): Token[] {
  try {
    return tokensOf(text, where, line);
  } catch {
    return [];
  }
}

const ESCAPES: Readonly<Record<string, number>> = { n: 10, t: 9, r: 13, f: 12, v: 11, a: 7, b: 8, e: 27 };

/** Bytes of a string in C's or strace's writing, without the quotes. */
export function stringBytes(text: string): number[] {
  const bytes: number[] = [];
  for (const [, hex, octal, escaped, plain] of text
    .slice(1, -1)
    .matchAll(/\\x([0-9a-fA-F]{1,2})|\\([0-7]{1,3})|\\([\s\S])|([\s\S])/g)) {
    if (hex !== undefined) bytes.push(Number.parseInt(hex, 16));
    else if (octal !== undefined) bytes.push(Number.parseInt(octal, 8) & 0xff);
    else if (escaped !== undefined) bytes.push(ESCAPES[escaped] ?? escaped.charCodeAt(0) & 0xff);
    else bytes.push(plain!.charCodeAt(0) & 0xff);
  }
  return bytes;
}
