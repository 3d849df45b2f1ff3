/** Classical statistics of random bits, each with the shares that independent fair bits have. */
import type { MsrFilter } from '../model/filter.ts';
import type { Counts } from './chi-square.fixture.ts';

const LONGEST_RUN = 16;

function shares(classes: number, share: (place: number) => number): Counts {
  return new Map(Array.from({ length: classes }, (_, place) => [place, share(place)]));
}

/** C(32, n) / 2^32. */
function binomial(n: number): number {
  let share = 2 ** -32;
  for (let i = 0; i < n; i++) share *= (32 - i) / (i + 1);
  return share;
}

export const FAIR = {
  'ones in a 32-bit word': shares(33, binomial),
  'value of a byte': shares(256, () => 1 / 256),
  // The rest of a bitmap ends its last run early: runs that its end cuts off are not counted.
  'length of a run': shares(LONGEST_RUN, (n) => (n < LONGEST_RUN - 1 ? 2 ** -(n + 1) : 2 ** -n)),
  'neighbouring bits': shares(4, () => 1 / 4),
  'last bit of a word and first of the next': shares(4, () => 1 / 4),
  'bits 32 apart': shares(4, () => 1 / 4),
  'which bit of a word is set': shares(32, () => 1 / 32),
} as const satisfies Record<string, Counts>;

export type BitStatistic = keyof typeof FAIR;
export const BIT_STATISTICS = Object.keys(FAIR) as BitStatistic[];

/** Counts by class, over the bitmaps of whole filters. */
export class BitCounts {
  private readonly counters = BIT_STATISTICS.map((name) => new Float64Array(FAIR[name].size));

  of(name: BitStatistic): Counts {
    return new Map(this.counters[BIT_STATISTICS.indexOf(name)]!.entries());
  }

  add(filter: MsrFilter): void {
    for (const { bitmap } of filter.ranges) if (bitmap) this.addBitmap(bitmap);
  }

  private addBitmap(bitmap: Uint8Array): void {
    const [ones, bytes, runs, neighbours, across, apart, places] = this.counters as Float64Array[];
    for (const byte of bitmap) bytes![byte]!++;
    const words = new Uint32Array(bitmap.slice().buffer, 0, bitmap.length >>> 2);
    let run = 0;
    let last = -1;
    for (const [i, word] of words.entries()) {
      let count = 0;
      for (let bit = 0; bit < 32; bit++) {
        const value = (word >>> bit) & 1;
        count += value;
        places![bit]! += value;
        if (value === last) run++;
        else {
          if (last >= 0) runs![Math.min(run, LONGEST_RUN) - 1]!++;
          run = 1;
          last = value;
        }
      }
      ones![count]!++;
      // Pairs that share no bit: otherwise they would not be independent.
      for (let pairs = word, n = 0; n < 16; n++, pairs >>>= 2) neighbours![pairs & 3]!++;
      if (i % 2 === 0 && i + 1 < words.length) {
        across![((word >>> 31) << 1) | (words[i + 1]! & 1)]!++;
        for (let bit = 0; bit < 32; bit++) apart![(((word >>> bit) & 1) << 1) | ((words[i + 1]! >>> bit) & 1)]!++;
      }
    }
  }
}
