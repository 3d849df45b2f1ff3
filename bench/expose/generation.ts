/** Filters per second, full-size, beside fast-check: interleaved, so that a change in the machine's load meets all. */
import fc, { type Arbitrary } from 'fast-check';
import { fullSizeFromBytes, fullSizeFromWords, fullSizeSource } from '../../src/fuzz/full-size.fixture.ts';
import type { MsrFilter } from '../../src/model/filter.ts';
import { NEWEST_PROFILE } from '../../src/model/profile.ts';
import { median } from '../../test/planted/suite.ts';
import { SAMPLERS, type SamplerName, sample } from './samplers.ts';

/** Many and short: the machine's load changes within seconds. */
const ROUNDS = 61;
const WARM_UP = 5;
/** Filters of one round. */
const OWN = 2000;
const THEIRS = 20;

export interface GenerationRow {
  readonly name: string;
  /** Median of the rounds. */
  readonly filtersPerSecond: number;
  /** How many times as fast the generator was: median over the rounds, each compared with itself. */
  readonly behind: number;
}

export function generationBench(): GenerationRow[] {
  const next = fullSizeSource(1);
  const rivals: readonly (readonly [string, number, (seed: number) => void])[] = [
    ['msrdiff', OWN, () => repeat(OWN, next)],
    ['fast-check, byte arrays', THEIRS, (seed) => draw(fullSizeFromBytes, seed)],
    ['fast-check, 32-bit arrays', THEIRS, (seed) => draw(fullSizeFromWords, seed)],
  ];
  const rates = rivals.map((): number[] => []);
  for (let round = 0; round < WARM_UP + ROUNDS; round++) {
    for (const [i, [, filters, run]] of rivals.entries()) {
      const start = performance.now();
      run(round);
      if (round >= WARM_UP) rates[i]!.push((1000 * filters) / (performance.now() - start));
    }
  }
  return rivals.map(([name], i) => {
    const behind = median(rates[i]!.map((rate, round) => rates[0]![round]! / rate));
    return { name, filtersPerSecond: median(rates[i]!), behind };
  });
}

/** Cases of one round, and rounds, of the samplers. */
const CASES = 50;
const CASE_ROUNDS = 11;

/** Milliseconds that drawing one case takes, by sampler: median of interleaved rounds. */
export function drawingBench(accesses: number): Map<SamplerName, number> {
  const names = Object.keys(SAMPLERS) as SamplerName[];
  const times = new Map(names.map((name): [SamplerName, number[]] => [name, []]));
  for (let seed = 0; seed < WARM_UP + CASE_ROUNDS; seed++) {
    for (const [sampler, list] of times) {
      const start = performance.now();
      sample({ sampler, seed, accesses, limit: CASES }, NEWEST_PROFILE.id, () => true);
      if (seed >= WARM_UP) list.push((performance.now() - start) / CASES);
    }
  }
  return new Map([...times].map(([name, list]) => [name, median(list)]));
}

/** Of the bits drawn: an engine must not find that nobody looks at them. */
let sum = 0;

function repeat(times: number, next: () => MsrFilter): void {
  for (let n = 0; n < times; n++) sum ^= next().ranges[15]!.bitmap![1535]!;
  if (sum < 0) throw new Error('bytes are not negative');
}

function draw(filters: Arbitrary<MsrFilter>, seed: number): void {
  fc.sample(filters, { seed, numRuns: THEIRS });
}
