/** Lookups: every rival on the same filters and accesses, in turn. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../src/fuzz/random.ts';
import { KVM_MSR_FILTER_MAX_NMSRS } from '../src/model/filter.ts';
import { CRival, type Level, type Structure } from './c-rival.ts';
import { checkEqualAnswers } from './equal-answers.ts';
import { ENGINES, engineRival, type JsRival, npmRivals, stream } from './js-rivals.ts';
import { type BenchOptions, countedRanges, type Figure, number, type Section } from './report.ts';
import { Samples } from './statistics.ts';
import { takeTurns } from './turns.ts';
import { boundaryBatch, encodeWorkloads, spreadFilter } from './workload.ts';

const RANGES = [0, 1, 2, 4, 8, 16];
const ACCESSES = 65_536;
/** Distinct ones: a branch predictor learns a batch that is repeated, which flatters the scans. */
const BATCHES = 8;

const LEVELS: readonly Level[] = ['-O2', '-O3 native'];
const STRUCTURES: readonly Structure[] = ['pages', 'sorted'];
const SCAN = 'C scan -O2';

interface LookupRow {
  readonly ranges: number;
  /** Nanoseconds per lookup, median of the rounds, by rival. */
  readonly ns: Readonly<Record<string, number>>;
}

interface Rivals {
  readonly c: readonly CRival[];
  readonly js: readonly JsRival[];
  /** They decide nothing. */
  readonly cFloors: readonly CRival[];
  readonly jsFloors: readonly JsRival[];
}

export async function lookup({ folder, rounds, say }: BenchOptions): Promise<Section> {
  const inC = (structures: readonly Structure[]): CRival[] =>
    structures.flatMap((structure) => LEVELS.map((level) => new CRival(folder, structure, level)));
  const rivals: Rivals = {
    c: inC(['scan', ...STRUCTURES]),
    js: [...ENGINES.map((engine) => engineRival(engine, ACCESSES)), ...(await npmRivals())],
    cFloors: inC(['stream']),
    jsFloors: [stream],
  };
  try {
    const samples = RANGES.map(() => new Samples());
    // The first round warms up.
    for (let round = 0; round <= rounds; round++) {
      say(`lookup: round ${round} of ${rounds}`);
      for (const [i, ranges] of RANGES.entries()) {
        for (const [name, ns] of await lookupRound(ranges, round, rivals, join(folder, 'workload'))) {
          if (round > 0) samples[i]!.note(name, ns / (BATCHES * ACCESSES));
        }
      }
    }
    return section(RANGES.map((ranges, i) => ({ ranges, ns: samples[i]!.medians() })));
  } finally {
    for (const rival of [...rivals.c, ...rivals.cFloors]) rival.close();
  }
}

/** Nanoseconds per pass over the batches. */
async function lookupRound(
  ranges: number,
  round: number,
  { c, js, cFloors, jsFloors }: Rivals,
  path: string,
): Promise<[name: string, ns: number][]> {
  const random = new Random(ranges, round);
  const filter = spreadFilter(ranges, KVM_MSR_FILTER_MAX_NMSRS, random);
  const batches = Array.from({ length: BATCHES }, () => boundaryBatch(filter, ACCESSES, random));
  writeFileSync(path, encodeWorkloads([{ filter, batches }]));
  for (const rival of [...c, ...cFloors]) await rival.load(path);
  await checkEqualAnswers([{ filter, batches }], c, js);
  const inC = [...c, ...cFloors].map((rival) => ({
    name: rival.name,
    report: async () => (await rival.run()).lookup,
  }));
  const verdicts = new Uint8Array(ACCESSES);
  const inJs = [...js, ...jsFloors].map((rival) => ({
    name: rival.name,
    pass: () => {
      for (const batch of batches) rival.judge(batch, verdicts);
    },
  }));
  return takeTurns([...inC, ...inJs]);
}

function section(rows: readonly LookupRow[]): Section {
  const names = Object.keys(rows[0]!.ns);
  const at = (ranges: number): LookupRow['ns'] => rows.find((row) => row.ranges === ranges)!.ns;
  const bestStructure = (ns: LookupRow['ns']): number =>
    Math.min(...STRUCTURES.flatMap((structure) => LEVELS.map((level) => ns[`C ${structure} ${level}`]!)));
  const figures: Figure[] = [];
  for (const { ranges, ns } of rows) {
    const atLeast = { 1: 4, 16: 12 }[ranges];
    const what = `lookup, ${countedRanges(ranges)}: ${SCAN} / interval`;
    figures.push({ what, value: ns[SCAN]! / ns.interval!, ...(atLeast ? { aim: { atLeast } } : {}) });
  }
  figures.push({
    what: 'lookup, interval: 16 ranges / 1 range',
    value: at(16).interval! / at(1).interval!,
    aim: { atMost: 1.15 },
  });
  for (const ranges of [1, 16]) {
    figures.push({
      what: `lookup, ${countedRanges(ranges)}: interval / best structure in C`,
      value: at(ranges).interval! / bestStructure(at(ranges)),
      aim: { atMost: 1.2 },
    });
  }
  for (const engine of ['vmx', 'svm']) {
    figures.push({
      what: `lookup, 16 ranges: ${engine} / interval`,
      value: at(16)[engine]! / at(16).interval!,
      aim: { atMost: 1.5 },
    });
  }
  figures.push({ what: 'lookup, 16 ranges: reference / interval', value: at(16).reference! / at(16).interval! });
  return {
    name: 'lookup',
    tables: [
      {
        title: 'Lookup: ns per access, by ranges of 12,288 MSRs',
        head: ['rival', ...RANGES.map(String)],
        rows: names.map((name) => [name, ...rows.map(({ ns }) => number(ns[name]!))]),
      },
    ],
    figures,
    charts: [
      {
        file: 'lookup-ranges',
        title: 'Lookup against ranges of 12,288 MSRs',
        x: 'ranges',
        y: 'ns per access',
        scale: 'log',
        series: [...ENGINES.map(({ name }) => name), SCAN, 'C pages -O2', 'node-interval-tree', 'roaring-wasm'].map(
          (name) => ({ name, points: rows.map(({ ranges, ns }) => [ranges, ns[name]!] as const) }),
        ),
      },
    ],
    data: rows,
  };
}
