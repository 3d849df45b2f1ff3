import { expect, test } from 'vitest';
import { readIndex, readNumber } from './index-text.ts';

test.each([
  ['0x174', 0x174],
  [' 0X1FF ', 0x1ff],
  ['372', 372],
  ['4294967295', 0xffff_ffff],
  ['4294967296', undefined],
  ['0x1g', undefined],
  ['', undefined],
  ['-1', undefined],
])('%s', (text, value) => expect(readNumber(text)).toBe(value));

test('a name is an index where the catalogue has it', () => {
  const indexOf = (name: string) => (name === 'IA32_TSC' ? 0x10 : undefined);
  expect(readIndex(' IA32_TSC', indexOf)).toBe(0x10);
  expect(readIndex('IA32_TSC', undefined)).toBeUndefined();
});
