import { useMemo } from 'preact/hooks';
import type { CampaignProgressReply } from '../../src/web/api.ts';
import { useResource } from '../net/use-resource.ts';
import { Chart } from './chart.tsx';
import { duration, grouped, percent, short } from './figures.ts';
import { Problem } from './problem.tsx';
import { accessRates } from './progress-series.ts';

/** Distances between times that are round as minutes and hours, too. */
const SECONDS = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 18_000, 36_000, 86_400, 432_000];

/** How one campaign went on: speed, coverage, and what it found. */
export function CampaignCharts({ id }: { readonly id: number }) {
  const { data, error, reload } = useResource<CampaignProgressReply>(`/api/campaigns/${id}/progress`);
  const of = data?.campaign.coverage?.of;
  const series = useMemo(() => {
    const points = data?.points ?? [];
    const features = points.map((point) => (of ? point.features / of : point.features));
    return {
      x: points.map(({ seconds }) => seconds),
      speed: [{ label: 'accesses/s', values: accessRates(points), format: short }],
      coverage: [
        { label: 'features', values: features, format: of ? percent : grouped, share: of !== undefined },
        { label: 'pairs', values: points.map(({ pairs }) => pairs), format: short, right: true },
      ],
      found: [{ label: 'divergences', values: points.map(({ divergences }) => divergences), format: grouped }],
    };
  }, [data, of]);
  if (!data) return <Problem message={error} retry={reload} />;
  if (data.points.length === 0) return <p class="empty">No progress of campaign {id} is stored.</p>;
  const common = { x: series.x, xLabel: '', xFormat: duration, xSteps: SECONDS };
  return (
    <>
      <Problem message={error} retry={reload} />
      <div class="charts">
        <Chart title="Accesses per second" {...common} series={series.speed} />
        <Chart title="Coverage" {...common} series={series.coverage} {...(of ? { top: 1 } : {})} />
        <Chart title="Divergences found" {...common} series={series.found} stepped />
      </div>
    </>
  );
}
