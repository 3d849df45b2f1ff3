/** The smallest policy that still shows something. */
import type { IndexRange } from '../index-set.ts';
import type { Policy, PolicyRule } from '../policy/policy.ts';

/**
 * Takes away whatever can be taken away, until nothing can: rules, MSRs of rules, directions, and MSRs of ranges.
 * Greedy: no part of the result can be left out, but another policy may be smaller.
 */
export function minimizePolicy(policy: Policy, shows: (policy: Policy) => boolean): Policy {
  let smallest = policy;
  for (;;) {
    const smaller = firstThat(candidates(smallest), shows);
    if (!smaller) return smallest;
    smallest = smaller;
  }
}

function firstThat(policies: Iterable<Policy>, shows: (policy: Policy) => boolean): Policy | undefined {
  for (const policy of policies) if (shows(policy)) return policy;
  return undefined;
}

function* candidates({ default: byDefault, rules }: Policy): Generator<Policy> {
  // Halves first: most rules have nothing to do with it.
  for (let size = rules.length; size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < rules.length; at += size) yield { default: byDefault, rules: rules.toSpliced(at, size) };
  }
  for (const [at, rule] of rules.entries()) {
    for (const smaller of smallerRules(rule)) yield { default: byDefault, rules: rules.with(at, smaller) };
  }
}

function* smallerRules(rule: PolicyRule): Generator<PolicyRule> {
  const { msrs, read, write } = rule;
  if (msrs.length > 1) for (const at of msrs.keys()) yield { ...rule, msrs: msrs.toSpliced(at, 1) };
  if (read !== undefined && write !== undefined)
    yield* [
      { msrs, read },
      { msrs, write },
    ];
  for (const [at, range] of msrs.entries()) {
    for (const smaller of smallerRanges(range)) yield { ...rule, msrs: msrs.with(at, smaller) };
  }
}

function* smallerRanges({ first, last }: IndexRange): Generator<IndexRange> {
  if (first === last) return;
  const middle = Math.floor((first + last) / 2);
  yield { first, last: first };
  yield { first: last, last };
  yield { first, last: middle };
  yield { first: middle + 1, last };
  yield { first, last: last - 1 };
  yield { first: first + 1, last };
}
