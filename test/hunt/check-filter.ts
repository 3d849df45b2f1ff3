/** What every filter that was accepted has to be, whatever it was read from. */
import { isDeepStrictEqual } from 'node:util';
import type { MsrFilter } from '../../src/model/filter.ts';
import { decodeFilter, encodeFilter } from '../../src/model/filter-binary.ts';
import { formatFilter, parseFilter } from '../../src/model/filter-json.ts';
import { expect } from './target.ts';

export function isU32(value: unknown): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 32 && !Object.is(value, -0);
}

/** A u32 as the formats write it: a number, or 0x and hex digits. Read here without the reader under test. */
export function numberOf(value: unknown): number {
  return typeof value === 'string' ? Number(BigInt(value)) : Number(value);
}

export function checkFilter(filter: MsrFilter): void {
  expect(isU32(filter.flags), `flags ${filter.flags} are no u32`);
  expect(filter.ranges.length <= 16, `${filter.ranges.length} ranges`);
  for (const [slot, { flags, base, nmsrs, bitmap }] of filter.ranges.entries()) {
    expect(isU32(flags) && isU32(base) && isU32(nmsrs), `range ${slot} has a field that is no u32`);
    expect(bitmap === null || bitmap instanceof Uint8Array, `range ${slot} has a bitmap that is none`);
    expect(!(bitmap instanceof Buffer), `range ${slot} has a view of the file as its bitmap`);
  }
  const text = formatFilter(filter);
  const again = parseFilter(JSON.parse(text), 'again');
  expect(isDeepStrictEqual(again, filter), 'JSON gives back another filter');
  expect(formatFilter(again) === text, 'equal filters give different JSON');
  checkBinary(filter);
}

/** The struct holds the same filter; slots at the end that are all 0 are none. */
function checkBinary(filter: MsrFilter): void {
  const bytes = encodeFilter(filter);
  const decoded = decodeFilter(bytes, 'again');
  const ranges = [...filter.ranges];
  while (ranges.length > 0) {
    const { flags, base, nmsrs, bitmap } = ranges.at(-1)!;
    if (flags !== 0 || base !== 0 || nmsrs !== 0 || bitmap !== null) break;
    ranges.pop();
  }
  expect(isDeepStrictEqual(decoded, { flags: filter.flags, ranges }), 'the struct gives back another filter');
}
