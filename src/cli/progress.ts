/** Progress of a campaign. */
import type { CampaignTotals } from '../fuzz/campaign.ts';
import { type Coverage, FEATURE_COUNT } from '../fuzz/coverage.ts';
import { quantity } from './render.ts';
import { StatusLine } from './status-line.ts';

export class Progress {
  private readonly line: StatusLine;
  private readonly started = performance.now();
  private readonly cases: number;
  private readonly seconds: number;
  private readonly casesBefore: number;
  private readonly accessesBefore: number;

  /** Limits of the run (Infinity for none), and what an earlier run had done. */
  constructor(stream: NodeJS.WriteStream, cases: number, seconds: number, before: CampaignTotals) {
    this.line = new StatusLine(stream);
    this.cases = cases;
    this.seconds = seconds;
    this.casesBefore = before.cases;
    this.accessesBefore = before.accesses;
  }

  update(totals: CampaignTotals, divergences: number, coverage: Coverage): void {
    this.line.update(() => this.text(totals, divergences, coverage));
  }

  private text(totals: CampaignTotals, divergences: number, coverage: Coverage): string {
    const elapsed = (performance.now() - this.started) / 1000;
    const cases = totals.cases - this.casesBefore;
    const left = Math.min(this.seconds - elapsed, ((this.cases - totals.cases) * elapsed) / Math.max(cases, 1));
    const parts = [
      `${quantity(totals.cases)} cases`,
      `${quantity(cases / elapsed)} cases/s`,
      `${quantity((totals.accesses - this.accessesBefore) / elapsed)} accesses/s`,
      `${divergences} divergence${divergences === 1 ? '' : 's'}`,
      `coverage ${coverage.featuresSeen()}/${FEATURE_COUNT}`,
      Number.isFinite(left) ? `${Math.max(0, Math.ceil(left))} s left` : `${Math.floor(elapsed)} s`,
    ];
    return parts.join('  ');
  }

  /** Removes the line, so that what follows starts on an empty one. */
  done(): void {
    this.line.done();
  }
}
