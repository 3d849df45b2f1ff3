/** A divergence explained: who stands alone, the rule that is broken, what does not matter, and why each decided so. */
import type { Engine, VmConfig } from '../../engines/contract.ts';
import { NOT_APPLICABLE } from '../../engines/runner.ts';
import { passthroughCandidates } from '../../model/catalogue.ts';
import { hex } from '../../model/json-fields.ts';
import type { Scenario } from '../../model/scenario.ts';
import { AccessType } from '../../model/verdict.ts';
import type { DivergenceKind, Observation } from '../compare.ts';
import { Evaluator } from '../evaluate.ts';
import type { Ledger } from '../ledger.ts';
import { RELATIONS } from '../metamorphic.ts';
import { type BrokenRule, explainRule } from './blame.ts';
import { type EngineAccount, resultText, whyEach } from './describe.ts';
import { documentedErrno } from './describe-errno.ts';
import { type FreedomStatement, freedom } from './freedom.ts';

/** Plain data: `JSON.stringify` gives all of it. */
export interface DivergenceExplanation {
  readonly kind: DivergenceKind;
  readonly subject: string;
  /** Where: number of the event (-1: at creation of the VM), of the access in it (-1: none), and both as text. */
  readonly event: number;
  readonly access: number;
  readonly what: string;
  /** Result of the others, and the subject's. */
  readonly expected: string;
  readonly got: string;
  /** Engines that stand against the others there. */
  readonly standsAlone: readonly string[];
  /** Rules that explain the subject; several if nothing near this divergence tells them apart; empty if none does. */
  readonly rule: readonly BrokenRule[];
  /** For kind `errno`: what the documentation says of the ioctl. */
  readonly documented?: string;
  readonly freedom: readonly FreedomStatement[];
  readonly engines: readonly EngineAccount[];
}

export interface ExplainOptions {
  /** Best in normal form: with more in it, less can be said. */
  readonly scenario: Scenario;
  readonly kind: DivergenceKind;
  /** Name of the engine that stands against the others. */
  readonly subject: string;
  readonly engines: readonly Engine[];
  readonly config: VmConfig;
  readonly ledger: Ledger;
}

/**
 * Runs the scenario again and explains the divergence of that kind and subject; undefined if there is none (any
 * more). Not for `engine-timeout`: an engine that does not return can only be run with a watchdog in another thread,
 * so that kind is always undefined.
 */
export function explainDivergence(options: ExplainOptions): DivergenceExplanation | undefined {
  const { scenario, kind, engines, config, ledger } = options;
  const subject = engines.findIndex(({ name }) => name === options.subject);
  if (subject < 0 || kind === 'engine-timeout') return undefined;
  const evaluator = new Evaluator(engines, config, ledger);
  const isKnown = (seen: Observation): boolean => ledger.match(seen, engines[seen.subject]!.name) !== undefined;
  const find = (candidate: Scenario): Observation | undefined =>
    findObservation(evaluator, candidate, kind, subject, isKnown);
  const observation = find(scenario);
  if (!observation) return undefined;
  // What the ledger knows is another divergence than what it does not, even of the same kind.
  const known = isKnown(observation);
  const diverges = (candidate: Scenario): boolean => {
    const seen = find(candidate);
    return seen !== undefined && isKnown(seen) === known;
  };
  const indices = kind.startsWith('bitmap:') ? candidateIndices(engines[subject]!, config) : undefined;
  const place = scenario.events[observation.event];
  const isIoctl = kind === 'errno' && (place?.kind === 'filter' || place?.kind === 'cap');
  return {
    kind,
    subject: options.subject,
    event: observation.event,
    access: observation.access,
    what: whatOf(scenario, observation),
    expected: resultText(kind, observation.expected),
    got: resultText(kind, observation.got),
    standsAlone: dissenters(observation, engines, ledger),
    rule: explainRule(scenario, observation, engines[subject]!, config, ledger) ?? [],
    ...(isIoctl ? { documented: answerText(documentedErrno(place, config.profile)) } : {}),
    freedom: freedom(scenario, observation, diverges, indices),
    engines: whyEach(scenario, engines, config, observation),
  };
}

/** The observation of that kind and subject: one that the ledger does not know, if there is one. */
function findObservation(
  evaluator: Evaluator,
  scenario: Scenario,
  kind: DivergenceKind,
  subject: number,
  isKnown: (seen: Observation) => boolean,
): Observation | undefined {
  let fresh: Observation | undefined;
  let known: Observation | undefined;
  const note = (seen: Observation): boolean => {
    const listed = isKnown(seen);
    if (seen.kind === kind && seen.subject === subject) {
      if (listed) known ??= seen;
      else fresh ??= seen;
    }
    return listed;
  };
  if (kind.startsWith('metamorphic:')) {
    const relation = RELATIONS.find(({ name }) => `metamorphic:${name}` === kind);
    if (relation) evaluator.relate(scenario, relation, subject, note);
  } else if (!evaluator.run(scenario)) evaluator.observe(note);
  return fresh ?? known;
}

/** Engines whose result differs from the others', those aside that the ledger expects to differ there. */
function dissenters(observation: Observation, engines: readonly Engine[], ledger: Ledger): string[] {
  const { kind, vector, expected, index, type, subject } = observation;
  const names: string[] = [];
  for (const [number, { name }] of engines.entries()) {
    const got = vector[number] ?? NOT_APPLICABLE;
    if (got === NOT_APPLICABLE || got === expected) continue;
    if (number === subject || !ledger.expects(name, kind, index, type, got)) names.push(name);
  }
  return names;
}

/** A bitmap divergence is about MSRs that the vendor can pass through. */
function candidateIndices({ capabilities }: Engine, { profile }: VmConfig): number[] | undefined {
  if (!capabilities.bitmap) return undefined;
  const all = passthroughCandidates(capabilities.bitmap, profile).map(({ index }) => index);
  const step = Math.ceil(all.length / 20);
  return all.filter((_, i) => i % step === 0);
}

function whatOf({ events }: Scenario, { kind, event, access, index, type, message }: Observation): string {
  const instruction = type === AccessType.READ ? 'RDMSR' : 'WRMSR';
  if (kind === 'engine-error') return `event ${event} (${events[event]?.kind}): ${message}`;
  if (access >= 0) return `event ${event}, access ${access}: ${instruction} ${hex(index)}`;
  if (kind.startsWith('bitmap:')) {
    const when = event < 0 ? 'once the VM is created' : `after event ${event} (${events[event]?.kind})`;
    return `${when}: ${instruction} ${hex(index)}`;
  }
  return `event ${event} (${events[event]?.kind})`;
}

function answerText({ errno, rule }: { readonly errno: number; readonly rule: string }): string {
  return `${resultText('errno', errno)}: ${rule}`;
}
