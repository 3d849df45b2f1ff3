/** The events of a scenario, each with a form for what is mostly changed; the JSON has everything. */
import {
  KVM_MSR_EXIT_REASON_FILTER,
  KVM_MSR_EXIT_REASON_INVAL,
  KVM_MSR_EXIT_REASON_UNKNOWN,
  type MsrFilter,
} from '../../src/model/filter.ts';
import { compactJson } from '../../src/model/json-text.ts';
import { APIC_MODE_NAMES, ApicMode, type Scenario, type ScenarioEvent } from '../../src/model/scenario.ts';
import { scenarioToJson } from '../../src/model/scenario-json.ts';
import { AccessForm } from './access-form.tsx';
import { FIRST_FILTER } from './document.ts';
import { FilterForm } from './filter-form.tsx';

interface EventListProps {
  readonly scenario: Scenario;
  readonly onChange: (scenario: Scenario) => void;
}

const REASONS = [
  ['INVAL', KVM_MSR_EXIT_REASON_INVAL],
  ['UNKNOWN', KVM_MSR_EXIT_REASON_UNKNOWN],
  ['FILTER', KVM_MSR_EXIT_REASON_FILTER],
] as const;

const TITLES: Readonly<Record<ScenarioEvent['kind'], string>> = {
  filter: 'KVM_X86_SET_MSR_FILTER',
  cap: 'KVM_CAP_X86_USER_SPACE_MSR: exits to user space',
  ignoreMsrs: 'kvm.ignore_msrs',
  apic: 'APIC mode',
  candidates: 'pass-through candidates',
  access: 'accesses',
  reply: 'reply of user space',
  nested: 'L1 enters L2',
};

/** Events that can be added, as they are then. */
const NEW_EVENTS: Readonly<Record<string, ScenarioEvent>> = {
  filter: { kind: 'filter', filter: FIRST_FILTER },
  access: { kind: 'access', batch: { indices: Uint32Array.of(0x174), types: Uint8Array.of(0) } },
  cap: { kind: 'cap', mask: BigInt(KVM_MSR_EXIT_REASON_FILTER) },
  apic: { kind: 'apic', mode: ApicMode.X2APIC },
  ignoreMsrs: { kind: 'ignoreMsrs', on: true },
  candidates: { kind: 'candidates', changes: [{ index: 0x48, read: true, write: true }] },
  reply: { kind: 'reply', error: 0, data: 0n },
  nested: { kind: 'nested', bitmaps: true, mapped: true, passthrough: [{ index: 0x174, read: true, write: false }] },
};

export function EventList({ scenario, onChange }: EventListProps) {
  const { events } = scenario;
  const replace = (number: number, event: ScenarioEvent): void => onChange({ events: events.with(number, event) });
  return (
    <ol class="events" start={0}>
      {events.map((event, number) => (
        <li key={`${number} ${event.kind}`}>
          <div class="event-head">
            <h3>
              {number}: {TITLES[event.kind]}
            </h3>
            <button
              type="button"
              onClick={() => onChange({ events: events.toSpliced(number, 1) })}
              aria-label={`Remove event ${number}`}
            >
              Remove
            </button>
          </div>
          <EventForm
            event={event}
            filter={filterBefore(events, number)}
            onChange={(changed) => replace(number, changed)}
          />
        </li>
      ))}
      <li class="add">
        <label class="field">
          add event
          <select
            value=""
            onChange={({ currentTarget }) => {
              const added = NEW_EVENTS[currentTarget.value];
              currentTarget.value = '';
              if (added) onChange({ events: [...events, added] });
            }}
          >
            <option value="">choose…</option>
            {Object.keys(NEW_EVENTS).map((kind) => (
              <option key={kind}>{kind}</option>
            ))}
          </select>
        </label>
      </li>
    </ol>
  );
}

function filterBefore(events: readonly ScenarioEvent[], number: number): MsrFilter | undefined {
  const event = events.slice(0, number).findLast(({ kind }) => kind === 'filter');
  return event?.kind === 'filter' ? event.filter : undefined;
}

interface EventFormProps {
  readonly event: ScenarioEvent;
  readonly filter: MsrFilter | undefined;
  readonly onChange: (event: ScenarioEvent) => void;
}

function EventForm({ event, filter, onChange }: EventFormProps) {
  switch (event.kind) {
    case 'filter':
      return <FilterForm filter={event.filter} onChange={(changed) => onChange({ ...event, filter: changed })} />;
    case 'access':
      return (
        <AccessForm batch={event.batch} filter={filter} onChange={(batch) => onChange({ kind: 'access', batch })} />
      );
    case 'cap':
      return (
        <div class="checks">
          {REASONS.map(([name, bit]) => (
            <label class="check" key={name}>
              <input
                type="checkbox"
                checked={(event.mask & BigInt(bit)) !== 0n}
                onChange={() => onChange({ ...event, mask: event.mask ^ BigInt(bit) })}
              />
              {name}
            </label>
          ))}
        </div>
      );
    case 'apic':
      return (
        <label class="field">
          mode
          <select
            value={event.mode}
            onChange={({ currentTarget }) => onChange({ kind: 'apic', mode: Number(currentTarget.value) as ApicMode })}
          >
            {APIC_MODE_NAMES.map((name, mode) => (
              <option key={name} value={mode}>
                {name}
              </option>
            ))}
          </select>
        </label>
      );
    case 'ignoreMsrs':
      return (
        <label class="check">
          <input type="checkbox" checked={event.on} onChange={() => onChange({ ...event, on: !event.on })} />
          on
        </label>
      );
    default:
      return <code class="wrap">{compactJson(scenarioToJson({ events: [event] }).events[0])}</code>;
  }
}
