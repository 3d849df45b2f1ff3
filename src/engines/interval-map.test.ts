/** A map that makes again only what changes is the map that is made from nothing. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Random } from '../fuzz/random.ts';
import { catalogueBase } from '../model/catalogue.ts';
import type { MsrFilter } from '../model/filter.ts';
import { NEWEST_PROFILE } from '../model/profile.ts';
import { interval } from './interval.ts';
import { IntervalMap, type IntervalSource } from './interval-map.ts';

const PAGE_WORDS = 256;

/** Near each other, so that they share pages and overlap. */
const anyRange = fc
  .record({
    flags: fc.integer({ min: 1, max: 3 }),
    base: fc.oneof(fc.integer({ min: 0, max: 0x6000 }), fc.constantFrom(0xffff_d000, 0xffff_fff0, 0x700, 0xfff)),
    nmsrs: fc.oneof(fc.integer({ min: 1, max: 200 }), fc.constantFrom(4096, 4097, 12_288)),
    seed: fc.nat(),
  })
  .map(({ seed, ...range }): Omit<IntervalSource, 'slot'> => {
    const random = new Random(seed);
    return { ...range, bitmap: new Uint8Array(Math.ceil(range.nmsrs / 64) * 8).map(() => random.below(256)) };
  });

/** A filter, and ranges that take the place of one of its own, one after the other. */
const changes = fc.tuple(
  fc.array(anyRange, { minLength: 4, maxLength: 16 }),
  fc.array(fc.tuple(fc.nat(), anyRange), { minLength: 1, maxLength: 12 }),
);

function* sequence([ranges, edits]: typeof changes extends fc.Arbitrary<infer T> ? T : never): Generator<
  readonly IntervalSource[]
> {
  const current = ranges.map((range, slot) => ({ ...range, slot }));
  yield current;
  for (const [at, range] of edits) {
    const slot = at % current.length;
    current[slot] = { ...range, slot };
    yield current;
  }
}

/** The words of every block that either map has a page for. */
function words(map: IntervalMap, block: number): Buffer {
  const page = map.directory[block]!;
  return Buffer.from(map.pages.buffer, page * PAGE_WORDS * 4, PAGE_WORDS * 4);
}

test('compile', () => {
  fc.assert(
    fc.property(changes, fc.boolean(), (input, defaultAllow) => {
      const map = new IntervalMap();
      for (const ranges of sequence(input)) {
        const fresh = new IntervalMap();
        map.compile(ranges, defaultAllow, true);
        fresh.compile(ranges, defaultAllow, true);
        expect(map.intervals).toEqual(fresh.intervals);
        for (const one of [map, fresh]) {
          for (let page = 1; page < one.pageCount; page++) {
            const block = one.blockOf(page);
            expect(Buffer.compare(words(map, block), words(fresh, block))).toBe(0);
          }
        }
      }
    }),
    { numRuns: 150 },
  );
});

test('and so are the pages that long batches are answered from', () => {
  const random = new Random(1);
  const indices = Uint32Array.from({ length: 6000 }, () => random.below(8) * 0x0fff_ffff + random.below(0xa000));
  const types = new Uint8Array(indices.length).map(() => random.below(2));
  const config = { profile: NEWEST_PROFILE, base: catalogueBase() };
  const kept = interval.createVm(config);
  let remade = 0;
  fc.assert(
    fc.property(changes, (input) => {
      for (const ranges of sequence(input)) {
        const filter: MsrFilter = { flags: 1, ranges };
        const fresh = interval.createVm(config);
        const answers = [kept, fresh].map((vm) => {
          const verdicts = new Uint8Array(indices.length);
          expect(vm.setFilter(filter, 'normal')).toBe(0);
          vm.access({ indices, types }, verdicts, verdicts);
          return verdicts;
        });
        expect(Buffer.compare(answers[0]!, answers[1]!)).toBe(0);
        remade++;
      }
    }),
    { numRuns: 60 },
  );
  expect(remade).toBeGreaterThan(100);
});
