/** What builders lose over many policies: of each kind once, with the smallest policy that shows it. */
import type { KernelProfile } from '../../model/profile.ts';
import type { Policy } from '../policy/policy.ts';
import type { FilterBuilder } from './contract.ts';
import { type Loss, lossesOf } from './losses.ts';
import { minimizePolicy } from './minimize-policy.ts';

export interface BuilderFinding {
  readonly builder: string;
  /** As the smallest policy shows it. */
  readonly loss: Loss;
  readonly policy: Policy;
  /** Policies given that showed it. */
  readonly seen: number;
}

/**
 * Builder by builder; a loss under either default is one of its own, because the default alone can be the cause. Of a
 * builder that does not return for a policy, only that.
 */
export function buildersFindings(
  builders: readonly FilterBuilder[],
  policies: readonly Policy[],
  profile: KernelProfile,
  limitMs?: number,
): BuilderFinding[] {
  return builders.flatMap((builder) => {
    const shown = new Map<string, { readonly loss: Loss; readonly policy: Policy; seen: number }>();
    for (const policy of policies) {
      for (const loss of lossesOf(builder, policy, profile, limitMs)) {
        // To wait for it again and again would take hours.
        if (loss.kind === 'hung') return [{ builder: builder.name, loss, policy, seen: 1 }];
        const key = `${loss.kind} ${policy.default}`;
        const before = shown.get(key);
        if (before) before.seen++;
        else shown.set(key, { loss, policy, seen: 1 });
      }
    }
    return [...shown.values()].map(({ loss: { kind }, policy, seen }) => {
      const find = (candidate: Policy): Loss | undefined =>
        lossesOf(builder, candidate, profile, limitMs).find((loss) => loss.kind === kind);
      const smallest = minimizePolicy(policy, (candidate) => find(candidate) !== undefined);
      return { builder: builder.name, loss: find(smallest)!, policy: smallest, seen };
    });
  });
}
