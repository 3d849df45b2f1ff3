import { useEffect, useState } from 'preact/hooks';
import { hex } from '../../src/model/json-fields.ts';
import { parseJsonText } from '../../src/model/json-text.ts';
import type { Scenario } from '../../src/model/scenario.ts';
import { parseScenario } from '../../src/model/scenario-json.ts';
import type { DivergenceDetails, ExplanationReply } from '../../src/web/api.ts';
import { Workbench } from '../editor/workbench.tsx';
import { useOverview } from '../net/overview-context.ts';
import { messageOf } from '../net/request.ts';
import { useResource } from '../net/use-resource.ts';
import { CopyButton } from '../parts/copy-button.tsx';
import { Explanation } from '../parts/explanation.tsx';
import { grouped, minuteOf, percent } from '../parts/figures.ts';
import { Past } from '../parts/past.tsx';
import { Problem } from '../parts/problem.tsx';
import { shellQuoted } from '../parts/shell-quoted.ts';
import { StatusBadge } from '../parts/status-badge.tsx';
import { StatusForm } from '../parts/status-form.tsx';

export function DivergencePage({ id }: { readonly id: string }) {
  const details = useResource<DivergenceDetails>(`/api/divergences/${encodeURIComponent(id)}`);
  const { data, error, reload, replace } = details;
  const overview = useOverview();
  useEffect(() => {
    document.title = `${id} · msrdiff`;
  }, [id]);
  if (!data) {
    return (
      <>
        <h1>
          Divergence <code>{id}</code>
        </h1>
        <Problem message={error} retry={reload} />
        {error === undefined && <p class="busy">Loading…</p>}
      </>
    );
  }
  return (
    <>
      <div class="page-head">
        <h1>
          Divergence <code>{data.id}</code>
        </h1>
        <StatusBadge status={data.status} reopened={data.reopened} />
      </div>
      <Problem message={error} retry={reload} />
      <p class="sentence">{sentence(data)}</p>
      <Facts divergence={data} />
      {overview.data && !overview.data.readOnly && <StatusForm divergence={data} onSaved={replace} />}
      <Replay divergence={data} database={overview.data?.database} />
      <ScenarioSection key={data.scenario} divergence={data} />
      <ExplanationSection id={data.id} />
      <Past divergence={data} />
    </>
  );
}

/** What differs, in one sentence. */
function sentence({ subject, kind, message, expected, got, msr, write, rules }: DivergenceDetails): string {
  if (kind === 'engine-error' || kind === 'engine-timeout') return `${subject}: ${message || kind}`;
  const access = msr ? `${write === null ? 'MSR' : write ? 'WRMSR' : 'RDMSR'} ${hex(msr.index)}` : undefined;
  const name = msr?.name ? ` (${msr.name})` : '';
  if (got === 'wrong') {
    const [family, rule] = kind.split(':');
    return `${access ? `${access}${name}: ` : ''}${subject} breaks ${rule ?? kind} (${family})`;
  }
  const broken = rules.length === 1 ? `; broken rule: ${rules[0]}` : '';
  return `${access ? `${access}${name}: ` : ''}${subject} answers ${got} where ${expected} is expected (${kind})${broken}`;
}

function Facts({ divergence }: { readonly divergence: DivergenceDetails }) {
  const { cases, firstSeen, lastSeen, reliability, size, evaluations, profile, results, firstCampaign, seed } =
    divergence;
  return (
    <dl class="facts">
      <div>
        <dt>Results</dt>
        <dd>
          {Object.entries(results).map(([engine, result]) => (
            <span key={engine} class="result">
              {engine} <b>{result}</b>
            </span>
          ))}
        </dd>
      </div>
      <div>
        <dt>Seen</dt>
        <dd>
          in {grouped(cases)} cases, {minuteOf(firstSeen)} to {minuteOf(lastSeen)}
        </dd>
      </div>
      <div>
        <dt>First in</dt>
        <dd>
          <a href={`/?campaign=${firstCampaign}`}>campaign {firstCampaign}</a>,{' '}
          {seed === 'proof' ? 'a proof' : `seed ${seed}`}
        </dd>
      </div>
      <div>
        <dt>Profile</dt>
        <dd>{profile}</dd>
      </div>
      <div>
        <dt>Reproduces</dt>
        <dd>in {percent(reliability)} of re-runs</dd>
      </div>
      <div>
        <dt>Reduced</dt>
        <dd>
          to size {grouped(size)} in {grouped(evaluations)} evaluations
        </dd>
      </div>
    </dl>
  );
}

function Replay({
  divergence,
  database,
}: {
  readonly divergence: DivergenceDetails;
  readonly database: string | undefined;
}) {
  const command = `npx msrdiff replay ${divergence.id}${database ? ` --database ${shellQuoted(database)}` : ''}`;
  return (
    <div class="take-away">
      <span>
        <code data-testid="replay-command">{command}</code> <CopyButton label="Copy" text={() => command} />
      </span>
      <ul class="exports" aria-label="Export">
        {divergence.formats.map((format) => (
          <li key={format}>
            <a class="button" href={`/api/divergences/${divergence.id}/export/${encodeURIComponent(format)}`} download>
              Export {format}
            </a>
          </li>
        ))}
      </ul>
    </div>
  );
}

function ScenarioSection({ divergence }: { readonly divergence: DivergenceDetails }) {
  const { id, kind, subject, scenario: text, profile, msr, write } = divergence;
  const [stored] = useState(() => readStored(text));
  const [scenario, setScenario] = useState(typeof stored === 'string' ? undefined : stored);
  const [editing, setEditing] = useState(false);
  const [runProfile, setRunProfile] = useState(profile);
  return (
    <section aria-labelledby="scenario">
      <div class="page-head">
        <h2 id="scenario">Scenario</h2>
        {scenario && (
          <button type="button" aria-pressed={editing} onClick={() => setEditing(!editing)}>
            Edit
          </button>
        )}
        {typeof stored !== 'string' && scenario !== stored && (
          <button type="button" onClick={() => setScenario(stored)}>
            Back to what is stored
          </button>
        )}
      </div>
      <Problem message={typeof stored === 'string' ? stored : undefined} />
      {!editing && <pre class="scenario">{text}</pre>}
      {scenario && (
        <Workbench
          scenario={scenario}
          onChange={editing ? setScenario : undefined}
          profile={runProfile}
          onProfile={setRunProfile}
          divergence={id}
          focus={msr ? { index: msr.index, write: write ?? false } : undefined}
          bitmaps={kind.startsWith('bitmap:')}
          subject={subject}
        />
      )}
    </section>
  );
}

/** The scenario, or why it cannot be read. */
function readStored(text: string): Scenario | string {
  try {
    return parseScenario(parseJsonText(text, 'scenario'), 'scenario');
  } catch (error) {
    return messageOf(error);
  }
}

function ExplanationSection({ id }: { readonly id: string }) {
  const { data, error, busy, reload } = useResource<ExplanationReply>(`/api/divergences/${id}/explanation`, false);
  return (
    <section aria-labelledby="why" aria-busy={busy}>
      <h2 id="why">Why</h2>
      <Problem message={error} retry={reload} />
      {busy && !data && <p class="busy">Running the engines to explain it…</p>}
      {data &&
        (data.explanation ? <Explanation explanation={data.explanation} /> : <p class="empty">{unexplained(data)}</p>)}
    </section>
  );
}

function unexplained({ refused, lost }: ExplanationReply): string {
  if (refused !== undefined) return `Not explained: ${refused}`;
  return lost === undefined ? 'It no longer diverges.' : `Not explained: ${lost}`;
}
