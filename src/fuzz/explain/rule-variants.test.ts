import { describe, expect, it } from 'vitest';
import type { VmConfig } from '../../engines/contract.ts';
import { fromDecision } from '../../engines/decision.ts';
import { interval } from '../../engines/interval.ts';
import { reference } from '../../engines/reference.ts';
import { catalogueBase } from '../../model/catalogue.ts';
import { findProfile, NEWEST_PROFILE } from '../../model/profile.ts';
import { parseScenario } from '../../model/scenario-json.ts';
import { CaseGenerator } from '../case.ts';
import type { Observation } from '../compare.ts';
import { Evaluator } from '../evaluate.ts';
import { Ledger, SHIPPED_LEDGER } from '../ledger.ts';
import { Minimizer, type Reduction } from '../reduce/minimize.ts';
import { caseChoices } from '../shard.ts';
import { explainRule } from './blame.ts';
import { RULE_VARIANTS, type RuleVariant } from './rule-variants.ts';

const base = catalogueBase();
const DAY = '2026-01-01';
/** Variants that are the documented rule of the newest kernel; they differ from older ones. */
const OF_OLD_KERNELS = new Set(['unknown filter flags rejected']);
const MAX_CASES = 4000;

function configFor({ name }: RuleVariant): VmConfig {
  return { profile: OF_OLD_KERNELS.has(name) ? findProfile('5.10')! : NEWEST_PROFILE, base };
}

/** The first divergence of the variant that a campaign finds, in its normal form. */
function find(variant: RuleVariant, seed: bigint): Reduction | undefined {
  const config = configFor(variant);
  const ledger = new Ledger(SHIPPED_LEDGER, config.profile.id, DAY);
  const engines = [reference, interval, variant.engine];
  const evaluator = new Evaluator(engines, config, ledger);
  const generator = new CaseGenerator(config.profile, 1024);
  for (let n = 0; n < MAX_CASES; n++) {
    const scenario = generator.generate(caseChoices(seed, n));
    if (evaluator.run(scenario)) continue;
    let seen: Observation | undefined;
    evaluator.observe((observation) => {
      seen ??= observation;
      return false;
    });
    if (seen) return new Minimizer(engines, config, ledger).minimize(scenario, seen);
  }
  return undefined;
}

describe('rule variants', () => {
  it('are many, with unique names', () => {
    expect(RULE_VARIANTS.length).toBeGreaterThanOrEqual(24);
    expect(new Set(RULE_VARIANTS.map(({ name }) => name)).size).toBe(RULE_VARIANTS.length);
    expect(new Set(RULE_VARIANTS.map(({ engine }) => engine.name)).size).toBe(RULE_VARIANTS.length);
    for (const { engine } of RULE_VARIANTS) expect(engine.name).toMatch(/^[\w.@-]{1,64}$/);
  });

  it('explain themselves where a campaign finds them', () => {
    const wrong: string[] = [];
    const lost: string[] = [];
    let unique = 0;
    for (const variant of RULE_VARIANTS) {
      const config = configFor(variant);
      const ledger = new Ledger(SHIPPED_LEDGER, config.profile.id, DAY);
      const found = find(variant, 1n);
      if (!found) {
        lost.push(variant.name);
        continue;
      }
      const rules = explainRule(found.scenario, found.observation, variant.engine, config, ledger);
      const names = rules?.map(({ name }) => name) ?? [];
      if (!names.includes(variant.name)) wrong.push(`${variant.name}: explained by ${names.join(', ') || 'none'}`);
      else if (names.length === 1) unique++;
    }
    expect(wrong).toEqual([]);
    // How soon the rarest are found is the generator's affair.
    expect(lost.length, lost.join(', ')).toBeLessThanOrEqual(4);
    expect(unique / RULE_VARIANTS.length).toBeGreaterThanOrEqual(0.8);
  });

  it('do not explain a mistake that is none of them', () => {
    const config: VmConfig = { profile: NEWEST_PROFILE, base };
    const ledger = new Ledger([], NEWEST_PROFILE.id, DAY);
    const allowsOne = fromDecision({ name: 'allows-0x174', allowed: (_, index) => index === 0x174 });
    const scenario = parseScenario({ events: [{ access: [['0x10', 'r']] }] }, 'test');
    const observation = { kind: 'verdict', event: 0, index: 0x10 } as const;
    expect(explainRule(scenario, observation, allowsOne, config, ledger)).toBeUndefined();
  });

  it('leave the kinds alone that they cannot reproduce', () => {
    const config: VmConfig = { profile: NEWEST_PROFILE, base };
    const ledger = new Ledger([], NEWEST_PROFILE.id, DAY);
    const at = { event: 0, index: 0 };
    const explain = (kind: Observation['kind']): string[] | undefined =>
      explainRule({ events: [] }, { kind, ...at }, interval, config, ledger)?.map(({ name }) => name);
    expect(explain('engine-error')).toBeUndefined();
    expect(explain('metamorphic:split-range')).toBeUndefined();
    expect(explain('bitmap:needless-intercept')).toEqual(['needless-intercept']);
  });
});
