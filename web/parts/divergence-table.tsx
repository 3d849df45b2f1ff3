/** One page of the list. */
import type { DivergenceRow } from '../../src/web/api.ts';
import { grouped, minuteOf } from './figures.ts';
import { Msr } from './msr.tsx';
import { StatusBadge } from './status-badge.tsx';

export function DivergenceTable({ rows }: { readonly rows: readonly DivergenceRow[] }) {
  return (
    <table class="divergences stacks">
      <thead>
        <tr>
          <th scope="col">Divergence</th>
          <th scope="col">Status</th>
          <th scope="col">Engine</th>
          <th scope="col">Kind</th>
          <th scope="col">Expected → got</th>
          <th scope="col">Access</th>
          <th scope="col">Broken rule</th>
          <th scope="col">Profile</th>
          <th scope="col" class="number">
            Cases
          </th>
          <th scope="col" class="number">
            Size
          </th>
          <th scope="col">Last seen (UTC)</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.id}>
            <th scope="row">
              <a href={`/divergences/${row.id}`} data-row={row.id}>
                <code>{row.id}</code>
              </a>
            </th>
            <td data-label="Status" class="bare">
              <StatusBadge status={row.status} reopened={row.reopened} />
            </td>
            <td data-label="Engine" class="broad">
              {row.subject}
            </td>
            <td data-label="Kind" class="broad">
              {row.kind}
            </td>
            <td data-label="Expected → got" class="nowrap">
              {row.expected} → <b>{row.got}</b>
            </td>
            <td data-label="Access" class="wide">
              {row.msr ? (
                <Msr {...row.msr} write={row.write} />
              ) : (
                <span class="message" title={row.message}>
                  {row.message || '–'}
                </span>
              )}
            </td>
            <td data-label="Broken rule">{row.rules.join(', ') || '–'}</td>
            <td data-label="Profile">{row.profile}</td>
            <td data-label="Cases" class="number">
              {grouped(row.cases)}
            </td>
            <td data-label="Size" class="number">
              {grouped(row.size)}
            </td>
            <td data-label="Last seen" class="nowrap wide">
              {minuteOf(row.lastSeen)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
