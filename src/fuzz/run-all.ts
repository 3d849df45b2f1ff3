/** Runs a scenario through every engine and says, access by access, what each decided and why. */
import type { Engine, Explanation, VmConfig } from '../engines/contract.ts';
import { countAccesses, NOT_APPLICABLE, Runner, type Trace } from '../engines/runner.ts';
import { msrName } from '../model/catalogue.ts';
import type { AccessEvent, Scenario, ScenarioEvent } from '../model/scenario.ts';
import { AccessType, NESTED_ENTRY_NAMES, ROUTE_NAMES } from '../model/verdict.ts';
import { ask, resultText, whyOf } from './explain/describe.ts';
import { pick } from './reduce/edit.ts';
import type { AccessOutcome, BitmapPage, EngineVerdict, EventOutcome, RunOutcome } from './run-outcome.ts';

/** Bytes of the hardware's bitmaps (SDM vol. 3C, "MSR-Bitmap Address"; APM vol. 2, "MSR Intercepts"). */
const BITMAP_BYTES = { vmx: 4096, svm: 8192 } as const;

/** A scenario whose access events have one access each, and where each of its events comes from. */
interface Split {
  readonly scenario: Scenario;
  readonly accesses: number;
  /** By event of the original: number of its first event in `scenario`. */
  readonly starts: readonly number[];
}

/** One engine's run of a split scenario. */
interface EngineRun {
  readonly engine: Engine;
  /** By event: the code, or NOT_APPLICABLE. */
  readonly codes: Int32Array;
  /** By access, in order. */
  readonly verdicts: readonly EngineVerdict[];
  /** Events that it took part in. */
  readonly events: number;
  /** Why not in the others. */
  readonly why: string;
  readonly bitmap: BitmapPage | undefined;
}

/**
 * `onEngine` is called with the position of each engine before that runs, so that a watchdog knows which one does not
 * come back. What an engine throws becomes a note.
 */
export function runAll(
  scenario: Scenario,
  engines: readonly Engine[],
  config: VmConfig,
  onEngine: (position: number) => void = () => {},
): RunOutcome {
  const split = splitAccesses(scenario);
  const runs = engines.map((engine, position) => {
    onEngine(position);
    return runOne(split, engine, config);
  });
  return {
    engines: engines.map(({ name }) => name),
    events: eventOutcomes(scenario, split, runs),
    bitmaps: runs.flatMap(({ bitmap }) => bitmap ?? []),
  };
}

/** Batches change nothing (contract, `access`): each access of its own can be asked about in the state it meets. */
function splitAccesses({ events }: Scenario): Split {
  const starts: number[] = [];
  const singles: ScenarioEvent[] = [];
  for (const event of events) {
    starts.push(singles.length);
    if (event.kind !== 'access') singles.push(event);
    else for (let i = 0; i < event.batch.indices.length; i++) singles.push({ ...event, batch: pick(event.batch, [i]) });
  }
  const scenario = { events: singles };
  return { scenario, accesses: countAccesses(scenario), starts };
}

function runOne({ scenario, accesses }: Split, engine: Engine, config: VmConfig): EngineRun {
  const runner = new Runner(engine, config);
  const answers: (Explanation | string | undefined)[] = [];
  const codes = new Int32Array(scenario.events.length).fill(NOT_APPLICABLE);
  const trace = runner.run(
    scenario,
    accesses,
    (_vm, event, number, code) => {
      if (event) codes[number] = code;
    },
    (vm, { batch }) => answers.push(ask(vm, batch.indices[0]!, batch.types[0] as AccessType, batch.form ?? 'native')),
  );
  runner.checkAnswers(scenario, accesses);
  const batches = scenario.events.flatMap((event) => (event.kind === 'access' ? [event.batch] : []));
  return {
    engine,
    codes,
    verdicts: batches.map(({ form = 'native' }, i) => verdictOf(trace, i, answers[i], form)),
    events: trace.comparableEvents,
    why: trace.incomparable,
    bitmap: trace.comparableEvents === scenario.events.length ? bitmapOf(runner) : undefined,
  };
}

function verdictOf(
  trace: Trace,
  access: number,
  answer: Explanation | string | undefined,
  form: NonNullable<AccessEvent['batch']['form']>,
): EngineVerdict {
  if (access >= trace.comparableAccesses) return { verdict: '-', note: trace.incomparable };
  const verdict = trace.verdicts[access]!;
  const why = whyOf(answer, form, verdict);
  const route = trace.engine.capabilities.routes ? ROUTE_NAMES[trace.routes[access]!] : why.route;
  return { verdict: resultText('verdict', verdict), ...why, ...(route === undefined ? {} : { route }) };
}

function bitmapOf({ engine, currentVm }: Runner): BitmapPage | undefined {
  const vendor = engine.capabilities.bitmap;
  if (!vendor) return undefined;
  try {
    const bytes = currentVm?.bitmap?.('l1');
    if (bytes?.length !== BITMAP_BYTES[vendor]) return undefined;
    return { engine: engine.name, vendor, bytes: Buffer.from(bytes).toString('base64') };
  } catch {
    // Comparing runs tell of it; here the page is only missing.
    return undefined;
  }
}

function eventOutcomes({ events }: Scenario, { starts, scenario }: Split, runs: readonly EngineRun[]): EventOutcome[] {
  let access = 0;
  return events.map((event, number) => {
    const start = starts[number]!;
    const end = starts[number + 1] ?? scenario.events.length;
    const ended = runs.filter((run) => run.events >= start && run.events < end);
    const notes = Object.fromEntries(ended.map(({ engine, why }) => [engine.name, why]));
    const outcome = { kind: event.kind, ...(ended.length > 0 ? { notes } : {}) };
    if (event.kind !== 'access') {
      const results = resultsOf(event, start, runs);
      return results ? { ...outcome, results } : outcome;
    }
    const first = access;
    access += event.batch.indices.length;
    return { ...outcome, accesses: accessOutcomes(event, first, runs) };
  });
}

function resultsOf(
  event: ScenarioEvent,
  number: number,
  runs: readonly EngineRun[],
): Record<string, string> | undefined {
  const name = (code: number): string | undefined => {
    if (code === NOT_APPLICABLE) return '-';
    if (event.kind === 'filter' || event.kind === 'cap') return resultText('errno', code);
    if (event.kind === 'reply') return resultText('completion', code);
    return event.kind === 'nested' ? NESTED_ENTRY_NAMES[code] : undefined;
  };
  if (name(0) === undefined) return undefined;
  return Object.fromEntries(runs.map(({ engine, codes }) => [engine.name, name(codes[number]!) ?? '-']));
}

function accessOutcomes({ batch }: AccessEvent, first: number, runs: readonly EngineRun[]): AccessOutcome[] {
  return Array.from(batch.indices, (index, i) => {
    const verdicts = runs.map((run) => run.verdicts[first + i]!);
    const distinct = new Set(verdicts.map(({ verdict }) => verdict).filter((verdict) => verdict !== '-'));
    return {
      index,
      name: msrName(index) ?? null,
      write: batch.types[i] === AccessType.WRITE,
      differs: distinct.size > 1,
      verdicts,
    };
  });
}
