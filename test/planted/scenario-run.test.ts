/** What an exported vitest file asks: every planted bug is to fail it, and every engine without is to pass. */
import { describe, expect, it } from 'vitest';
import { reference } from '../../src/engines/reference.ts';
import { runScenario, type ScenarioRun } from '../../src/fuzz/scenario-run.ts';
import { NEWEST_PROFILE } from '../../src/model/profile.ts';
import { scenarioToJson } from '../../src/model/scenario-json.ts';
import { PLANTED_BUGS } from './catalogue.ts';

/** Or what it throws. */
function outcome(run: () => ScenarioRun): unknown {
  try {
    return run();
  } catch (error) {
    return String(error);
  }
}

describe('runScenario', () => {
  it.each(PLANTED_BUGS.map((bug) => [bug.id, bug] as const))('tells %s from the engine without', (_, bug) => {
    const profile = bug.profile ?? NEWEST_PROFILE.id;
    const scenario = scenarioToJson({ events: bug.example });
    const { results } = runScenario(reference, scenario, profile);
    expect(runScenario(bug.origin, scenario, profile)).toEqual({ results, breaches: [] });
    expect(outcome(() => runScenario(bug.engine, scenario, profile))).not.toEqual({ results, breaches: [] });
  });
});
