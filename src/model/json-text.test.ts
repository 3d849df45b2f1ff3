import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from './input-error.ts';
import { compactJson, parseJsonText } from './json-text.ts';

function messageOf(text: string, firstLine?: number): string {
  try {
    parseJsonText(text, 'f.json', firstLine);
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    expect((error as InputError).code).toBe('MSRDIFF_INPUT');
    return (error as InputError).message;
  }
  throw new Error(`parsed: ${text}`);
}

describe('parseJsonText', () => {
  it.each([
    ['', '1:1: not valid JSON: expected a value, but the text ends'],
    ['{', '1:2: not valid JSON: expected a key in double quotes, but the text ends'],
    ['{"a": 1,}', '1:9: not valid JSON: expected a key in double quotes'],
    ['{"a" 1}', '1:6: not valid JSON: expected ":" after the key'],
    ['{\n  "a": [1, 2\n}', '3:1: not valid JSON: expected "," or "]"'],
    ['[1, 0x10]', '1:6: not valid JSON: expected "," or "]"'],
    ['[1,]', '1:4: not valid JSON: expected a value'],
    ['[]]', '1:3: not valid JSON: expected nothing more after the value'],
    ["{'a': 1}", '1:2: not valid JSON: expected a key in double quotes'],
    ['"ab', '1:4: not valid JSON: expected the closing quote of a string, but the text ends'],
    ['"\\x"', '1:2: not valid JSON: unknown escape in a string'],
    ['"a\tb"', '1:3: not valid JSON: control characters in a string are written as \\u escapes'],
    ['// x\n{}', '1:1: not valid JSON: expected a value'],
  ])('says where %j is wrong', (text, message) => {
    expect(messageOf(text)).toBe(`f.json:${message}`);
  });

  it('counts lines from the one given', () => {
    expect(messageOf('{]', 17)).toBe('f.json:17:2: not valid JSON: expected a key in double quotes');
  });

  it('finds a position in every damaged text, and survives deep nesting', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), fc.constantFrom('', '}', ']', ',', '"', '\\', 'x', ' '), (json, at, insert) => {
        const position = at % (json.length + 1);
        const text = json.slice(0, position) + insert + json.slice(position + 1);
        try {
          JSON.parse(text);
        } catch {
          expect(messageOf(text)).toMatch(/^f\.json:\d+:\d+: not valid JSON: (?!expected nothing more.*ends)/);
        }
      }),
    );
    const depth = 200_000;
    expect(messageOf('['.repeat(depth))).toContain(`f.json:1:${depth + 1}:`);
  });
});

describe('compactJson', () => {
  it('writes one line that parses back', () => {
    expect(compactJson({ a: [1, 'x', null], b: { c: true }, d: [], e: {} })).toBe(
      '{"a": [1, "x", null], "b": {"c": true}, "d": [], "e": {}}',
    );
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(compactJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});

describe('InputError', () => {
  it('keeps its message on one line', () => {
    expect(new InputError('a\n  b\r\nc').message).toBe('a b c');
  });
});
