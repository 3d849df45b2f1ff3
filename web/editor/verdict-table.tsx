/** Every engine's answer to every event and access, with what it says decided. */
import type { EngineVerdict, RunReply } from '../../src/web/api.ts';
import { Msr } from '../parts/msr.tsx';
import { firstDifference, resultsDiffer } from './outcomes.ts';

/** Rows of one event that are shown; those that differ come first if there are more. */
const SHOWN = 200;

export function VerdictTable({ reply, busy }: { readonly reply: RunReply; readonly busy: boolean }) {
  return (
    <>
      <p role="status" aria-busy={busy} data-testid="verdict-summary">
        {summary(reply)}
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls has to be reached by keys */}
      <section class={busy ? 'scroll stale' : 'scroll'} aria-label="Verdicts" tabIndex={0}>
        <table class="verdicts">
          <thead>
            <tr>
              <th scope="col">Event</th>
              {reply.engines.map((engine) => (
                <th key={engine} scope="col">
                  {engine}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {reply.events.map((event, number) => (
              <EventRows key={number} number={number} event={event} engines={reply.engines} />
            ))}
          </tbody>
        </table>
      </section>
      {reply.absent.map(({ engine, reason }) => (
        <p key={engine} class="soft">
          {engine} takes no part: {reason}
        </p>
      ))}
    </>
  );
}

interface EventRowsProps {
  readonly number: number;
  readonly event: RunReply['events'][number];
  readonly engines: readonly string[];
}

function EventRows({ number, event: { kind, results, accesses = [] }, engines }: EventRowsProps) {
  const numbered = accesses.map((access, at) => ({ access, at }));
  const many = numbered.length > SHOWN;
  const ordered = many ? numbered.toSorted((a, b) => Number(b.access.differs) - Number(a.access.differs)) : numbered;
  return (
    <>
      {results && (
        <tr class={resultsDiffer(results) ? 'differs' : ''}>
          <th scope="row">
            {number} {kind}
          </th>
          {engines.map((engine) => (
            <td key={engine}>{results[engine] ?? '-'}</td>
          ))}
        </tr>
      )}
      {ordered.slice(0, SHOWN).map(({ access, at }) => (
        <tr key={at} class={access.differs ? 'differs' : ''}>
          <th scope="row">
            {number}.{at} <Msr {...access} />
            {access.differs && <span class="badge badge-differs">differs</span>}
          </th>
          {access.verdicts.map((verdict, engine) => (
            <td key={engines[engine]}>
              <Verdict verdict={verdict} />
            </td>
          ))}
        </tr>
      ))}
      {many && (
        <tr>
          <td colSpan={engines.length + 1} class="soft">
            {numbered.length - SHOWN} more accesses of event {number} are not shown
          </td>
        </tr>
      )}
    </>
  );
}

function Verdict({ verdict: { verdict, route, rule, range, bit, note } }: { readonly verdict: EngineVerdict }) {
  const place = range === undefined ? '' : `range ${range}${bit === undefined ? '' : `, bit ${bit}`}`;
  const details = [rule, place, route, note].filter((part) => part !== undefined && part !== '');
  return (
    <>
      <b class={`verdict verdict-${verdict}`}>{verdict}</b>
      {details.length > 0 && <small> {details.join(' · ')}</small>}
    </>
  );
}

function summary(reply: RunReply): string {
  const accesses = reply.events.reduce((sum, event) => sum + (event.accesses?.length ?? 0), 0);
  const what = `${reply.engines.length} engines, ${accesses} ${accesses === 1 ? 'access' : 'accesses'}`;
  const place = firstDifference(reply);
  const answers = accesses > 0 || reply.events.some(({ results }) => results);
  if (!place) return answers ? `${what}: all answers agree.` : `${what}: nothing in it has an answer to compare.`;
  const at = place.access === undefined ? '' : `, access ${place.access}`;
  return `${what}: the engines differ, first at event ${place.event}${at}.`;
}
