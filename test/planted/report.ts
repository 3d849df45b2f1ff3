/** Text of the planted-bug suite's results. */
import { type BugResult, type CombinedResult, median, type SeedResult, sizeRatio } from './suite.ts';

const HEADER = ['bug', 'mistake', 'engine', 'cases', 'forms', 'size', 'smallest', 'calls', 'ms'];

function foundIn({ seeds }: BugResult): number[] {
  return seeds.map(({ cases }) => cases ?? Number.POSITIVE_INFINITY);
}

/** Of reductions, in milliseconds; the machine decides. */
function timesOf(seeds: readonly SeedResult[]): { medianTime: number; worstTime: number } {
  const times = seeds.map(({ milliseconds }) => milliseconds);
  return { medianTime: median(times), worstTime: Math.max(...times) };
}

/** A Markdown table, one row per bug. */
export function tableOf(results: readonly BugResult[]): string {
  const rows = results.map((result) => {
    const { bug, seeds, forms } = result;
    const cases = foundIn(result);
    const calls = seeds.map(({ evaluations }) => evaluations);
    const { medianTime, worstTime } = timesOf(seeds);
    const size = seeds.reduce((sum, seed) => sum + seed.size, 0) / seeds.length;
    return [
      bug.id,
      bug.profile ? `${bug.title} (profile ${bug.profile})` : bug.title,
      bug.origin.name,
      `${median(cases)} / ${Math.max(...cases)}`,
      `${forms.length}`,
      `${Math.round(size * 10) / 10}`,
      `${bug.smallest}`,
      `${median(calls)} / ${Math.max(...calls)}`,
      `${medianTime.toFixed(0)} / ${worstTime.toFixed(0)}`,
    ];
  });
  return [HEADER, HEADER.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

export interface Summary {
  readonly bugs: number;
  readonly seeds: number;
  readonly found: number;
  readonly medianCases: number;
  readonly worstCases: number;
  readonly oneForm: number;
  readonly meanSizeRatio: number;
  readonly medianCalls: number;
  readonly worstCalls: number;
  readonly medianTime: number;
  readonly worstTime: number;
  readonly text: string;
}

export function summarize(results: readonly BugResult[]): Summary {
  const runs = results.flatMap(({ seeds }) => seeds);
  const cases = results.flatMap(foundIn);
  const calls = runs.map(({ evaluations }) => evaluations);
  const found = runs.filter((run) => run.cases !== undefined).length;
  const oneForm = results.filter(({ forms }) => forms.length === 1).length;
  const ratio = results.reduce((sum, result) => sum + sizeRatio(result), 0) / results.length;
  const summary = {
    bugs: results.length,
    seeds: results[0]?.seeds.length ?? 0,
    found,
    medianCases: median(cases),
    worstCases: Math.max(...cases),
    oneForm,
    meanSizeRatio: ratio,
    medianCalls: median(calls),
    worstCalls: Math.max(...calls),
    ...timesOf(runs),
  };
  const text = [
    `${summary.bugs} bugs x ${summary.seeds} seeds: ${found} of ${runs.length} found`,
    `cases until found: median ${summary.medianCases}, worst ${summary.worstCases}`,
    `one normal form for ${oneForm} of ${results.length} (${((100 * oneForm) / results.length).toFixed(1)} %)`,
    `mean size ratio ${ratio.toFixed(3)}`,
    `predicate calls: median ${summary.medianCalls}, worst ${summary.worstCalls}`,
    `milliseconds of a reduction: median ${summary.medianTime.toFixed(0)}, worst ${summary.worstTime.toFixed(0)}`,
  ].join('; ');
  return { ...summary, text };
}

export function combinedText(result: CombinedResult, forms: boolean): string {
  const { profile, bugs, cases, divergences, missing, extras } = result;
  const lines = [
    `One campaign over ${bugs} bugs at once (profile ${profile}, ${cases} cases): ${divergences.length} divergences` +
      (missing.length > 0 ? `; not found: ${missing.join(', ')}` : '') +
      (extras.length > 0 ? `; more than one: ${[...new Set(extras.map((d) => d.subject))].join(', ')}` : ''),
  ];
  if (forms) {
    for (const extra of extras) {
      const same = divergences.filter(({ subject }) => subject === extra.subject);
      for (const { subject, kind, size, scenario } of same) lines.push(`   ${subject} ${kind} ${size} ${scenario}`);
    }
  }
  return lines.join('\n');
}
