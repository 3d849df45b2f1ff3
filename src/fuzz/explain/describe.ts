/** What each engine answered at a divergence, and why it says it did. */
import type { Engine, EngineVm, Explanation, VmConfig } from '../../engines/contract.ts';
import { countAccesses, NOT_APPLICABLE, Runner } from '../../engines/runner.ts';
import { resultName } from '../../model/result-name.ts';
import type { AccessForm, Scenario, ScenarioEvent } from '../../model/scenario.ts';
import { type AccessType, ROUTE_NAMES, VERDICT_NAMES } from '../../model/verdict.ts';
import type { DivergenceKind, Observation } from '../compare.ts';
import { pick } from '../reduce/edit.ts';

/** One engine's part in a divergence. */
export interface EngineAccount {
  readonly engine: string;
  /** Result at the divergence, by name; `-` if the engine takes no part. */
  readonly result: string;
  /** Whether it stands against the others. */
  readonly dissents: boolean;
  /** The rule that it names. */
  readonly rule?: string;
  /** Slot and bit of the range that decided. */
  readonly range?: number;
  readonly bit?: number;
  readonly route?: string;
  /** Why there is no rule, or why it may not be the one that was followed. */
  readonly note?: string;
}

/** A result as engines give it, by name; `-` for one that takes no part. */
export function resultText(kind: DivergenceKind, value: number): string {
  return resultName(kind, value === NOT_APPLICABLE ? null : value);
}

/** Runs each engine up to the divergence and asks it why, where it can say. */
export function whyEach(
  scenario: Scenario,
  engines: readonly Engine[],
  config: VmConfig,
  observation: Observation,
): EngineAccount[] {
  return engines.map((engine, number) => {
    const value = observation.vector[number] ?? NOT_APPLICABLE;
    const account = {
      engine: engine.name,
      result: resultText(observation.kind, value),
      dissents: value !== NOT_APPLICABLE && value !== observation.expected,
    };
    return { ...account, ...why(scenario, engine, config, observation, value) };
  });
}

/** Why an engine decided an access as it did, by name. */
export type Why = Pick<EngineAccount, 'rule' | 'range' | 'bit' | 'route' | 'note'>;

function why(scenario: Scenario, engine: Engine, config: VmConfig, observation: Observation, value: number): Why {
  const { kind, event, access, index, type } = observation;
  const forBitmap = kind.startsWith('bitmap:');
  // Of the other kinds, no single access is in question.
  if (access < 0 && !forBitmap) return {};
  const content = scenario.events[event];
  const { form = 'native' } = content?.kind === 'access' ? content.batch : {};
  const start: Scenario = { events: eventsBefore(scenario.events, event, access) };
  const runner = new Runner(engine, config);
  const trace = runner.run(start, countAccesses(start));
  if (trace.comparableEvents < start.events.length) return { note: trace.incomparable };
  const answer = runner.currentVm && ask(runner.currentVm, index, type, form);
  return whyOf(answer, form, kind === 'verdict' && value !== NOT_APPLICABLE ? value : undefined);
}

/** What `ask` was answered, in plain data. `verdict`: the one of the access, where it is known. */
export function whyOf(answer: Explanation | string | undefined, form: AccessForm, verdict: number | undefined): Why {
  if (typeof answer === 'string') return { note: answer };
  if (!answer) return {};
  const { rule, range, bit, route } = answer;
  const differs = verdict !== undefined && answer.verdict !== verdict;
  const asked = form === 'native' ? 'asked on its own' : `as a native access, not in form ${form},`;
  return {
    rule,
    ...(range === undefined ? {} : { range }),
    ...(bit === undefined ? {} : { bit }),
    ...(route === undefined ? {} : { route: ROUTE_NAMES[route] }),
    ...(differs ? { note: `${asked} it answers ${VERDICT_NAMES[answer.verdict]}` } : {}),
  };
}

/** The events that lead to the state in which the divergence shows, accesses of its own batch included. */
function eventsBefore(events: readonly ScenarioEvent[], event: number, access: number): ScenarioEvent[] {
  const content = events[event];
  if (access < 0 || content?.kind !== 'access') return events.slice(0, event + 1);
  const earlier = Array.from({ length: access }, (_, i) => i);
  const batch = pick(content.batch, earlier);
  return [...events.slice(0, event), ...(access > 0 ? [{ ...content, batch }] : [])];
}

/** The engine's own words; a message if it throws or the form has none; undefined if it explains nothing. */
export function ask(vm: EngineVm, index: number, type: AccessType, form: AccessForm): Explanation | string | undefined {
  if (form === 'implicit' || form === 'host') return `engines explain RDMSR and WRMSR, not ${form} accesses`;
  try {
    return vm.explain?.(index, type);
  } catch (error) {
    return `explain threw ${error instanceof Error ? error.message : String(error)}`;
  }
}
