/**
 * The public entry `msrdiff/scenario`: runs one scenario through one engine, for tests that pin a bug down.
 *
 *     import { runScenario } from 'msrdiff/scenario';
 *     import * as engine from './engine.mjs';
 *
 *     runScenario(engine, { events: [{ access: [['0x174', 'r']] }] }, '6.18').results; // [['allow']]
 */
import type { Engine } from '../engines/contract.ts';
import type { DecisionModule } from '../engines/decision.ts';
import { builtIn, engineOf } from '../engines/registry.ts';
import { NOT_APPLICABLE, type Trace } from '../engines/runner.ts';
import { catalogueBase } from '../model/catalogue.ts';
import { InputError } from '../model/input-error.ts';
import { hex } from '../model/json-fields.ts';
import { findProfile, KERNEL_PROFILES } from '../model/profile.ts';
import type { Scenario } from '../model/scenario.ts';
import { parseScenario, type ScenarioJson } from '../model/scenario-json.ts';
import { VERDICT_NAMES } from '../model/verdict.ts';
import { Evaluator } from './evaluate.ts';
import { resultText } from './explain/describe.ts';
import { Ledger } from './ledger.ts';
import { RELATIONS } from './metamorphic.ts';

/** An engine, or the namespace of a module that is one in either of the forms of docs/engines.md. */
export type EngineModule = Engine | DecisionModule | { readonly default: Engine | DecisionModule };

/** What came out of a scenario, by name. */
export interface ScenarioRun {
  /**
   * By event: verdicts (`allow`, `gp`, `filter`, `unknown`, `inval`) of an access event, in order; errno (`0`,
   * `-EINVAL`) of a filter or exit mask; completion (`done`, `gp`, `no-exit-pending`) of a reply. Null where there is
   * nothing to compare: other events, and those that the engine does not run.
   */
  readonly results: readonly (string | readonly string[] | null)[];
  /**
   * What the engine breaks by itself, one line each: a rule of its intercept bitmap, or that an equivalent filter
   * decides the same.
   */
  readonly breaches: readonly string[];
}

/**
 * Runs the scenario in a new VM, with the base outcomes of msrdiff's MSR catalogue.
 *
 * @param engine a module's namespace, or an engine
 * @param scenario in the JSON form of docs/formats.md
 * @param profile id of the kernel whose rules apply, as `6.18`
 * @throws Error that says at which event the engine threw, or answered something that is no answer
 * @throws InputError for a scenario or profile that is none; EngineUnavailable for a module that is no engine
 */
export function runScenario(engine: EngineModule, scenario: ScenarioJson, profile: string): ScenarioRun {
  const rules = findProfile(profile);
  if (!rules) {
    throw new InputError(
      `profile "${profile}" is unknown: known are ${KERNEL_PROFILES.map(({ id }) => id).join(', ')}`,
    );
  }
  const parsed = parseScenario(scenario, 'scenario');
  const evaluator = new Evaluator([engineOf(engine, 'engine')], { profile: rules, base: catalogueBase() }, NO_LEDGER);
  evaluator.run(parsed);
  const trace = evaluator.traces[0]!;
  if (trace.failure) throw new Error(`event ${trace.failure.event}: ${trace.failure.message}`);
  // Relations run the engine again, and overwrite the trace.
  return { results: resultsOf(parsed, trace), breaches: breachesOf(parsed, evaluator) };
}

/**
 * An engine that msrdiff brings along.
 *
 * @param name `reference`, `interval`, `vmx`, `svm` or `canary`
 * @throws EngineUnavailable for any other
 */
export function builtInEngine(name: string): Engine {
  return builtIn(name);
}

const NO_LEDGER = new Ledger([], '', '');

function resultsOf({ events }: Scenario, trace: Trace): ScenarioRun['results'] {
  let access = 0;
  return events.map((event, number) => {
    const first = access;
    if (event.kind === 'access') access += event.batch.indices.length;
    if (number >= trace.comparableEvents) return null;
    if (event.kind === 'access') return Array.from(trace.verdicts.subarray(first, access), (v) => VERDICT_NAMES[v]!);
    const code = trace.codes[number]!;
    if (code === NOT_APPLICABLE) return null;
    if (event.kind === 'reply') return resultText('completion', code);
    return event.kind === 'filter' || event.kind === 'cap' ? resultText('errno', code) : null;
  });
}

function breachesOf(scenario: Scenario, evaluator: Evaluator): string[] {
  const breaches: string[] = [];
  evaluator.observe(({ kind, event, index, type }) => {
    breaches.push(`${kind}: event ${event}: ${type === 0 ? 'RDMSR' : 'WRMSR'} ${hex(index)}`);
    return false;
  });
  for (const relation of RELATIONS) {
    evaluator.relate(scenario, relation, 0, ({ kind, event, access }) => {
      breaches.push(`${kind}: event ${event}${access < 0 ? '' : `, access ${access}`}`);
      return false;
    });
  }
  return breaches;
}
