/** The files of a night, in its folder. */
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { NightReport } from '../report.ts';
import { type Curve, trendOf } from './figures.ts';
import { html } from './html.ts';
import { junit } from './junit.ts';
import { markdown } from './markdown.ts';
import { type Places, sarif } from './sarif.ts';

/**
 * @param earlier nights before this one, oldest first
 * @param reproducers scenarios by id of the divergence
 */
export function writeReports(
  places: Places,
  night: NightReport,
  earlier: readonly NightReport[],
  curves: readonly Curve[],
  reproducers: ReadonlyMap<string, string>,
): void {
  const write = (name: string, content: string): void => {
    const path = join(places.reports, night.folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  };
  for (const [id, scenario] of reproducers) write(join('reproducers', `${id}.json`), `${scenario.trimEnd()}\n`);
  write('report.json', `${JSON.stringify(night, null, 2)}\n`);
  write('junit.xml', junit(night));
  write('results.sarif', sarif(night, places));
  write('summary.md', markdown(night, curves));
  write('report.html', html(night, trendOf([...earlier, night]), curves));
}

/** Has `latest` point to that folder. @returns null, or why it does not, in one line */
export function pointLatest(reports: string, folder: string): string | null {
  const latest = join(reports, 'latest');
  try {
    rmSync(latest, { force: true });
    symlinkSync(folder, latest);
    return null;
  } catch (error) {
    // Such as a folder of that name, where a copy was made that has no links.
    const { code } = error as NodeJS.ErrnoException;
    return `${latest} does not point to this night (${code}): remove what is there`;
  }
}
