/** What has happened to a divergence: changes of its status, campaigns that showed it, and how long it stayed hidden. */
import type { DivergenceDetails, HistoryEntry, Occurrence, SurvivalPoint } from '../../src/web/api.ts';
import { Chart } from './chart.tsx';
import { grouped, minuteOf, percent, short } from './figures.ts';
import { StatusBadge } from './status-badge.tsx';

export function Past({ divergence }: { readonly divergence: DivergenceDetails }) {
  const { history, occurrences, survival } = divergence;
  return (
    <div class="past">
      <section aria-labelledby="history">
        <h2 id="history">History</h2>
        {history.length === 0 ? <p class="empty">Nobody has looked at it yet.</p> : <History entries={history} />}
      </section>
      <section aria-labelledby="occurrences">
        <h2 id="occurrences">Occurrences</h2>
        <Occurrences occurrences={occurrences} />
      </section>
      {survival.length > 0 && (
        <section aria-labelledby="survival">
          <h2 id="survival">Survival</h2>
          <Survival points={survival} />
        </section>
      )}
    </div>
  );
}

function History({ entries }: { readonly entries: readonly HistoryEntry[] }) {
  return (
    <ol class="history">
      {entries.map(({ at, author, status, note }) => (
        <li key={`${at} ${author} ${note}`}>
          <time dateTime={at}>{minuteOf(at)}</time> <b>{author}</b> {status && <StatusBadge status={status} />} {note}
        </li>
      ))}
    </ol>
  );
}

function Occurrences({ occurrences }: { readonly occurrences: readonly Occurrence[] }) {
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">Campaign</th>
          <th scope="col">Started (UTC)</th>
          <th scope="col" class="number">
            Cases
          </th>
          <th scope="col" class="number">
            First case
          </th>
        </tr>
      </thead>
      <tbody>
        {occurrences.map(({ campaign, startedAt, cases, firstCase }) => (
          <tr key={campaign}>
            <th scope="row">
              <a href={`/?campaign=${campaign}`}>{campaign}</a>
            </th>
            <td>{minuteOf(startedAt)}</td>
            <td class="number">{grouped(cases)}</td>
            <td class="number">{grouped(firstCase)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Survival({ points }: { readonly points: readonly SurvivalPoint[] }) {
  const series = [{ label: 'not yet seen', values: points.map(({ share }) => share), format: percent, share: true }];
  return (
    <Chart
      title="Share of campaigns that had not shown it"
      x={points.map(({ cases }) => cases)}
      xLabel="cases"
      xFormat={short}
      series={series}
      stepped
      top={1}
    />
  );
}
