import { useEffect, useMemo } from 'preact/hooks';
import type { DivergencePage as Reply } from '../../src/web/api.ts';
import { useOverview } from '../net/overview-context.ts';
import { useResource } from '../net/use-resource.ts';
import { DivergenceTable } from '../parts/divergence-table.tsx';
import { grouped } from '../parts/figures.ts';
import { FilterForm } from '../parts/filter-form.tsx';
import { Problem } from '../parts/problem.tsx';
import { useListKeys } from '../parts/use-list-keys.ts';
import { type Filters, filtersFromQuery, isFiltered, PAGE_ROWS, queryOf } from '../route/filters.ts';
import { navigate } from '../route/location.ts';

export function DivergencesPage({ query }: { readonly query: string }) {
  const filters = useMemo(() => filtersFromQuery(query), [query]);
  const overview = useOverview();
  const asked = queryOf(filters);
  const { data, error, busy, reload } = useResource<Reply>(
    `/api/divergences${asked || '?'}${asked && '&'}limit=${PAGE_ROWS}`,
  );
  useListKeys();
  useEffect(() => {
    document.title = 'Divergences · msrdiff';
  }, []);
  const show = (changed: Filters, replace: boolean): void => navigate(`/divergences${queryOf(changed)}`, replace);
  return (
    <>
      <h1>Divergences</h1>
      <FilterForm filters={filters} facets={overview.data?.facets} onChange={show} />
      <Problem message={error} retry={reload} />
      <p class="summary" role="status" aria-busy={busy}>
        {data ? summary(data) : error === undefined && 'Loading…'}
      </p>
      {data && data.rows.length > 0 && (
        <div class={busy ? 'stale' : ''}>
          <DivergenceTable rows={data.rows} />
        </div>
      )}
      {data?.rows.length === 0 && <Nothing filters={filters} total={data.total} />}
      {data && data.total > PAGE_ROWS && <Paging filters={filters} total={data.total} />}
      <p class="soft keys">
        <kbd>/</kbd> search, <kbd>j</kbd> <kbd>k</kbd> next and previous, <kbd>Enter</kbd> open
      </p>
    </>
  );
}

function summary({ total, offset, rows }: Reply): string {
  if (rows.length === 0) return `${grouped(total)} divergences`;
  if (total <= PAGE_ROWS && offset === 0) return `${grouped(total)} ${total === 1 ? 'divergence' : 'divergences'}`;
  return `${grouped(offset + 1)} to ${grouped(offset + rows.length)} of ${grouped(total)} divergences`;
}

function Nothing({ filters, total }: { readonly filters: Filters; readonly total: number }) {
  if (total > 0) {
    return (
      <p class="empty">
        This page is past the last one. <a href={`/divergences${queryOf({ ...filters, offset: 0 })}`}>First page</a>
      </p>
    );
  }
  if (isFiltered(filters)) return <p class="empty">No divergence matches all of these filters.</p>;
  return (
    <p class="empty">
      No divergence is stored: the engines have agreed so far. To see one:{' '}
      <code>npx msrdiff fuzz --seconds 5 --engines reference,canary</code>
    </p>
  );
}

function Paging({ filters, total }: { readonly filters: Filters; readonly total: number }) {
  const { offset } = filters;
  const page = offset / PAGE_ROWS + 1;
  const pages = Math.ceil(total / PAGE_ROWS);
  const link = (to: number, text: string, possible: boolean) =>
    possible ? (
      <a href={`/divergences${queryOf({ ...filters, offset: to })}`}>{text}</a>
    ) : (
      <span class="soft">{text}</span>
    );
  return (
    <nav class="paging" aria-label="Pages of the list">
      {link(0, 'First', page > 1)}
      {link(offset - PAGE_ROWS, 'Previous', page > 1)}
      <span>
        page {grouped(page)} of {grouped(pages)}
      </span>
      {link(offset + PAGE_ROWS, 'Next', page < pages)}
      {link((pages - 1) * PAGE_ROWS, 'Last', page < pages)}
    </nav>
  );
}
