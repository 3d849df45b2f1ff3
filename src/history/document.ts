/** The changelogs that docs/history.md holds. */
import { findGeneration, NEIGHBOURS } from '../engines/history/generations.ts';
import { changelog } from './changelog.ts';
import { type ChangelogReport, reportOf } from './report.ts';

const SEED = 1n;

/** Those of all neighbouring generations, each with runs of that many cases. */
export function documentReports(cases: number): ChangelogReport[] {
  return NEIGHBOURS.map(([from, to]) => {
    const [earlier, later] = [findGeneration(from)!, findGeneration(to)!];
    return reportOf(changelog(earlier, later, { seed: SEED, cases }), earlier, later);
  });
}
