/** Incidents of process engines as findings. */
import type { Engine } from '../engines/contract.ts';
import type { Scenario } from '../model/scenario.ts';
import { formatScenario } from '../model/scenario-json.ts';
import { divergenceId, type FoundDivergence } from './findings.ts';
import { sizeOf } from './reduce/order.ts';

/** What has happened to the engine since it was last asked; `scenario` is what it was running. */
export function incidentFindings(
  engine: Engine,
  profile: string,
  scenario: Scenario,
  number: number,
): FoundDivergence[] {
  const incidents = engine.takeIncidents?.() ?? [];
  return incidents.map(({ kind, message }) => ({
    // One identity per engine and message: which case it hits is chance.
    id: divergenceId('engine-error', engine.name, profile, `incident: ${kind}: ${message}`),
    kind: 'engine-error',
    subject: engine.name,
    profile,
    scenario: formatScenario(scenario),
    vector: { [engine.name]: 1 },
    expected: 0,
    got: 1,
    message: `${message} (not again when the case was run once more)`,
    firstCase: number,
    cases: 1,
    size: sizeOf(scenario),
    evaluations: 0,
    reliability: 0,
    msr: null,
    write: null,
    rules: [],
  }));
}
