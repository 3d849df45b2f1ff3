/** How many cases it takes to see a divergence, over all campaigns that could have shown it. */
import { PROOF_SEED } from './campaigns.ts';
import type { Database } from './driver.ts';
import { RowReader } from './row.ts';

/** One campaign. */
export interface Exposure {
  /** Cases until it showed, that one included; or, if it did not, cases in all. */
  readonly cases: number;
  readonly shown: boolean;
}

/** After so many cases, the share of campaigns in which it has not shown yet. */
export interface SurvivalPoint {
  readonly cases: number;
  readonly share: number;
}

/**
 * The Kaplan-Meier estimate: at each number of cases at which it showed somewhere, the share falls by the part of the
 * campaigns that were still running and had not shown it. Starts at 0 cases with share 1. Source: Kaplan and Meier,
 * "Nonparametric estimation from incomplete observations", 1958.
 */
export function survivalCurve(exposures: readonly Exposure[]): SurvivalPoint[] {
  const points: SurvivalPoint[] = [{ cases: 0, share: 1 }];
  const times = [...new Set(exposures.filter(({ shown }) => shown).map(({ cases }) => cases))].sort((a, b) => a - b);
  let share = 1;
  for (const time of times) {
    const atRisk = exposures.filter(({ cases }) => cases >= time).length;
    const events = exposures.filter(({ cases, shown }) => shown && cases === time).length;
    share *= 1 - events / atRisk;
    points.push({ cases: time, share });
  }
  return points;
}

/**
 * The campaigns that could have shown it: with its engine and profile, from the first that did to the last that did.
 * Before and after, the mistake may not have been there. What holds the finding of a proof is no campaign in this sense:
 * nothing was drawn.
 */
export async function selectExposures(db: Database, id: string): Promise<Exposure[]> {
  const rows = await db.all(
    `WITH shown AS (
       SELECT campaign_id, min(first_case) AS first_case FROM occurrences WHERE divergence_id = ? GROUP BY campaign_id
     )
     SELECT c.cases, shown.first_case FROM divergences d
     JOIN campaigns c ON c.cases > 0 AND c.seed <> '${PROOF_SEED}'
       AND EXISTS (SELECT 1 FROM json_each(c.engines) e WHERE e.value = d.subject)
     LEFT JOIN shown ON shown.campaign_id = c.id
     WHERE d.id = ? AND (c.profile = d.profile OR shown.first_case IS NOT NULL)
       AND c.id BETWEEN (SELECT min(campaign_id) FROM shown) AND (SELECT max(campaign_id) FROM shown)
     ORDER BY c.id`,
    [id, id],
  );
  return rows.map((row) => {
    const read = new RowReader(row, `a campaign of divergence ${id}`);
    const first = read.orNull('first_case', read.count);
    return first === null ? { cases: read.count('cases'), shown: false } : { cases: first + 1, shown: true };
  });
}
