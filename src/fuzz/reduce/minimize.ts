/**
 * Minimization to a normal form.
 *
 * 1. While it is cut down, the scenario keeps the kind of divergence and the whole verdict vector of all engines, so
 *    that it does not slip to another bug.
 * 2. Then values are made canonical. That may change the vector (a denial that is a #GP without the exit mask was
 *    an exit with it), but not the kind (of bitmap findings: the family), nor that the subject stands against the consensus.
 *
 * Everything is deterministic and bounded: in evaluations, and in failures of an engine's process, which has to be
 * started again after each. The result is the divergence's identity.
 */
import type { Engine, VmConfig } from '../../engines/contract.ts';
import { BaseOutcome } from '../../model/base.ts';
import { passthroughCandidates, type Vendor } from '../../model/catalogue.ts';
import type { Scenario } from '../../model/scenario.ts';
import type { Observation, Observer } from '../compare.ts';
import { Evaluator } from '../evaluate.ts';
import type { Ledger } from '../ledger.ts';
import { RELATIONS } from '../metamorphic.ts';
import { LANDMARKS } from '../space.ts';
import { assign, bothDirections, exchangeTypes, smallForms } from './assign.ts';
import { dropAccesses, dropEvents, dropRanges, isolate } from './cut.ts';
import { exchangeContents, joinAccesses, orderEvents, plainEvents } from './events.ts';
import { exemplars, plainAccesses, relocateIndex, withoutMask, withoutWish } from './indices.ts';
import { sizeOf } from './order.ts';
import { type Move, type Places, type Predicate, Search } from './search.ts';
import { badRanges, boundaries, clearBits, plainBits, plainFillers, shapeRanges } from './shape.ts';

/** Engines that decide with the subject whether a candidate still diverges, when there are many. */
const MAX_JURY = 8;
/** Where exemplars are looked for. */
const EXEMPLAR_LIMIT = 0x2000;
/** Runs of the result in fresh VMs that measure its reliability. */
const VERIFICATIONS = 5;
/**
 * Evaluations at which a subject's process may fail, before the result is verified. Each costs two starts, because a
 * case is tried twice, and an emulated kernel takes seconds to start.
 */
const MAX_FAILURES = 18;
/** How the failure of a process begins, and that of one that says nothing: each of these costs two time-outs. */
const THREW = 'threw ';
const NO_ANSWER = /^threw Error: no answer /;

export interface Reduction {
  readonly scenario: Scenario;
  readonly observation: Observation;
  readonly evaluations: number;
  /** Share of re-runs in fresh VMs that diverge in the same way, 0-1. */
  readonly reliability: number;
}

const CUT: readonly Move[] = [isolate, dropEvents, dropAccesses, dropRanges];
/** What makes a scenario smaller, for a few calls each. */
const SHRINK: readonly Move[] = [
  dropEvents,
  dropRanges,
  joinAccesses,
  orderEvents,
  plainEvents,
  badRanges,
  plainBits,
  shapeRanges,
  boundaries,
  clearBits,
  dropAccesses,
];
/** What looks for plainer values: up to a hundred calls each if there are none. */
const PLAIN: readonly Move[] = [
  exemplars,
  plainFillers,
  bothDirections,
  assign,
  smallForms,
  withoutMask,
  withoutWish,
  plainAccesses,
  exchangeTypes,
  exchangeContents,
];

/** Reduces divergences of one list of engines. */
export class Minimizer {
  private readonly engines: readonly Engine[];
  private readonly config: VmConfig;
  private readonly places = new Map<Vendor | undefined, Places>();
  private readonly juries = new Map<string, Evaluator>();

  private readonly ledger: Ledger;
  private readonly onEngine: (engine: number) => void;
  /** Evaluations of the reduction at hand in which the subject failed. */
  private failures = 0;
  /** Whether the ledger knows what is being reduced: what it does not know must not end in what it knows. */
  private isKnown = false;

