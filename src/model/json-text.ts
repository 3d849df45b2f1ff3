/** JSON as text: parsing that says where the text is wrong, and writing on one line. */
import { InputError } from './input-error.ts';

/**
 * `JSON.parse`.
 *
 * @param where what the text is, for messages: usually a file name
 * @param firstLine number of the text's first line; other than 1 for a line of a JSON-lines file
 * @throws InputError with line and column if the text is not JSON
 */
export function parseJsonText(text: string, where: string, firstLine = 1): unknown {
  try {
    const value: unknown = JSON.parse(text);
    if (isDeep(text)) {
      throw new InputError(`${where}: nested deeper than ${MAX_DEPTH} levels, the most that is read: no file has that`);
    }
    return value;
  } catch (cause) {
    if (cause instanceof InputError) throw cause;
    const { offset, problem } = locateJsonError(text);
    const before = text.slice(0, offset).split('\n');
    const position = `${firstLine + before.length - 1}:${before.at(-1)!.length + 1}`;
    throw new InputError(`${where}:${position}: not valid JSON: ${problem}`, { cause });
  }
}

/** Most levels of lists and objects; no form of msrdiff has a fourth of that. */
const MAX_DEPTH = 64;

/** Whether valid JSON is deeper than allowed: what takes values apart, level by level, has a stack that ends. */
function isDeep(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === 0x22) {
      at = endOfString(text, at);
    } else if (character === 0x5b || character === 0x7b) {
      if (++depth > MAX_DEPTH) return true;
    } else if (character === 0x5d || character === 0x7d) depth--;
  }
  return false;
}

/** Offset of the quote that ends the string that starts at `start`, in valid JSON. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text.charCodeAt(end - 1 - escapes) === 0x5c) escapes++;
    if (escapes % 2 === 0) return end;
  }
}

/** What `JSON.stringify` returns, on one line with a space after each comma and colon. */
export function compactJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(compactJson).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([key, member]) => `${JSON.stringify(key)}: ${compactJson(member)}`)
    .join(', ')}}`;
}

interface JsonProblem {
  /** UTF-16 offset of the first character that cannot be there. */
  readonly offset: number;
  readonly problem: string;
}

/**
 * Where a text stops being JSON (RFC 8259). The engine's own message has no position for some errors, and
 * its wording changes between Node releases.
 */
function locateJsonError(text: string): JsonProblem {
  const closers: string[] = [];
  let expected: 'value' | 'value or ]' | 'key' | 'key or }' | ':' | 'next' = 'value';
  let offset = 0;
  for (;;) {
    while (offset < text.length && ' \t\r\n'.includes(text[offset]!)) offset++;
    const character = text[offset];
    const closer = closers.at(-1);
    const mayClose = expected === 'next' || expected === 'value or ]' || expected === 'key or }';
    if (mayClose && closer !== undefined && character === closer) {
      closers.pop();
      expected = 'next';
      offset++;
    } else if (expected === 'next') {
      if (closer === undefined) return { offset, problem: 'expected nothing more after the value' };
      if (character !== ',') return { offset, problem: `expected "," or "${closer}"${atEnd(character)}` };
      expected = closer === '}' ? 'key' : 'value';
      offset++;
    } else if (expected === ':') {
      if (character !== ':') return { offset, problem: `expected ":" after the key${atEnd(character)}` };
      expected = 'value';
      offset++;
    } else if (expected === 'key' || expected === 'key or }') {
      if (character !== '"') return { offset, problem: `expected a key in double quotes${atEnd(character)}` };
      const end = scanString(text, offset);
      if (typeof end !== 'number') return end;
      expected = ':';
      offset = end;
    } else if (character === '{' || character === '[') {
      closers.push(character === '{' ? '}' : ']');
      expected = character === '{' ? 'key or }' : 'value or ]';
      offset++;
    } else {
      const end = character === '"' ? scanString(text, offset) : scanLiteral(text, offset);
      if (typeof end !== 'number') return end;
      expected = 'next';
      offset = end;
    }
  }
}

function atEnd(character: string | undefined): string {
  return character === undefined ? ', but the text ends' : '';
}

const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/** Offset after the string that starts at `start`. */
function scanString(text: string, start: number): number | JsonProblem {
  let offset = start + 1;
  while (offset < text.length) {
    const character = text[offset]!;
    if (character === '"') return offset + 1;
    if (character < ' ') return { offset, problem: 'control characters in a string are written as \\u escapes' };
    if (character === '\\') {
      ESCAPE.lastIndex = offset;
      if (!ESCAPE.test(text)) return { offset, problem: 'unknown escape in a string' };
      offset = ESCAPE.lastIndex;
    } else {
      offset++;
    }
  }
  return { offset, problem: 'expected the closing quote of a string, but the text ends' };
}

const LITERAL = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

/** Offset after the number or word that starts at `start`. */
function scanLiteral(text: string, start: number): number | JsonProblem {
  LITERAL.lastIndex = start;
  if (LITERAL.test(text)) return LITERAL.lastIndex;
  return { offset: start, problem: `expected a value${atEnd(text[start])}` };
}
