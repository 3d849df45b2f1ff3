/** Progress of a campaign: one line that is rewritten on a terminal, a plain line now and then elsewhere. */
import type { CampaignTotals } from '../fuzz/campaign.ts';
import { type Coverage, FEATURE_COUNT } from '../fuzz/coverage.ts';
import { quantity } from './render.ts';

const TERMINAL_MS = 250;
const PLAIN_MS = 10_000;

export class Progress {
  private readonly stream: NodeJS.WriteStream;
  private readonly started = Date.now();
  private readonly cases: number;
  private readonly seconds: number;
  private readonly casesBefore: number;
  private readonly accessesBefore: number;
  private shown = 0;

  /** Limits of the run (Infinity for none), and what an earlier run had done. */
  constructor(stream: NodeJS.WriteStream, cases: number, seconds: number, before: CampaignTotals) {
    this.stream = stream;
    this.cases = cases;
    this.seconds = seconds;
    this.casesBefore = before.cases;
    this.accessesBefore = before.accesses;
  }

  update(totals: CampaignTotals, divergences: number, coverage: Coverage): void {
    const now = Date.now();
    if (now - this.shown < (this.stream.isTTY ? TERMINAL_MS : PLAIN_MS)) return;
    this.shown = now;
    const elapsed = (now - this.started) / 1000;
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
    const line = parts.join('  ');
    if (this.stream.isTTY) this.stream.write(`\r${line.slice(0, (this.stream.columns ?? 80) - 1)}\x1b[K`);
    else this.stream.write(`${line}\n`);
  }

  /** Removes the line, so that what follows starts on an empty one. */
  done(): void {
    if (this.stream.isTTY) this.stream.write('\r\x1b[K');
  }
}
