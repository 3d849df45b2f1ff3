/** What is found in one scenario by a list of engines, or why a divergence is one. */
import type { Engine } from '../engines/contract.ts';
import { parseJsonText } from '../model/json-text.ts';
import { findProfile } from '../model/profile.ts';
import type { Scenario } from '../model/scenario.ts';
import { formatScenario, parseScenario } from '../model/scenario-json.ts';
import type { DivergenceKind, Observation } from './compare.ts';
import { Evaluator } from './evaluate.ts';
import { explainDivergence } from './explain/explain.ts';
import { formatExplanation } from './explain/format.ts';
import { divergenceId, placeOf, vectorByName } from './findings.ts';
import { comparisonGroups, type Group } from './groups.ts';
import { Ledger } from './ledger.ts';
import { RELATIONS } from './metamorphic.ts';
import { Minimizer } from './reduce/minimize.ts';
import type { ProbeFinding, ProbeReply, ProbeRequest } from './worker-protocol.ts';

export type AnsweredProbe = Extract<ProbeReply, { kind: 'done' | 'explained' }>;

/** Findings of one kind and engine that are reported. */
const MAX_PER_ENGINE = 1;

/** Runs or minimizes the scenario of a request, or explains it, in the calling thread. `engines` are its, loaded. */
export function answerProbe(request: ProbeRequest, engines: readonly Engine[]): AnsweredProbe {
  const scenario = parseScenario(parseJsonText(request.scenario, 'scenario'), 'scenario');
  const groups = comparisonGroups(engines, findProfile(request.profile)!);
  if (request.action === 'explain' && request.target) return explain(request, request.target, groups, scenario);
  const findings = groups.flatMap((group) => findingsOf(request, group, scenario));
  return { kind: 'done', engines: engines.map(({ name }) => name), findings };
}

function explain(
  request: ProbeRequest,
  { kind, subject }: NonNullable<ProbeRequest['target']>,
  groups: readonly Group[],
  scenario: Scenario,
): AnsweredProbe {
  for (const { engines, config } of groups) {
    if (!engines.some(({ name }) => name === subject)) continue;
    const ledger = new Ledger(request.ledger, config.profile.id, request.day);
    const explanation = explainDivergence({ scenario, kind: kind as DivergenceKind, subject, engines, config, ledger });
    if (explanation) return { kind: 'explained', explanation, text: formatExplanation(explanation) };
  }
  return { kind: 'explained', explanation: null, text: [] };
}

function findingsOf(request: ProbeRequest, { engines, config }: Group, scenario: Scenario): ProbeFinding[] {
  const ledger = new Ledger(request.ledger, config.profile.id, request.day);
  const evaluator = new Evaluator(engines, config, ledger);
  if (request.event) {
    const place = new Int32Array(request.event);
    evaluator.onEvent = (number) => Atomics.store(place, 0, number);
  }
  const seen: { observation: Observation; known: string | null }[] = [];
  const counts = new Map<string, number>();
  const note = (observation: Observation): boolean => {
    const known = ledger.match(observation, engines[observation.subject]!.name)?.id ?? null;
    const key = `${observation.kind} ${observation.subject} ${known}`;
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    if (count <= MAX_PER_ENGINE) seen.push({ observation, known });
    return known !== null;
  };
  if (!evaluator.run(scenario)) evaluator.observe(note);
  if (seen.every(({ known }) => known !== null)) {
    for (const relation of RELATIONS) {
      for (let subject = 0; subject < engines.length; subject++) evaluator.relate(scenario, relation, subject, note);
    }
  }
  const minimizer = new Minimizer(engines, config, ledger);
  return seen.map(({ observation, known }): ProbeFinding => {
    const { kind, event, access, index, type, vector, message } = observation;
    const subject = engines[observation.subject]!.name;
    const place = { kind, subject, event, access, index, write: type === 1, message, known };
    const finding = { ...place, vector: vectorByName(engines, vector) };
    if (request.action === 'replay' || known !== null) return finding;
    const reduction = minimizer.minimize(scenario, observation);
    if (!reduction) return { ...finding, reliability: 0 };
    const normalForm = formatScenario(reduction.scenario);
    const { msr, write: written } = placeOf(reduction.observation);
    return {
      ...finding,
      vector: vectorByName(engines, reduction.observation.vector),
      normalForm,
      msr,
      written,
      id: divergenceId(kind, subject, config.profile.id, normalForm),
      evaluations: reduction.evaluations,
      reliability: reduction.reliability,
    };
  });
}
