import { useEffect } from 'preact/hooks';
import { STATUSES } from '../../src/model/status.ts';
import { useOverview } from '../net/overview-context.ts';
import { CampaignCharts } from '../parts/campaign-charts.tsx';
import { CampaignTable } from '../parts/campaign-table.tsx';
import { grouped } from '../parts/figures.ts';
import { MatrixTable } from '../parts/matrix-table.tsx';
import { Problem } from '../parts/problem.tsx';
import { queryOf } from '../route/filters.ts';

export function OverviewPage({ query }: { readonly query: string }) {
  const { data, error, reload } = useOverview();
  useEffect(() => {
    document.title = 'Overview · msrdiff';
  }, []);
  if (!data) {
    return (
      <>
        <h1>Overview</h1>
        <Problem message={error} retry={reload} />
        {error === undefined && <p class="busy">Loading…</p>}
      </>
    );
  }
  const asked = Number(new URLSearchParams(query).get('campaign') ?? Number.NaN);
  const { campaigns } = data;
  const chosen =
    campaigns.find(({ id }) => id === asked) ?? campaigns.find(({ state }) => state === 'running') ?? campaigns[0];
  return (
    <>
      <h1>Overview</h1>
      <Problem message={error} retry={reload} />
      <h2 class="visually-hidden" id="counts">
        Divergences by status
      </h2>
      <ul class="counts" aria-labelledby="counts">
        {STATUSES.map((status) => (
          <li key={status}>
            <a href={`/divergences${queryOf({ status: [status] })}`} class={`count count-${status}`}>
              <b>{grouped(data.counts[status])}</b> {status}
            </a>
          </li>
        ))}
        <li>
          <a href={`/divergences${queryOf({ reopened: true })}`} class="count count-reopened">
            <b>{grouped(data.reopened)}</b> reopened
          </a>
        </li>
      </ul>
      <h2>Campaigns</h2>
      {campaigns.length === 0 ? (
        <p class="empty">
          No campaign is stored here. Start one: <code>npx msrdiff fuzz --seconds 60</code>
        </p>
      ) : (
        <CampaignTable campaigns={campaigns} selected={chosen?.id} />
      )}
      {chosen && (
        <section aria-labelledby="progress">
          <h2 id="progress">Progress of campaign {chosen.id}</h2>
          <CampaignCharts key={chosen.id} id={chosen.id} />
        </section>
      )}
      <h2>Engines against engines</h2>
      {data.matrix.engines.length === 0 ? (
        <p class="empty">No engines have been compared yet.</p>
      ) : (
        <MatrixTable matrix={data.matrix} />
      )}
    </>
  );
}
