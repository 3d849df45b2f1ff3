/** This night beside the last one, and what the end of it means. */
import type { Comparison, NightCampaign, NightReport } from './report.ts';

type Counted = Pick<NightReport, 'startedAt' | 'campaigns' | 'coverage' | 'divergences' | 'rechecks'>;

/** @returns null without an earlier night, or where one of them ran no campaign */
export function compareNights(before: Counted | undefined, now: Counted): Comparison | null {
  if (!before || before.campaigns.length === 0 || now.campaigns.length === 0) return null;
  const [earlier, later] = [new Set(before.coverage.features), new Set(now.coverage.features)];
  const run = now.rechecks.filter(({ result }) => result === 'diverges').map(({ id }) => id);
  const seen = new Set([...now.divergences.map(({ id }) => id), ...run]);
  const change = (of: (night: Counted) => number): { before: number; now: number } => ({
    before: of(before),
    now: of(now),
  });
  return {
    with: before.startedAt,
    gained: now.coverage.features.filter((name) => !earlier.has(name)),
    lost: before.coverage.features.filter((name) => !later.has(name)),
    pairs: change(({ coverage }) => coverage.pairs),
    casesPerSecond: change(({ campaigns }) => perSecond(campaigns, 'cases')),
    accessesPerSecond: change(({ campaigns }) => perSecond(campaigns, 'accesses')),
    notSeen: before.divergences.map(({ id }) => id).filter((id) => !seen.has(id)),
  };
}

/** Of all campaigns of a night together; 0 without any. */
export function perSecond(campaigns: readonly NightCampaign[], what: 'cases' | 'accesses'): number {
  const seconds = campaigns.reduce((sum, campaign) => sum + campaign.seconds, 0);
  return seconds > 0 ? campaigns.reduce((sum, campaign) => sum + campaign[what], 0) / seconds : 0;
}
