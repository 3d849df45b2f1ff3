/**
 * fast-check arbitraries for filters and scenarios, valid and invalid. They run the campaign's own generator on
 * fast-check's random words, so what they draw has the distribution of space.ts, and shrink by structural edits.
 */
import { Arbitrary, type Random, Stream, Value } from 'fast-check';
import type { MsrFilter, MsrFilterRange } from '../model/filter.ts';
import { type KernelProfile, NEWEST_PROFILE } from '../model/profile.ts';
import { SCENARIO_MAX_EVENTS, type Scenario } from '../model/scenario.ts';
import { parseScenario, scenarioToJson } from '../model/scenario-json.ts';
import { allCandidates, CaseGenerator, copyScenario } from './case.ts';
import { BitmapPool, generateFilter, generateRange } from './generate.ts';
import type { Choices } from './random.ts';
import { smallerFilters, smallerRanges, smallerScenarios } from './shrink.ts';
import { NEUTRAL_STEERING, Policy } from './space.ts';

/** What all arbitraries take. */
export interface ArbitraryOptions {
  /** Kernel whose pass-through candidates filters and accesses aim at; default: the newest. */
  readonly profile?: KernelProfile;
}

/** What the arbitrary of scenarios takes. */
export interface ScenarioOptions extends ArbitraryOptions {
  /** Most accesses of a scenario, default 64. */
  readonly accesses?: number;
}

/** Filters as user space may pass them: what the ioctl rejects included. */
export function msrFilter(options: ArbitraryOptions = {}): Arbitrary<MsrFilter> {
  return new Generated(filterSource(options), smallerFilters, (value) => wellFormed(asScenario(value)));
}

/** Single slots of filters. */
export function msrFilterRange(options: ArbitraryOptions = {}): Arbitrary<MsrFilterRange> {
  return new Generated(rangeSource(options), smallerRanges, (value) =>
    wellFormed(asScenario({ flags: 0, ranges: [value] })),
  );
}

/** Whole scenarios: filters, exit masks, APIC modes, candidates, replies, nested entries and accesses. */
export function scenario({ profile = NEWEST_PROFILE, accesses = 64 }: ScenarioOptions = {}): Arbitrary<Scenario> {
  const generator = new CaseGenerator(profile, accesses);
  return new Generated((choices) => copyScenario(generator.generate(choices)), smallerScenarios, wellFormed);
}

/** fast-check's random source as the generator's. */
class RandomChoices implements Choices {
  private readonly random: Random;

  constructor(random: Random) {
    this.random = random;
  }

  u32(): number {
    return this.random.nextInt() >>> 0;
  }

  below(bound: number): number {
    return Math.floor((this.u32() / 0x1_0000_0000) * bound);
  }
}

/** What the generator makes of random words, and what is smaller than a value. */
class Generated<T> extends Arbitrary<T> {
  private readonly source: (choices: Choices) => T;
  private readonly smaller: (value: T) => Iterator<T>;
  private readonly check: (value: unknown) => boolean;

  constructor(source: (choices: Choices) => T, smaller: (value: T) => Iterator<T>, check: (value: unknown) => boolean) {
    super();
    this.source = source;
    this.smaller = smaller;
    this.check = check;
  }

  override generate(random: Random): Value<T> {
    return new Value(this.source(new RandomChoices(random)), undefined);
  }

  override canShrinkWithoutContext(value: unknown): value is T {
    return this.check(value);
  }

  override shrink(value: T): Stream<Value<T>> {
    const smaller = this.smaller(value);
    function* values(): Generator<Value<T>, undefined> {
      for (let next = smaller.next(); next.done !== true; next = smaller.next()) yield new Value(next.value, undefined);
    }
    return new Stream(values());
  }
}

function filterSource({ profile = NEWEST_PROFILE }: ArbitraryOptions): (choices: Choices) => MsrFilter {
  const [policy, pool, candidates] = [new Policy(), new BitmapPool(), allCandidates(profile)];
  return (choices) => {
    policy.reset(choices, NEUTRAL_STEERING);
    pool.reset();
    return own(generateFilter({ choices, policy, pool, candidates }, undefined));
  };
}

function rangeSource({ profile = NEWEST_PROFILE }: ArbitraryOptions): (choices: Choices) => MsrFilterRange {
  const [policy, pool, candidates] = [new Policy(), new BitmapPool(), allCandidates(profile)];
  return (choices) => {
    policy.reset(choices, NEUTRAL_STEERING);
    pool.reset();
    return own({ flags: 0, ranges: [generateRange({ choices, policy, pool, candidates }, [])] }).ranges[0]!;
  };
}

const asScenario = (filter: unknown): unknown => ({ events: [{ kind: 'filter', filter }] });

/** A copy that shares no memory with the generator's pool. */
function own(filter: MsrFilter): MsrFilter {
  const [event] = copyScenario({ events: [{ kind: 'filter', filter }] }).events;
  return (event as { filter: MsrFilter }).filter;
}

/** Whether the value has the JSON form of a scenario: the codec names every field that is out of range. */
function wellFormed(value: unknown): boolean {
  try {
    const { events } = value as Scenario;
    for (const event of events)
      if (event.kind === 'access' && event.batch.indices.length !== event.batch.types.length) return false;
    parseScenario(scenarioToJson({ events }), 'value');
    return events.length <= SCENARIO_MAX_EVENTS;
  } catch {
    return false;
  }
}