  /** `onEngine` is called before an engine of the list runs, for a watchdog. */
  constructor(
    engines: readonly Engine[],
    config: VmConfig,
    ledger: Ledger,
    onEngine: (engine: number) => void = () => {},
  ) {
    this.engines = engines;
    this.config = config;
    this.ledger = ledger;
    this.onEngine = onEngine;
  }

  /** Undefined if the scenario does not show the observation when it is run again. */
  minimize(scenario: Scenario, observation: Observation): Reduction | undefined {
    const isProcess = this.engines[observation.subject]!.takeIncidents !== undefined;
    // It was silent twice.
    if (isProcess && NO_ANSWER.test(observation.message)) {
      return { scenario, observation, evaluations: 0, reliability: 1 };
    }
    this.failures = 0;
    this.isKnown = this.ledger.match(observation, this.engines[observation.subject]!.name) !== undefined;
    const isTooDear = (): boolean => isProcess && this.failures >= MAX_FAILURES;
    const jury = this.juryFor(observation);
    const subject = jury.engines.indexOf(this.engines[observation.subject]!);
    const find = (candidate: Scenario, same: (seen: Observation) => boolean): Observation | undefined =>
      this.find(jury, subject, [observation.kind], candidate, same);
    const message = errorClass(observation.message);
    const dissents = (seen: Observation): boolean => errorClass(seen.message) === message;

    const first = find(scenario, (seen) => dissents(seen) && sameResult(seen, observation));
    if (!first) return undefined;
    const vector = first.vector.join();
    const exact: Predicate = (candidate) =>
      find(candidate, (seen) => dissents(seen) && sameResult(seen, first) && seen.vector.join() === vector);
    const search = new Search(scenario, first, exact, this.placesFor(observation.subject), isTooDear);
    for (const move of CUT) move(search);

    const family = familyOf(observation.kind);
    search.relax((candidate) => this.find(jury, subject, family, candidate, dissents));
    for (let before: Scenario | undefined; before !== search.scenario && !search.exhausted; ) {
      before = search.scenario;
      canonicalRound(search);
    }
    return {
      scenario: search.scenario,
      observation: this.inAllEngines(search.scenario, observation.subject, search.observation),
      evaluations: search.evaluations,
      reliability: this.verify(jury, search.scenario, search.predicate),
    };
  }

  private placesFor(subject: number): Places {
    const { bitmap } = this.engines[subject]!.capabilities;
    let places = this.places.get(bitmap);
    if (!places) {
      places = placesOf(this.config, bitmap);
      this.places.set(bitmap, places);
    }
    return places;
  }

  private verify(jury: Evaluator, scenario: Scenario, holds: Predicate): number {
    let held = 0;
    for (let i = 0; i < VERIFICATIONS; i++) {
      jury.discard();
      if (holds(scenario)) held++;
    }
    return held / VERIFICATIONS;
  }

  /** The observation with the subject's number and the vector of the whole list of engines. */
  private inAllEngines(scenario: Scenario, subject: number, found: Observation): Observation {
    if (this.engines.length <= MAX_JURY) return { ...found, subject };
    let whole: Observation | undefined;
    const evaluator = this.evaluator(this.engines);
    evaluator.run(scenario);
    evaluator.observe((seen) => {
      const known = this.ledger.match(seen, this.engines[seen.subject]!.name) !== undefined;
      if (seen.subject === subject && seen.kind === found.kind && known === this.isKnown) whole ??= seen;
      return known;
    });
    return whole ?? { ...found, subject };
  }

