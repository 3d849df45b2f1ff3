/** Initializers as trees: lists in braces (strace: also in brackets), whose items may be named. */
import { InputError } from '../../model/input-error.ts';
import type { Token } from './tokens.ts';

export interface Item {
  /** `.name =`, or in strace's output `name=`. */
  readonly name?: string;
  /** `[0] =`, the tokens between the brackets. */
  readonly position?: readonly Token[];
  readonly value: Value;
}

export type Value =
  | { readonly kind: 'list'; readonly items: readonly Item[]; readonly line: number }
  /** An expression; `literal` is the list of a compound literal: `(uint8_t[]){ 1, 2 }`. */
  | {
      readonly kind: 'expression';
      readonly tokens: readonly Token[];
      readonly literal?: Extract<Value, { kind: 'list' }>;
      readonly line: number;
    };

/** Deeper than any filter. */
const MAX_DEPTH = 16;

/** Reads a value from a place in tokens on. */
export class InitializerReader {
  position: number;
  private readonly tokens: readonly Token[];
  private readonly where: string;
  private readonly brackets: boolean;

  /** @param brackets whether lists may be in brackets */
  constructor(tokens: readonly Token[], position: number, where: string, brackets: boolean) {
    this.tokens = tokens;
    this.position = position;
    this.where = where;
    this.brackets = brackets;
  }

  /** @throws InputError with the line */
  value(depth = 0): Value {
    if (depth > MAX_DEPTH) this.fail('lists nested deeper than any filter');
    const token = this.token();
    if (token.text === '{' || (this.brackets && token.text === '[')) return this.list(depth);
    return this.expression(depth);
  }

  private list(depth: number): Extract<Value, { kind: 'list' }> {
    const { line, text } = this.token();
    const closer = text === '{' ? '}' : ']';
    this.position++;
    const items: Item[] = [];
    while (this.token().text !== closer) {
      items.push(this.item(depth));
      const next = this.token().text;
      if (next === ',') this.position++;
      else if (next !== closer) this.fail(`expected "," or "${closer}", found ${JSON.stringify(next)}`);
    }
    this.position++;
    return { kind: 'list', items, line };
  }

  private item(depth: number): Item {
    const [first, second, third] = this.tokens.slice(this.position, this.position + 3);
    if (first?.text === '.' && second?.kind === 'name' && third?.text === '=') {
      this.position += 3;
      return { name: second.text, value: this.value(depth + 1) };
    }
    if (first?.kind === 'name' && (second?.text === '=' || second?.text === ':')) {
      this.position += 2;
      return { name: first.text, value: this.value(depth + 1) };
    }
    if (first?.text === '[' && !this.brackets) {
      const start = ++this.position;
      while (this.token().text !== ']') this.position++;
      const position = this.tokens.slice(start, this.position);
      this.position++;
      if (this.token().text !== '=') this.fail(`expected "=", found ${JSON.stringify(this.token().text)}`);
      this.position++;
      return { position, value: this.value(depth + 1) };
    }
    return { value: this.value(depth + 1) };
  }

  /** Up to what ends it outside of all parentheses. */
  private expression(depth: number): Value {
    const start = this.position;
    const { line } = this.token();
    let parentheses = 0;
    // Brackets that were opened in the expression: `&bitmap[0]`.
    let brackets = 0;
    for (;;) {
      const { text } = this.token();
      if (text === '{') {
        const tokens = this.tokens.slice(start, this.position);
        return { kind: 'expression', tokens, literal: this.list(depth + 1), line };
      }
      if (text === '[') brackets++;
      if (text === ']' && brackets > 0) brackets--;
      else if (parentheses === 0 && /^[,;}\]]$/.test(text)) break;
      if (text === '(') parentheses++;
      if (text === ')') {
        if (parentheses === 0) break;
        parentheses--;
      }
      this.position++;
    }
    const tokens = this.tokens.slice(start, this.position);
    if (tokens.length === 0) this.fail(`expected a value, found ${JSON.stringify(this.token().text)}`);
    return { kind: 'expression', tokens, line };
  }

  private token(): Token {
    return this.tokens[this.position] ?? this.fail('the text ends in the middle of an initializer');
  }

  private fail(problem: string): never {
    const line = this.tokens[Math.min(this.position, this.tokens.length - 1)]?.line ?? 1;
    throw new InputError(`${this.where}:${line}: ${problem}`);
  }
}
