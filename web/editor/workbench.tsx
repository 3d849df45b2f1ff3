/** A scenario with its picture and what every engine makes of it; where it can be edited, at every change. */
import { useMemo, useState } from 'preact/hooks';
import type { Scenario } from '../../src/model/scenario.ts';
import { formatScenario } from '../../src/model/scenario-json.ts';
import type { ProfileList } from '../../src/web/api.ts';
import { BitmapGrid } from '../bitmap/bitmap-grid.tsx';
import { messageOf } from '../net/request.ts';
import { useResource } from '../net/use-resource.ts';
import { NumberLine } from '../number-line/number-line.tsx';
import { RangeTable } from '../number-line/range-table.tsx';
import { Problem } from '../parts/problem.tsx';
import { readBytes } from './document.ts';
import { toggled } from './edit-range.ts';
import { EventList } from './event-list.tsx';
import { FileDrop } from './file-drop.tsx';
import { JsonField } from './json-field.tsx';
import { decisiveFilter, filterAt, filterEvents, firstDifference, markersOf, rejection } from './outcomes.ts';
import { useRun } from './use-run.ts';
import { VerdictTable } from './verdict-table.tsx';

interface WorkbenchProps {
  readonly scenario: Scenario;
  /** Absent: it is shown and not edited. */
  readonly onChange?: ((scenario: Scenario) => void) | undefined;
  /** Id of a profile; empty while it is not known. */
  readonly profile: string;
  readonly onProfile?: ((profile: string) => void) | undefined;
  /** A divergence whose engines take part. */
  readonly divergence?: string;
  /** The access in question, whose bits are outlined; absent: the first that differs. */
  readonly focus?: { readonly index: number; readonly write: boolean } | undefined;
  /** Show the intercept bitmaps right away. */
  readonly bitmaps?: boolean;
  /** The engine in question, whose bitmap comes first. */
  readonly subject?: string;
}

export function Workbench(props: WorkbenchProps) {
  const { scenario, onChange, profile, onProfile, divergence, bitmaps = false } = props;
  const [fileError, setFileError] = useState<string>();
  const [chosen, setChosen] = useState<number>();
  const text = useMemo(() => formatScenario(scenario), [scenario]);
  const run = useRun({ scenario: text, profile, ...(divergence === undefined ? {} : { divergence }) });
  const { reply } = run;
  const difference = useMemo(() => reply && firstDifference(reply), [reply]);
  const numbers = filterEvents(scenario);
  const number =
    chosen !== undefined && numbers.includes(chosen) ? chosen : decisiveFilter(scenario, difference?.event);
  const filter = filterAt(scenario, number);
  const rejected = rejection(reply, number);
  const markers = useMemo(() => markersOf(scenario, number, reply), [scenario, number, reply]);
  const focus = props.focus ?? markers.find(({ differs }) => differs) ?? markers[0];

  const load = (bytes: Uint8Array, name: string): void => {
    try {
      onChange?.(readBytes(bytes, name, scenario));
      setFileError(undefined);
    } catch (error) {
      setFileError(messageOf(error));
    }
  };
  const toggle = (slot: number, index: number): void => {
    if (!filter || number === undefined) return;
    const ranges = filter.ranges.with(slot, toggled(filter.ranges[slot]!, index));
    onChange?.({
      events: scenario.events.with(number, {
        ...scenario.events[number]!,
        kind: 'filter',
        filter: { ...filter, ranges },
      }),
    });
  };
  return (
    <div class={onChange ? 'workbench editing' : 'workbench'}>
      <div class="answers">
        {numbers.length > 1 && (
          <label class="field">
            filter of event
            <select value={number} onChange={({ currentTarget }) => setChosen(Number(currentTarget.value))}>
              {numbers.map((one) => (
                <option key={one}>{one}</option>
              ))}
            </select>
          </label>
        )}
        {filter ? (
          <>
            <NumberLine key={number} filter={filter} markers={markers} onToggle={onChange && toggle} />
            {rejected !== undefined && (
              <p class="remark">
                Every engine rejects this filter ({rejected}): it is not in force. The picture shows what its valid
                ranges would decide.
              </p>
            )}
            <RangeTable filter={filter} />
          </>
        ) : (
          <p class="empty">The scenario sets no filter: every access is KVM’s own business.</p>
        )}
        <h3>Verdicts</h3>
        <Problem message={run.error} retry={run.retry} />
        {reply ? <VerdictTable reply={reply} busy={run.busy} /> : run.busy && <p class="busy">Running the engines…</p>}
        {reply && reply.bitmaps.length > 0 && (
          <details class="bitmaps" open={bitmaps}>
            <summary>Intercept bitmaps after the last event</summary>
            <div class="grids">
              {reply.bitmaps
                .toSorted((a, b) => Number(b.engine === props.subject) - Number(a.engine === props.subject))
                .map((page) => (
                  <BitmapGrid key={page.engine} page={page} index={focus?.index} write={focus?.write ?? false} />
                ))}
            </div>
          </details>
        )}
      </div>
      {onChange && (
        <section aria-label="Editor" class="editor">
          <div class="editor-head">
            <FileDrop onFile={load} />
            {onProfile && <ProfileField profile={profile} onChange={onProfile} />}
          </div>
          <Problem message={fileError} />
          <EventList scenario={scenario} onChange={onChange} />
          <JsonField scenario={scenario} text={text} onChange={onChange} />
        </section>
      )}
    </div>
  );
}

function ProfileField({
  profile,
  onChange,
}: {
  readonly profile: string;
  readonly onChange: (profile: string) => void;
}) {
  const { data, error, reload } = useResource<ProfileList>('/api/profiles', false);
  return (
    <>
      <label class="field">
        profile
        <select value={profile} onChange={({ currentTarget }) => onChange(currentTarget.value)}>
          {(data?.profiles ?? [profile]).map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <Problem message={error} retry={reload} />
    </>
  );
}
