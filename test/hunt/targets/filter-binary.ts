import { decodeFilter, encodeFilter } from '../../../src/model/filter-binary.ts';
import { parseFilter } from '../../../src/model/filter-json.ts';
import { checkFilter } from '../check-filter.ts';
import { accepted, expect, type Target } from '../target.ts';
import { FILTER_SEEDS } from './filter-json.ts';

/** The struct as arch/x86/include/uapi/asm/kvm.h lays it out, slot by slot: without the reader under test. */
function slotsOf(bytes: Buffer): { readonly words: readonly number[]; readonly offset: bigint }[] {
  return Array.from({ length: 16 }, (_, slot) => {
    const at = 8 + slot * 24;
    const words = [0, 4, 8].map((field) => bytes.readUInt32LE(at + field));
    return { words, offset: bytes.readBigUInt64LE(at + 16) };
  });
}

export const target: Target = {
  name: 'filter-binary',
  form: 'bytes',
  seeds: FILTER_SEEDS.map((text) => encodeFilter(parseFilter(JSON.parse(text), 'seed'))),
  words: ['\u0088\u0001\u0000\u0000\u0000\u0000\u0000\u0000', '\u0000\u0000\u0000\u0000'],
  sources: ['src/model/filter-binary'],
  run(input) {
    const filter = accepted(() => decodeFilter(input, 'FILE'), 'FILE');
    if (!filter) return;
    const bytes = Buffer.from(input);
    for (const [slot, { words, offset }] of slotsOf(bytes).entries()) {
      const range = filter.ranges[slot];
      if (!range) expect(words.join() === '0,0,0' && offset === 0n, `slot ${slot} is lost`);
      else {
        expect(words.join() === [range.flags, range.nmsrs, range.base].join(), `slot ${slot} has other fields`);
        expect((offset === 0n) === (range.bitmap === null), `slot ${slot}: a pointer is taken for none`);
        const place = Number(offset);
        const there = bytes.subarray(place, place + (range.bitmap?.length ?? 0));
        expect(range.bitmap === null || there.equals(range.bitmap), `slot ${slot} has other bytes`);
      }
    }
    checkFilter(filter);
  },
};
