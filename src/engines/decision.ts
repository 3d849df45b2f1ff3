/**
 * Engines that only answer "does this filter allow this access?". The rest of a VM (validation, exit mask, base
 * outcomes, replies) is the reference's, so a divergence is always about the decision.
 */
import type { MsrFilter } from '../model/filter.ts';
import type { FilterDelivery } from '../model/scenario.ts';
import { AccessType } from '../model/verdict.ts';
import type { Engine, Explanation } from './contract.ts';
import { ReferenceVm, reference } from './reference.ts';

/** What such a module exports. */
export interface DecisionModule {
  /** As `Engine.name`. */
  readonly name: string;
  /**
   * Whether the filter allows the access. `filter` is one that the ioctl has accepted, empty slots left out, or
   * `null` when none is in force.
   */
  readonly allowed: (filter: MsrFilter | null, index: number, write: boolean) => boolean;
}

class DecisionVm extends ReferenceVm {
  private readonly decide: DecisionModule['allowed'];
  private inForce: MsrFilter | null = null;

  constructor(config: ConstructorParameters<typeof ReferenceVm>[0], decide: DecisionModule['allowed']) {
    super(config);
    this.decide = decide;
  }

  override reset(): void {
    super.reset();
    this.inForce = null;
  }

  override setFilter(filter: MsrFilter, delivery: FilterDelivery): number {
    const error = super.setFilter(filter, delivery);
    if (delivery === 'compat' || delivery === 'short') return error;
    // An ioctl that fails changes nothing, or, before the SRCU fix, leaves the ranges before the bad one.
    const rejected = filter.flags > 1 && this.config.profile.unknownFilterFlagsRejected;
    const untouched =
      this.config.profile.replacement === 'swap' || rejected || filter.ranges.every((r) => r.nmsrs === 0);
    if (error !== 0 && untouched) return error;
    const { count, slot } = this.ranges;
    const accepted = filter.ranges.filter((_, i) => slot.subarray(0, count).includes(i));
    const ranges = accepted.map((range) => ({ ...range, bitmap: range.bitmap!.slice() }));
    this.inForce = count === 0 ? null : { flags: this.defaultAllow ? 0 : 1, ranges };
    return error;
  }

  override allows(index: number, type: AccessType): boolean {
    const answer = this.decide(this.inForce, index, type === AccessType.WRITE);
    if (typeof answer !== 'boolean') throw new TypeError(`allowed() returned ${String(answer)}, not a boolean`);
    return answer;
  }

  /** The module gives no reasons, and those of the reference would be somebody else's. */
  override explain(index: number, type: AccessType): Explanation {
    return { verdict: this.judge(index, type), rule: `its allowed() says ${this.allows(index, type)}` };
  }
}

export function fromDecision({ name, allowed }: DecisionModule): Engine {
  return {
    name,
    capabilities: reference.capabilities,
    createVm: (config) => new DecisionVm(config, allowed),
  };
}
