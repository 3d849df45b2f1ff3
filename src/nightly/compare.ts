/** This night beside the last one, and what the end of it means. */
import type { Comparison, NightCampaign, NightConformance, NightReport } from './report.ts';

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

/** Marks what the last night that ran the same had shown already. @param earlier nights, oldest first */
export function markKnown<W extends Pick<NightReport, 'conformance' | 'proofs'>>(
  work: W,
  earlier: readonly Pick<NightReport, 'conformance' | 'proofs'>[],
): W {
  const conformance = work.conformance.map((now) => {
    const before = lastOf(earlier, (night) => night.conformance.find((one) => sameCheck(one, now)));
    return { ...now, known: now.mismatches > 0 && before !== undefined && noMore(now, before) };
  });
  const proofs = work.proofs.map((now) => {
    const before = lastOf(earlier, (night) => night.proofs.find(({ args }) => args.join('\0') === now.args.join('\0')));
    return { ...now, known: now.outcome === 'disproven' && before?.outcome === 'disproven' };
  });
  return { ...work, conformance, proofs };
}

function lastOf<N, T>(nights: readonly N[], of: (night: N) => T | undefined): T | undefined {
  const night = nights.findLast((one) => of(one) !== undefined);
  return night && of(night);
}

function sameCheck(a: NightConformance, b: NightConformance): boolean {
  return a.recording === b.recording && a.engine === b.engine && a.profile === b.profile;
}

function noMore(now: NightConformance, before: NightConformance): boolean {
  if (now.mismatches !== before.mismatches) return now.mismatches < before.mismatches;
  return JSON.stringify(now.listed) === JSON.stringify(before.listed);
}

/** Of all campaigns of a night together; 0 without any. */
export function perSecond(campaigns: readonly NightCampaign[], what: 'cases' | 'accesses'): number {
  const seconds = campaigns.reduce((sum, campaign) => sum + campaign.seconds, 0);
  return seconds > 0 ? campaigns.reduce((sum, campaign) => sum + campaign[what], 0) / seconds : 0;
}
