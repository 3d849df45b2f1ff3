/** What the charts of a campaign show, from its totals. */
import type { ProgressPoint } from '../../src/web/api.ts';

/** Accesses per second between each point and the one before it; null where no time has passed. */
export function accessRates(points: readonly Pick<ProgressPoint, 'seconds' | 'accesses'>[]): (number | null)[] {
  return points.map(({ seconds, accesses }, number) => {
    const before = points[number - 1] ?? { seconds: 0, accesses: 0 };
    // A campaign that was continued starts to count where it was.
    const passed = seconds - before.seconds;
    return passed > 0 ? Math.max(0, accesses - before.accesses) / passed : null;
  });
}

/** How much of its limit a campaign has done, 0 to 1: of the limit that is nearer; undefined without one. */
export function shareDone(campaign: {
  readonly cases: number;
  readonly seconds: number;
  readonly limit: { readonly cases: number | null; readonly seconds: number | null };
}): number | undefined {
  const { cases, seconds, limit } = campaign;
  const shares = [...(limit.cases ? [cases / limit.cases] : []), ...(limit.seconds ? [seconds / limit.seconds] : [])];
  return shares.length === 0 ? undefined : Math.min(1, Math.max(...shares));
}
