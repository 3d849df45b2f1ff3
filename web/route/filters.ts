/** What the list of divergences shows, as the query of its address and of the request. */
import { isStatus, type Status } from '../../src/model/status.ts';

export const ORDERS = ['last-seen', 'first-seen', 'cases', 'size'] as const;
export type Order = (typeof ORDERS)[number];

/** Rows of a page. */
export const PAGE_ROWS = 50;

/** Empty text: not filtered by that. */
export interface Filters {
  readonly status: readonly Status[];
  readonly kind: readonly string[];
  readonly engine: string;
  /** Two engines that disagree, with a comma between them. */
  readonly between: string;
  readonly verdict: string;
  readonly rule: string;
  readonly msr: string;
  readonly profile: string;
  readonly campaign: string;
  readonly reopened: boolean;
  readonly text: string;
  readonly order: Order;
  /** Number of the first row, a multiple of PAGE_ROWS. */
  readonly offset: number;
}

export const NO_FILTERS: Filters = {
  status: [],
  kind: [],
  engine: '',
  between: '',
  verdict: '',
  rule: '',
  msr: '',
  profile: '',
  campaign: '',
  reopened: false,
  text: '',
  order: 'last-seen',
  offset: 0,
};

const TEXTS = ['engine', 'between', 'verdict', 'rule', 'msr', 'profile', 'campaign', 'text'] as const;

/** Whatever is in the query and means nothing is left out. */
export function filtersFromQuery(query: string): Filters {
  const params = new URLSearchParams(query);
  const list = (name: string): string[] => (params.get(name) ?? '').split(',').filter((word) => word !== '');
  const texts = Object.fromEntries(TEXTS.map((name) => [name, params.get(name)?.trim() ?? '']));
  const order = ORDERS.find((name) => name === params.get('order')) ?? NO_FILTERS.order;
  const offset = Number(params.get('offset') ?? 0);
  return {
    ...NO_FILTERS,
    ...texts,
    status: list('status').filter(isStatus),
    kind: list('kind'),
    reopened: params.get('reopened') === '1',
    order,
    offset: Number.isSafeInteger(offset) && offset > 0 ? offset - (offset % PAGE_ROWS) : 0,
  };
}

/** "" if nothing is filtered, else with a leading "?". What has its default is left out. */
export function queryOf(filters: Partial<Filters>): string {
  const { status = [], kind = [], reopened = false, order = NO_FILTERS.order, offset = 0 } = filters;
  const params = new URLSearchParams();
  if (status.length > 0) params.set('status', status.join(','));
  if (kind.length > 0) params.set('kind', kind.join(','));
  for (const name of TEXTS) {
    const text = filters[name]?.trim() ?? '';
    if (text !== '') params.set(name, text);
  }
  if (reopened) params.set('reopened', '1');
  if (order !== NO_FILTERS.order) params.set('order', order);
  if (offset > 0) params.set('offset', `${offset}`);
  // Lists and the names of bitmap rules read better so, and a query may hold both characters.
  const text = params.toString().replaceAll('%2C', ',').replaceAll('%3A', ':');
  return text === '' ? '' : `?${text}`;
}

/** Whether anything narrows the list down. */
export function isFiltered(filters: Filters): boolean {
  return queryOf({ ...filters, order: NO_FILTERS.order, offset: 0 }) !== '';
}
