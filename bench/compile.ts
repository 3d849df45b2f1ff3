/** Compile cost: setting a filter and 4,096 accesses together, since an engine may compile when it is first asked. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../src/fuzz/random.ts';
import { KVM_MSR_FILTER_MAX_NMSRS } from '../src/model/filter.ts';
import { CRival } from './c-rival.ts';
import { checkEqualAnswers } from './equal-answers.ts';
import { ENGINES, engineRival, type JsRival } from './js-rivals.ts';
import { type BenchOptions, countedRanges, number, type Section, type Table } from './report.ts';
import { cpuMs, Samples } from './statistics.ts';
import { takeTurns } from './turns.ts';
import { boundaryBatch, changeOneRange, encodeWorkloads, spreadFilter, type Workload } from './workload.ts';

const RANGES = [1, 2, 4, 8, 16];
const SIZES = [1, 64, 1024, KVM_MSR_FILTER_MAX_NMSRS];
const ACCESSES = 4096;
/** Filters of one pass, each with a batch of its own. */
const FILTERS = 64;
const SCAN_LOOKUPS = 'C scan -O2, lookups alone';
const PAGES_WHOLE = 'C pages -O2, compile and lookups';

interface CompileRow {
  readonly ranges: number;
  readonly nmsrs: number;
  /** Microseconds per filter. */
  readonly us: Readonly<Record<string, number>>;
}

interface RecompileRow {
  readonly engine: string;
  /** Microseconds of setting the filter with the lookups: an unrelated one, one range changed; the lookups again. */
  readonly full: number;
  readonly oneRange: number;
  readonly lookups: number;
}

interface Rivals {
  readonly scan: CRival;
  readonly pages: CRival;
  readonly engines: readonly JsRival[];
}

export async function compile({ folder, rounds, say }: BenchOptions): Promise<Section> {
  const engines = ENGINES.map((engine) => engineRival(engine, ACCESSES));
  const scan = new CRival(folder, 'scan', '-O2');
  const pages = new CRival(folder, 'pages', '-O2');
  const rivals: Rivals = { scan, pages, engines };
  const path = join(folder, 'workload');
  try {
    const cells = SIZES.flatMap((nmsrs) => RANGES.map((ranges) => ({ ranges, nmsrs, samples: new Samples() })));
    // The first round warms up.
    for (let round = 0; round <= rounds; round++) {
      say(`compile: round ${round} of ${rounds}`);
      for (const { ranges, nmsrs, samples } of cells) {
        for (const [name, ns] of await compileRound(drawWorkloads(ranges, nmsrs, round), rivals, path)) {
          if (round > 0) samples.note(name, ns / 1e3 / FILTERS);
        }
      }
    }
    say('compile: one range changed');
    const rows = cells.map(({ ranges, nmsrs, samples }) => ({ ranges, nmsrs, us: samples.medians() }));
    return section(rows, await recompileRows(rivals, path, rounds));
  } finally {
    scan.close();
    pages.close();
  }
}

async function loadAndCheck(
  workloads: readonly Workload[],
  { scan, pages, engines }: Rivals,
  path: string,
): Promise<void> {
  writeFileSync(path, encodeWorkloads(workloads));
  for (const rival of [scan, pages]) await rival.load(path);
  await checkEqualAnswers(workloads, [scan, pages], engines);
}

/** Nanoseconds per pass over the workloads. */
async function compileRound(
  workloads: readonly Workload[],
  rivals: Rivals,
  path: string,
): Promise<[name: string, ns: number][]> {
  const { scan, pages, engines } = rivals;
  await loadAndCheck(workloads, rivals, path);
  const both = async (): Promise<number> => {
    const { compile, lookup } = await pages.run();
    return compile + lookup;
  };
  const verdicts = new Uint8Array(ACCESSES);
  return takeTurns([
    { name: SCAN_LOOKUPS, report: async () => (await scan.run()).lookup },
    { name: PAGES_WHOLE, report: both },
    ...engines.map((engine) => ({
      name: engine.name,
      pass: () => {
        for (const { filter, batches } of workloads) {
          engine.install(filter);
          engine.judge(batches[0]!, verdicts);
        }
      },
    })),
  ]);
}

function drawWorkloads(ranges: number, nmsrs: number, round: number): Workload[] {
  const random = new Random(ranges, nmsrs, round);
  return Array.from({ length: FILTERS }, () => {
    const filter = spreadFilter(ranges, nmsrs, random);
    return { filter, batches: [boundaryBatch(filter, ACCESSES, random)] };
  });
}

