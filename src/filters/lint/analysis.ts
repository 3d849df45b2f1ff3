/**
 * Which range decides what, found by asking the reference about variants of the filter and comparing all 2^33 decisions,
 * so that the rules of matching are stated in the engine alone.
 */
import type { MsrFilter, MsrFilterRange } from '../../model/filter.ts';
import type { KernelProfile } from '../../model/profile.ts';
import type { AccessType } from '../../model/verdict.ts';
import { type Decisions, install } from '../decisions.ts';
import type { IndexSet } from '../index-set.ts';
import { padded } from './bytes.ts';

export const DIRECTIONS = [0, 1] as const satisfies readonly AccessType[];

/** One set per access type. */
export type BothSets = readonly [IndexSet, IndexSet];

/** A range that is accepted and never matches: no range can name the last index, base + nmsrs is 0 there. */
const NEUTRAL: MsrFilterRange = { flags: 3, base: 0xffff_ffff, nmsrs: 1, bitmap: new Uint8Array(8) };

export class Analysis {
  /** The filter as it is meant: short bitmaps padded, slots that the ioctl would refuse emptied of meaning. */
  readonly filter: MsrFilter;
  readonly profile: KernelProfile;
  /** Slots that the ioctl refuses for more than a short bitmap. */
  readonly refused: readonly number[];
  /** That what the filter decides as a whole is known: the ioctl takes it, once short bitmaps are padded. */
  readonly complete: boolean;
  readonly decisions: Decisions;
  private readonly ownedBy = new Map<number, BothSets>();

  constructor(filter: MsrFilter, profile: KernelProfile) {
    this.profile = profile;
    const ranges = filter.ranges.map(padded);
    this.refused = [...ranges.keys()].filter((slot) => rangeErrno(ranges[slot]!, profile) !== 0);
    const accepted = ranges.map((range, slot) => (this.refused.includes(slot) ? NEUTRAL : range));
    this.filter = { flags: filter.flags & 1, ranges: accepted };
    const { errno, decisions } = install(this.filter, profile);
    this.decisions = decisions;
    this.complete = this.refused.length === 0 && errno === 0;
  }

  /** Accesses that a slot decides: those that differ between all of its bits 0 and all 1. */
  owned(slot: number): BothSets {
    let owned = this.ownedBy.get(slot);
    if (!owned) {
      owned = this.decidedBy(this.filter, slot);
      this.ownedBy.set(slot, owned);
    }
    return owned;
  }

  /** Accesses that a slot would decide if it were the only one. */
  claimed(slot: number): BothSets {
    return this.decidedBy({ flags: 0, ranges: [this.filter.ranges[slot]!] }, 0);
  }

  /** Accesses that are allowed where the slot is the only one and the default denies. */
  allowedAlone(slot: number): Decisions {
    return install({ flags: 1, ranges: [this.filter.ranges[slot]!, NEUTRAL] }, this.profile).decisions;
  }

  /** Accesses that are decided otherwise without the slot. */
  effects(slot: number): BothSets {
    const { decisions } = install(this.replaced(this.filter, slot, NEUTRAL), this.profile);
    return both((type) => this.decisions[type].xor(decisions[type]));
  }

  /** Accesses that are denied, by a bit of some range or by the default. */
  denied(by: 'range' | 'default', type: AccessType): IndexSet {
    const denied = this.decisions[type].complement();
    const slots = [...this.filter.ranges.keys()];
    const owned = slots.reduce((set, slot) => set.or(this.owned(slot)[type]), denied.xor(denied));
    return by === 'range' ? denied.and(owned) : denied.without(owned);
  }

  private decidedBy(filter: MsrFilter, slot: number): BothSets {
    const range = filter.ranges[slot]!;
    const size = range.bitmap?.length ?? 0;
    const all = (byte: number): Decisions => {
      const bitmap = new Uint8Array(size).fill(byte);
      return install(this.replaced(filter, slot, { ...range, bitmap }), this.profile).decisions;
    };
    const [zeros, ones] = [all(0), all(0xff)];
    return both((type) => zeros[type].xor(ones[type]));
  }

  private replaced({ flags, ranges }: MsrFilter, slot: number, by: MsrFilterRange): MsrFilter {
    return { flags, ranges: ranges.with(slot, by) };
  }
}

export function both(set: (type: (typeof DIRECTIONS)[number]) => IndexSet): BothSets {
  return [set(0), set(1)];
}

/** What the ioctl answers to the range in a filter that has no other. */
export function rangeErrno(range: MsrFilterRange, profile: KernelProfile): number {
  return install({ flags: 0, ranges: [range] }, profile).errno;
}
