/** Search and filters of the list of divergences. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { STATUSES } from '../../src/model/status.ts';
import { VERDICT_NAMES } from '../../src/model/verdict.ts';
import type { Facets } from '../../src/web/api.ts';
import { type Filters, isFiltered, NO_FILTERS, ORDERS, type Order } from '../route/filters.ts';

interface FilterFormProps {
  readonly filters: Filters;
  readonly facets: Facets | undefined;
  /** `typing`: comes again soon. */
  readonly onChange: (filters: Filters, typing: boolean) => void;
}

const DEBOUNCE_MS = 250;

export function FilterForm({ filters, facets, onChange }: FilterFormProps) {
  const change = (part: Partial<Filters>, typing = false): void => onChange({ ...filters, ...part, offset: 0 }, typing);
  const select = (label: string, name: 'engine' | 'rule' | 'profile' | 'verdict', values: readonly string[]) => (
    <Choice label={label} value={filters[name]} values={values} onChange={(value) => change({ [name]: value })} />
  );
  return (
    // biome-ignore lint/a11y/useSemanticElements: browsers that this is for know search as a role only in part
    <form class="filters" role="search" aria-label="Divergences" onSubmit={(event) => event.preventDefault()}>
      <Typed
        label="Search"
        hint="id or message"
        keys="/"
        value={filters.text}
        onChange={(text) => change({ text }, true)}
      />
      <Typed label="MSR" hint="name or index" value={filters.msr} onChange={(msr) => change({ msr }, true)} />
      <Choice
        label="Kind"
        value={filters.kind.join(',')}
        values={facets?.kinds ?? []}
        onChange={(kind) => change({ kind: kind === '' ? [] : kind.split(',') })}
      />
      {select('Engine', 'engine', facets?.subjects ?? [])}
      {select('Verdict', 'verdict', VERDICT_NAMES)}
      {select('Broken rule', 'rule', facets?.rules ?? [])}
      {select('Profile', 'profile', facets?.profiles ?? [])}
      <label>
        Order
        <select value={filters.order} onChange={({ currentTarget }) => change({ order: currentTarget.value as Order })}>
          {ORDERS.map((order) => (
            <option key={order} value={order}>
              {order.replace('-', ' ')}
            </option>
          ))}
        </select>
      </label>
      <fieldset>
        <legend>Status</legend>
        {STATUSES.map((status) => (
          <label key={status} class="check">
            <input
              type="checkbox"
              checked={filters.status.includes(status)}
              onChange={({ currentTarget: { checked } }) =>
                change({ status: STATUSES.filter((one) => (one === status ? checked : filters.status.includes(one))) })
              }
            />
            {status}
          </label>
        ))}
        <label class="check">
          <input
            type="checkbox"
            checked={filters.reopened}
            onChange={({ currentTarget }) => change({ reopened: currentTarget.checked })}
          />
          reopened
        </label>
      </fieldset>
      {filters.campaign !== '' && (
        <Chip text={`of campaign ${filters.campaign}`} onRemove={() => change({ campaign: '' })} />
      )}
      {filters.between !== '' && (
        <Chip
          text={`where ${filters.between.replace(',', ' and ')} disagree`}
          onRemove={() => change({ between: '' })}
        />
      )}
      {isFiltered(filters) && (
        <button type="button" onClick={() => onChange({ ...NO_FILTERS, order: filters.order }, false)}>
          Clear filters
        </button>
      )}
    </form>
  );
}

/** A filter that comes by a link, and can only be taken away. */
function Chip({ text, onRemove }: { readonly text: string; readonly onRemove: () => void }) {
  return (
    <button type="button" onClick={onRemove} aria-label={`Remove filter: ${text}`}>
      {text} ×
    </button>
  );
}

interface ChoiceProps {
  readonly label: string;
  readonly value: string;
  readonly values: readonly string[];
  readonly onChange: (value: string) => void;
}

/** A value that nothing has (any more) is kept in sight, so that an empty list explains itself. */
function Choice({ label, value, values, onChange }: ChoiceProps) {
  const options = value === '' || values.includes(value) ? values : [value, ...values];
  return (
    <label>
      {label}
      <select value={value} onChange={({ currentTarget }) => onChange(currentTarget.value)}>
        <option value="">any</option>
        {options.map((option) => (
          <option key={option} value={option}>
            {option}
          </option>
        ))}
      </select>
    </label>
  );
}

interface TypedProps {
  readonly label: string;
  readonly hint: string;
  readonly keys?: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
}

function Typed({ label, hint, keys, value, onChange }: TypedProps) {
  const [draft, setDraft] = useState(value);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const latest = useRef(onChange);
  latest.current = onChange;
  // The address may change otherwise: back, or a link.
  useEffect(() => setDraft(value), [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const edit = (text: string): void => {
    setDraft(text);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => latest.current(text), DEBOUNCE_MS);
  };
  return (
    <label>
      {label}
      <input
        type="search"
        value={draft}
        placeholder={keys ? `${hint}  (press ${keys})` : hint}
        aria-keyshortcuts={keys}
        autocomplete="off"
        spellcheck={false}
        onInput={({ currentTarget }) => edit(currentTarget.value)}
      />
    </label>
  );
}