  /** The observation of the kind that comes first in `kinds`. */
  private find(
    jury: Evaluator,
    subject: number,
    kinds: readonly Observation['kind'][],
    scenario: Scenario,
    same: (seen: Observation) => boolean,
  ): Observation | undefined {
    let found: Observation | undefined;
    const note: Observer = (seen) => {
      const known = this.ledger.match(seen, jury.engines[seen.subject]!.name) !== undefined;
      const rank = seen.subject === subject && known === this.isKnown && same(seen) ? kinds.indexOf(seen.kind) : -1;
      if (rank >= 0 && (!found || rank < kinds.indexOf(found.kind))) found = seen;
      return known;
    };
    const relation = RELATIONS.find(({ name }) => `metamorphic:${name}` === kinds[0]);
    if (relation) jury.relate(scenario, relation, subject, note);
    else if (!jury.run(scenario)) jury.observe(note);
    const failure = jury.traces[subject]?.failure?.message ?? '';
    if (failure.startsWith(THREW)) this.failures += NO_ANSWER.test(failure) ? MAX_FAILURES : 1;
    return found;
  }

  /** All engines, or, when there are many, the subject and the first few that it stands against. */
  private juryFor({ vector, subject, expected, kind }: Observation): Evaluator {
    if (kind.startsWith('metamorphic:') || this.engines.length <= MAX_JURY) return this.evaluator(this.engines);
    const agreeing = this.engines.filter((_, i) => i !== subject && vector[i] === expected).slice(0, 2);
    return this.evaluator([...agreeing, this.engines[subject]!]);
  }

  private evaluator(engines: readonly Engine[]): Evaluator {
    const key = engines.map(({ name }) => name).join(' ');
    let evaluator = this.juries.get(key);
    if (!evaluator) {
      evaluator = new Evaluator(engines, this.config, this.ledger);
      const numbers = engines.map((engine) => this.engines.indexOf(engine));
      evaluator.onEngine = (engine) => this.onEngine(numbers[engine]!);
      this.juries.set(key, evaluator);
    }
    return evaluator;
  }
}

/**
 * The dearer a move, the smaller the scenario should be that it works on: its calls are lost if a cheaper move changes
 * the scenario afterwards. So a round ends as soon as there is something to shrink again, and the walk over all
 * landmarks comes when nothing else has changed.
 */
function canonicalRound(search: Search): void {
  for (const move of SHRINK) move(search);
  const shrunk = search.scenario;
  for (const move of PLAIN) {
    move(search);
    if (sizeOf(search.scenario) < sizeOf(shrunk)) return;
  }
  if (search.scenario === shrunk) relocateIndex(search);
}

/** One wrong bit of a bitmap shows in several ways: the worst of them names the divergence. */
const FAMILIES: readonly (readonly Observation['kind'][])[] = [
  ['bitmap:denied-passthrough', 'bitmap:unwanted-passthrough', 'bitmap:needless-intercept'],
  ['bitmap:nested-denied-passthrough', 'bitmap:nested-needless-intercept'],
];

function familyOf(kind: Observation['kind']): readonly Observation['kind'][] {
  return FAMILIES.find((family) => family.includes(kind)) ?? [kind];
}

function placesOf({ base, profile }: VmConfig, vendor: Vendor | undefined): Places {
  const candidates = vendor ? passthroughCandidates(vendor, profile) : [];
  const outcomes = [BaseOutcome.HANDLED, BaseOutcome.UNKNOWN, BaseOutcome.INVALID];
  const exemplars = outcomes.flatMap((outcome) => {
    for (let index = 0; index < EXEMPLAR_LIMIT; index++) {
      for (const type of [0, 1] as const) if (base.outcome(index, type, 0) === outcome) return { index, type };
    }
    return [];
  });
  return {
    landmarks: [...new Set([...LANDMARKS, ...candidates.map(({ index }) => index)])].sort((a, b) => a - b),
    always: candidates.filter(({ always }) => always).map(({ index }) => index),
    exemplars,
    outcome: (index, type) => base.outcome(index, type, 0),
  };
}

function sameResult(a: Observation, b: Observation): boolean {
  return a.expected === b.expected && a.got === b.got;
}

/** Messages differ in numbers from case to case; what remains says whether it is the same error. */
function errorClass(message: string): string {
  return message.replace(/0x[0-9a-f]+|\d+/gi, '#');
}
