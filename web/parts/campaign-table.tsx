/** The campaigns of the database, running ones first. */
import type { CampaignSummary } from '../../src/web/api.ts';
import { queryOf } from '../route/filters.ts';
import { duration, grouped, minuteOf, percent, short } from './figures.ts';
import { shareDone } from './progress-series.ts';

interface CampaignTableProps {
  readonly campaigns: readonly CampaignSummary[];
  /** The one that the charts show. */
  readonly selected: number | undefined;
}

/** A running campaign writes its shards every few seconds. */
const SILENT_S = 60;

export function CampaignTable({ campaigns, selected }: CampaignTableProps) {
  const running = campaigns.filter(({ state }) => state === 'running');
  const past = campaigns.filter(({ state }) => state !== 'running');
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls has to be reached by keys
    <section class="scroll" aria-label="Campaigns" tabIndex={0}>
      <table class="campaigns">
        <thead>
          <tr>
            <th scope="col">Campaign</th>
            <th scope="col">State</th>
            <th scope="col">Of its limit</th>
            <th scope="col" class="number">
              Cases
            </th>
            <th scope="col" class="number">
              Accesses
            </th>
            <th scope="col" class="number">
              Accesses/s
            </th>
            <th scope="col" class="number">
              Coverage
            </th>
            <th scope="col" class="number">
              Divergences
            </th>
            <th scope="col">Profile</th>
            <th scope="col">Engines</th>
            <th scope="col">Started (UTC)</th>
          </tr>
        </thead>
        <tbody>
          {[...running, ...past].map((campaign) => (
            <CampaignLine key={campaign.id} campaign={campaign} selected={campaign.id === selected} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function CampaignLine({ campaign, selected }: { readonly campaign: CampaignSummary; readonly selected: boolean }) {
  const { id, state, seconds, coverage, accesses, divergences, firstSeen } = campaign;
  const share = shareDone(campaign);
  return (
    <tr class={selected ? 'selected' : ''}>
      <th scope="row">
        <a href={`/?campaign=${id}`} aria-current={selected ? 'true' : undefined}>
          {id}
        </a>
      </th>
      <td>
        <span class={`badge badge-${state}`}>{state}</span> {state === 'running' && silence(campaign)}
      </td>
      <td>
        {share !== undefined && state === 'running' && (
          <progress max={1} value={share} aria-label={`Progress of campaign ${id}`} />
        )}{' '}
        {share === undefined ? duration(seconds) : `${percent(share)}, ${duration(seconds)}`}
      </td>
      <td class="number">{grouped(campaign.cases)}</td>
      <td class="number" title={grouped(accesses)}>
        {short(accesses)}
      </td>
      <td class="number">{seconds > 0 ? short(accesses / seconds) : '–'}</td>
      <td class="number" title={coverage ? `${grouped(coverage.pairs)} pairs` : ''}>
        {coverage ? `${coverage.features}/${coverage.of}` : '–'}
      </td>
      <td class="number">
        <a
          href={`/divergences${queryOf({ campaign: `${id}` })}`}
          aria-label={`${divergences} divergences of campaign ${id}`}
        >
          {grouped(divergences)}
        </a>
        {firstSeen > 0 && <span class="soft"> ({grouped(firstSeen)} new)</span>}
      </td>
      <td>{campaign.profile}</td>
      <td class="engines">{campaign.engines.join(', ')}</td>
      <td class="nowrap">{minuteOf(campaign.createdAt)}</td>
    </tr>
  );
}

function silence({ updatedAt }: CampaignSummary): string {
  const seconds = (Date.now() - Date.parse(updatedAt)) / 1000;
  return seconds > SILENT_S ? `silent for ${duration(seconds)}` : '';
}
