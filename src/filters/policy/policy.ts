/**
 * A policy: which MSRs a guest may read and write, without the limits of a filter. As in a filter, the first rule that
 * names the MSR and the direction decides, and the default where none does.
 */
import type { Decisions } from '../decisions.ts';
import { type IndexRange, IndexSet } from '../index-set.ts';

export type Action = 'allow' | 'deny';

export interface PolicyRule {
  /** Not empty. */
  readonly msrs: readonly IndexRange[];
  /** Left out: the rule says nothing of reads. */
  readonly read?: Action;
  readonly write?: Action;
}

export interface Policy {
  readonly default: Action;
  readonly rules: readonly PolicyRule[];
}

/** Indices that rules decide, and those of them that they allow. */
interface Decided {
  readonly decided: IndexSet;
  readonly allowed: IndexSet;
}

/** What the policy says of all 2^33 accesses. */
export function policyDecisions(policy: Policy): Decisions {
  const byDefault = policy.default === 'allow' ? IndexSet.ALL : IndexSet.EMPTY;
  const [read, write] = (['read', 'write'] as const).map((direction) => {
    const { decided, allowed } = merged(
      policy.rules.filter((rule) => rule[direction] !== undefined).map((rule) => part(rule, direction)),
    );
    return allowed.or(byDefault.without(decided));
  });
  return [read!, write!];
}

function part(rule: PolicyRule, direction: 'read' | 'write'): Decided {
  const decided = IndexSet.ofRanges(rule.msrs);
  return { decided, allowed: rule[direction] === 'allow' ? decided : IndexSet.EMPTY };
}

/** Half by half: rule after rule would take the square of the time for thousands of rules. */
function merged(parts: readonly Decided[]): Decided {
  if (parts.length === 0) return { decided: IndexSet.EMPTY, allowed: IndexSet.EMPTY };
  if (parts.length === 1) return parts[0]!;
  const [first, second] = [merged(parts.slice(0, parts.length >>> 1)), merged(parts.slice(parts.length >>> 1))];
  return {
    decided: first.decided.or(second.decided),
    allowed: first.allowed.or(second.allowed.without(first.decided)),
  };
}

/** A rule and a direction in which earlier rules decide the opposite of what it says, for all its MSRs. */
export interface DeadRule {
  readonly rule: number;
  readonly direction: 'read' | 'write';
}

/** The first rule that is contradicted in full, which is hardly meant; undefined if none is. */
export function deadRule(policy: Policy, decisions: Decisions): DeadRule | undefined {
  for (const [rule, { msrs, ...actions }] of policy.rules.entries()) {
    for (const [type, direction] of (['read', 'write'] as const).entries()) {
      const action = actions[direction];
      if (action === undefined) continue;
      const allowed = decisions[type]!;
      const effective = msrs.some(({ first, last }) =>
        action === 'allow' ? allowed.next(first) <= last : allowed.nextOutside(first) <= last,
      );
      if (!effective) return { rule, direction };
    }
  }
  return undefined;
}
