import { describe, expect, it } from 'vitest';
import type { VmConfig } from '../engines/contract.ts';
import { fromDecision } from '../engines/decision.ts';
import { interval } from '../engines/interval.ts';
import { reference } from '../engines/reference.ts';
import { catalogueBase } from '../model/catalogue.ts';
import { NEWEST_PROFILE } from '../model/profile.ts';
import type { Scenario } from '../model/scenario.ts';
import { CaseGenerator } from './case.ts';
import type { Observation } from './compare.ts';
import { Evaluator } from './evaluate.ts';
import { Findings } from './findings.ts';
import { Ledger } from './ledger.ts';
import { Minimizer } from './reduce/minimize.ts';
import { type KnownReductions, NOTHING_REDUCED, type Reduced } from './reductions.ts';
import { caseChoices } from './shard.ts';

const CONFIG: VmConfig = { profile: NEWEST_PROFILE, base: catalogueBase() };
const ledger = new Ledger([], CONFIG.profile.id, '2026-01-01');
const SHARD = 5;

const lax = fromDecision({ name: 'lax', allowed: () => true });
const engines = [reference, interval, lax];

/** Counts what is reduced. */
class CountingMinimizer extends Minimizer {
  readonly seen: Observation[] = [];

  override minimize(scenario: Scenario, observation: Observation): ReturnType<Minimizer['minimize']> {
    this.seen.push(observation);
    return super.minimize(scenario, observation);
  }
}

function reduce(known: KnownReductions): { reduced: Reduced; reductions: number } {
  const findings = new Findings(engines, CONFIG, ledger);
  const evaluator = new Evaluator(engines, CONFIG, ledger);
  const generator = new CaseGenerator(CONFIG.profile, 512);
  for (let number = 0; number < 24; number++) {
    const scenario = generator.generate(caseChoices(6n, number));
    if (!evaluator.run(scenario)) evaluator.observe((seen) => findings.note(seen, scenario, number));
  }
  const minimizer = new CountingMinimizer(engines, CONFIG, ledger);
  const reduced = findings.reduce(minimizer, () => {}, known, SHARD);
  return { reduced, reductions: minimizer.seen.length };
}

const blind = reduce(NOTHING_REDUCED);
const known = new Map(blind.reduced.signatures);

describe('Findings', () => {
  it('reduces what is not known, and once what one case shows in several places', () => {
    expect(blind.reduced.divergences).toHaveLength(1);
    expect(blind.reduced.again).toEqual([]);
    expect(known.size).toBeGreaterThan(2);
    expect(new Set(known.values())).toEqual(new Set([blind.reduced.divergences[0]!.id]));
    expect(blind.reductions).toBeLessThan(known.size);
  });

  it('of what is known reduces one, and counts the same cases', () => {
    const { reduced, reductions } = reduce(known);
    expect(reductions).toBe(1);
    expect(reduced.again).toEqual([]);
    expect(reduced.signatures).toHaveLength(1);
    const [{ id, cases, firstCase }] = blind.reduced.divergences as [Reduced['divergences'][0]];
    expect(reduced.divergences).toEqual([expect.objectContaining({ id, cases, firstCase })]);
  });

  it('takes what is known for what it was reduced to, and tells of another bug behind it', () => {
    const other = new Map([...known.keys()].map((signature) => [signature, 'ffff']));
    const { reduced, reductions } = reduce(other);
    expect(reductions).toBe(1);
    expect(reduced.divergences.map(({ id }) => id)).toEqual([blind.reduced.divergences[0]!.id]);
    expect(reduced.again).toEqual([expect.objectContaining({ id: 'ffff' })]);
  });

  it('reduces what is new beside what is known', () => {
    const [first, ...rest] = known.keys();
    const { reduced } = reduce(new Map(rest.map((signature) => [signature, 'ffff'])));
    expect(reduced.signatures.map(([signature]) => signature)).toContain(first);
    expect(reduced.signatures).toHaveLength(2);
  });
});
