/** Tokens of C initializers, and of strace's output, which looks like them. */
import { InputError } from '../../model/input-error.ts';

export interface Token {
  readonly kind: 'name' | 'number' | 'string' | 'mark';
  readonly text: string;
  /** From 1 on. */
  readonly line: number;
}

const SKIPPED = /(?:\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\/)/y;
const FORMS: readonly (readonly [Token['kind'], RegExp])[] = [
  ['name', /[A-Za-z_]\w*/y],
  ['number', /(?:0[xX][0-9a-fA-F]+|\d+)[uUlL]*/y],
  ['string', /"(?:\\[\s\S]|[^"\\\n])*"/y],
  ['mark', /<<|>>|[^\w\s"]/y],
];

/**
 * @param firstLine line number of the text's first line
 * @throws InputError with the line of what is no token
 */
export function tokensOf(text: string, where: string, firstLine = 1): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let line = firstLine;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const [found] = pattern.exec(text) ?? [];
    if (found !== undefined) at += found.length;
    return found;
  };
  while (at < text.length) {
    const skipped = take(SKIPPED);
    if (skipped !== undefined) {
      line += skipped.split('\n').length - 1;
      continue;
    }
    let found = false;
    for (const [kind, pattern] of FORMS) {
      const taken = take(pattern);
      if (taken === undefined) continue;
      tokens.push({ kind, text: taken, line });
      line += taken.split('\n').length - 1;
      found = true;
      break;
    }
    if (!found) throw new InputError(`${where}:${line}: ${JSON.stringify(text[at])} begins nothing that is known here`);
  }
  return tokens;
}
