/** Figures of the runs: cases until found by bug and sampler, ratios, survival. */
import { PLANTED_BUGS } from '../../test/planted/catalogue.ts';
import { median } from '../../test/planted/suite.ts';
import type { PlantedBug } from '../../test/planted/support.ts';
import type { Run } from './runs.ts';
import { RIVALS, type SamplerName } from './samplers.ts';
import { bitmapBytes } from './shape.ts';

/** One bug, one sampler. */
export interface Exposure {
  /** Over the seeds; the limit where that many seeds did not find it. */
  readonly median: number;
  /** undefined: a seed did not find it. */
  readonly worst: number | undefined;
  readonly seeds: number;
  readonly found: number;
}

export interface BugRow {
  readonly bug: PlantedBug;
  readonly own: Exposure;
  readonly rivals: readonly Exposure[];
  /** By rival: median of the rival / median of the generator, a lower bound where the rival did not find it. */
  readonly ratios: readonly number[];
}

export interface RivalSummary {
  readonly name: SamplerName;
  readonly medianRatio: number;
  /** Over the bugs alone whose smallest scenario the samplers without knowledge can draw. */
  readonly medianInReach: number;
  /** Bugs whose ratio is at least 100, at least 10, and under 1. */
  readonly hundredfold: number;
  readonly tenfold: number;
  readonly faster: number;
  /** Bugs that no seed found. */
  readonly never: readonly string[];
  /** The median ratio of a generator that needs one case for every bug. */
  readonly ceiling: number;
}

function exposureOf(bug: PlantedBug, runs: readonly Run[]): Exposure {
  const cases = runs.map((run) => run.found[bug.id]);
  const found = cases.filter((value) => value !== undefined);
  return {
    median: median(cases.map((value, i) => value ?? runs[i]!.limit)),
    worst: found.length === cases.length ? Math.max(...found) : undefined,
    seeds: cases.length,
    found: found.length,
  };
}

const by = (runs: readonly Run[], name: SamplerName): Run[] => runs.filter(({ sampler }) => sampler === name);

export function rowsOf(runs: readonly Run[]): BugRow[] {
  return PLANTED_BUGS.map((bug) => {
    const own = exposureOf(bug, by(runs, 'msrdiff'));
    const rivals = RIVALS.map((name) => exposureOf(bug, by(runs, name)));
    // Nothing is claimed of a bug that half of the generator's own seeds did not find.
    const claimed = own.found * 2 > own.seeds;
    return { bug, own, rivals, ratios: rivals.map((rival) => (claimed ? rival.median / own.median : 0)) };
  });
}

export function summariesOf(rows: readonly BugRow[]): RivalSummary[] {
  return RIVALS.map((name, i) => {
    const ratios = rows.map((row) => row.ratios[i]!);
    return {
      name,
      medianRatio: median(ratios),
      medianInReach: median(rows.filter(({ bug }) => inReach(bug)).map((row) => row.ratios[i]!)),
      hundredfold: ratios.filter((ratio) => ratio >= 100).length,
      tenfold: ratios.filter((ratio) => ratio >= 10).length,
      faster: ratios.filter((ratio) => ratio < 1).length,
      ceiling: median(rows.map(({ rivals }) => rivals[i]!.median)),
      never: rows.filter(({ rivals }) => rivals[i]!.found === 0).map(({ bug }) => bug.id),
    };
  });
}

/** Whether the samplers without knowledge can draw the bug's smallest scenario: no invalid filter, no empty one. */
export function inReach(bug: PlantedBug): boolean {
  return bug.example.every((event) => {
    if (event.kind === 'cap') return event.flags === undefined && event.cap === undefined;
    if (event.kind !== 'filter') return true;
    const { flags, ranges } = event.filter;
    const plain = ranges.every(
      (range) =>
        range.flags >= 1 && range.flags <= 3 && range.nmsrs >= 1 && range.bitmap?.length === bitmapBytes(range.nmsrs),
    );
    return flags <= 1 && ranges.length > 0 && plain;
  });
}

/** Median ratio over the bugs of each group, by rival. */
export function groupRatios(rows: readonly BugRow[]): { group: string; bugs: number; ratios: number[] }[] {
  return [...new Set(rows.map(({ bug }) => bug.group))].map((group) => {
    const of = rows.filter(({ bug }) => bug.group === group);
    return { group, bugs: of.length, ratios: RIVALS.map((_, i) => median(of.map(({ ratios }) => ratios[i]!))) };
  });
}

/** Share of pairs of bug and seed that were found within so many cases. */
export function foundWithin(runs: readonly Run[], name: SamplerName, cases: number): number {
  const of = by(runs, name);
  const found = of.flatMap((run) => Object.values(run.found)).filter((value) => value <= cases).length;
  return found / (of.length * PLANTED_BUGS.length);
}

/** By median, then by the worst seed. */
export function hardest(rows: readonly BugRow[]): BugRow {
  const worst = ({ own }: BugRow): number => own.worst ?? Number.POSITIVE_INFINITY;
  return [...rows].sort((a, b) => b.own.median - a.own.median || worst(b) - worst(a))[0]!;
}

export const seedsOf = (runs: readonly Run[], name: SamplerName): number => by(runs, name).length;