/** 16 ranges of 12,288 MSRs. */
async function recompileRows(rivals: Rivals, path: string, rounds: number): Promise<RecompileRow[]> {
  const { engines } = rivals;
  const verdicts = new Uint8Array(ACCESSES);
  const times = new Map(engines.map(({ name }) => [name, new Samples()]));
  for (let round = 0; round <= rounds; round++) {
    const workloads = drawWorkloads(16, KVM_MSR_FILTER_MAX_NMSRS, round);
    const random = new Random(round);
    const changed = workloads.map(({ filter }) => changeOneRange(filter, random));
    const both = workloads.flatMap(({ filter, batches }, i) =>
      [filter, changed[i]!].map((one) => ({ filter: one, batches })),
    );
    await loadAndCheck(both, rivals, path);
    for (const engine of engines) {
      const sums = { full: 0, oneRange: 0, lookups: 0 };
      for (const [i, { filter, batches }] of workloads.entries()) {
        const begun = cpuMs();
        engine.install(filter);
        engine.judge(batches[0]!, verdicts);
        const full = cpuMs();
        engine.install(changed[i]!);
        engine.judge(batches[0]!, verdicts);
        const oneRange = cpuMs();
        engine.judge(batches[0]!, verdicts);
        sums.full += full - begun;
        sums.oneRange += oneRange - full;
        sums.lookups += cpuMs() - oneRange;
      }
      if (round === 0) continue;
      for (const [what, ms] of Object.entries(sums)) times.get(engine.name)!.note(what, (ms * 1e3) / FILTERS);
    }
  }
  return [...times].map(([engine, samples]) => {
    const { full, oneRange, lookups } = samples.medians();
    return { engine, full: full!, oneRange: oneRange!, lookups: lookups! };
  });
}

function section(rows: readonly CompileRow[], recompiled: readonly RecompileRow[]): Section {
  const names = Object.keys(rows[0]!.us);
  const ratio = ({ us }: CompileRow): number => us.interval! / us[SCAN_LOOKUPS]!;
  const ofSize = (size: number): CompileRow[] => rows.filter(({ nmsrs }) => nmsrs === size);
  const tables: Table[] = SIZES.map((size) => ({
    title: `Compile: µs to set a filter and look up 4,096 accesses, by ranges of ${size.toLocaleString('en-US')} MSR${size === 1 ? '' : 's'}`,
    head: ['rival', ...RANGES.map(String)],
    rows: [
      ...names.map((name) => [name, ...ofSize(size).map(({ us }) => number(us[name]!))]),
      ['interval / C scan lookups', ...ofSize(size).map((row) => number(ratio(row)))],
    ],
  }));
  tables.push({
    title: 'Compile: µs with 4,096 accesses after one of 16 ranges of 12,288 MSRs has changed',
    head: ['engine', 'another filter', 'one range changed', 'lookups alone', '(one - lookups) / (another - lookups)'],
    rows: recompiled.map(({ engine, full, oneRange, lookups }) => [
      ...[engine, number(full), number(oneRange), number(lookups)],
      number(Math.max(0, oneRange - lookups) / (full - lookups)),
    ]),
  });
  const whole = recompiled.find(({ engine }) => engine === 'interval')!;
  return {
    name: 'compile',
    tables,
    figures: [
      ...RANGES.map((ranges) => ({
        what: `compile and 4,096 lookups, ${countedRanges(ranges)}, slowest size: interval / lookups of C scan -O2`,
        value: Math.max(...rows.filter((row) => row.ranges === ranges).map(ratio)),
        aim: { atMost: 1 },
      })),
      { what: 'compile, one of 16 ranges changed / another filter: interval', value: whole.oneRange / whole.full },
    ],
    charts: [
      {
        file: 'compile-ranges',
        title: 'Compile and 4,096 lookups against ranges of 12,288 MSRs',
        x: 'ranges',
        y: 'µs',
        scale: 'log',
        series: names.map((name) => ({
          name,
          points: ofSize(KVM_MSR_FILTER_MAX_NMSRS).map(({ ranges, us }) => [ranges, us[name]!] as const),
        })),
      },
      {
        file: 'compile-size',
        title: 'Compile and 4,096 lookups against the size of 16 ranges',
        x: 'MSRs per range',
        y: 'µs',
        scale: 'log-log',
        series: names.map((name) => ({
          name,
          points: rows.filter(({ ranges }) => ranges === 16).map(({ nmsrs, us }) => [nmsrs, us[name]!] as const),
        })),
      },
    ],
    data: { compile: rows, recompile: recompiled },
  };
}
