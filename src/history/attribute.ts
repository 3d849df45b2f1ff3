/** Which rules a divergence between two generations comes from: computed by exchanging them. */
import { differingRules, type HistoryRules, type RuleName, withRule } from '../engines/history/rules.ts';
import { neighbourhood, type Place } from '../fuzz/explain/neighbourhood.ts';
import type { Scenario } from '../model/scenario.ts';
import { type Agreement, equalized } from './views.ts';

/**
 * The rules that explain the divergence: with any one of them taken from `to`, `from` no longer diverges on the scenario.
 * Of several, those with which `to` has `from`'s results when it takes the rule from there; of these, those that explain
 * most of the neighbourhood. More than one: nothing around this divergence tells them apart. Empty: no single one does.
 */
export function explainingRules(
  agreement: Agreement,
  from: HistoryRules,
  to: HistoryRules,
  scenario: Scenario,
  place: Place,
): RuleName[] {
  const forward = differingRules(from, to).filter((rule) => agreement.holds(withRule(from, rule, to), to, scenario));
  if (forward.length < 2) return forward;
  const both = forward.filter((rule) => agreement.holds(from, withRule(to, rule, from), scenario));
  const left = both.length > 0 ? both : forward;
  if (left.length === 1) return left;
  const scores = left.map((rule) => {
    const changed = withRule(from, rule, to);
    let agreeing = 0;
    for (const near of neighbourhood(scenario, place)) if (agreement.holds(changed, to, near)) agreeing++;
    return agreeing;
  });
  const best = Math.max(...scores);
  return left.filter((_, i) => scores[i] === best);
}

/** Most rules that are exchanged together. */
const MAX_TOGETHER = 3;

/**
 * The smallest set of rules that explains a divergence that no single one does, in the same sense; undefined if none of
 * up to three does.
 */
export function explainingSet(
  agreement: Agreement,
  from: HistoryRules,
  to: HistoryRules,
  scenario: Scenario,
): RuleName[] | undefined {
  const rules = differingRules(from, to);
  for (let size = 2; size <= MAX_TOGETHER; size++) {
    const forward = subsets(rules, size).filter((set) => agreement.holds(equalized(from, to, set), to, scenario));
    const both = forward.find((set) => agreement.holds(from, equalized(to, from, set), scenario));
    if (forward.length > 0) return both ?? forward[0];
  }
  return undefined;
}

function subsets(rules: readonly RuleName[], size: number): RuleName[][] {
  if (size === 0) return [[]];
  return rules.flatMap((rule, i) => subsets(rules.slice(i + 1), size - 1).map((rest) => [rule, ...rest]));
}
