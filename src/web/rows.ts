/** Stored divergences and campaigns in the form that the page takes. */
import { FEATURE_COUNT } from '../fuzz/coverage.ts';
import { msrName } from '../model/catalogue.ts';
import { resultName } from '../model/result-name.ts';
import type { CampaignSummaryRow } from '../store/campaigns.ts';
import type { Store, StoredDivergence } from '../store/store.ts';
import type { CampaignSummary, DivergenceDetails, DivergenceRow } from './api.ts';

export function rowOf(found: StoredDivergence): DivergenceRow {
  const { id, status, reopened, kind, subject, profile, msr, write, rules, message } = found;
  const { size, cases, reliability, firstSeen, lastSeen } = found;
  return {
    ...{ id, status, reopened, kind, subject, profile, write, rules, message },
    expected: resultName(kind, found.expected),
    got: resultName(kind, found.got),
    msr: msr === null ? null : { index: msr, name: msrName(msr) ?? null },
    ...{ size, cases, reliability, firstSeen, lastSeen },
  };
}

export async function detailsOf(
  store: Store,
  found: StoredDivergence,
  formats: readonly string[],
): Promise<DivergenceDetails> {
  const { id, kind, scenario, evaluations, firstCampaign, seed, vector } = found;
  const results = Object.entries(vector).map(([name, value]) => [name, resultName(kind, value)]);
  return {
    ...rowOf(found),
    ...{ scenario, evaluations, firstCampaign, seed, formats },
    results: Object.fromEntries(results),
    occurrences: await store.occurrences(id),
    history: await store.history(id),
    survival: await store.survival(id),
  };
}

export function summaryOf(row: CampaignSummaryRow): CampaignSummary {
  const { id, state, seed, profile, engines, createdAt, updatedAt, cases, accesses, seconds } = row;
  const { divergences, firstSeen, coverage } = row;
  // A proof has no limits of a campaign.
  const limit = (row.config ?? {}) as { cases?: number | null; seconds?: number | null };
  return {
    ...{ id, state, seed, profile, engines, createdAt, updatedAt, cases, accesses, seconds, divergences, firstSeen },
    limit: { cases: limit.cases ?? null, seconds: limit.seconds ?? null },
    coverage: coverage && { ...coverage, of: FEATURE_COUNT },
  };
}
