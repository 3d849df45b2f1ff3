/**
 * Filters up to isomorphism: every relative order of range ends, at every fixed boundary, times the ranges' flags;
 * each as concrete filters whose bits name the range and the bit that an access consults.
 */

import { KVM_MSR_FILTER_MAX_RANGES, type MsrFilter, type MsrFilterRange } from '../model/filter.ts';
import type { KernelProfile } from '../model/profile.ts';
import type { AccessBatch } from '../model/scenario.ts';
import { AccessType } from '../model/verdict.ts';
import { type Frame, framesFor, type Placement } from './frames.ts';
import { insert, intervalOrders, levelsOf, type Order } from './orders.ts';
import type { RangesPlan } from './plan.ts';

/** A frame with a number of ranges in it, and which shards are its. */
export interface Unit {
  readonly frame: Frame;
  readonly ranges: number;
  readonly firstShard: number;
  readonly shards: number;
  /** Orders that its orders come of, by inserting one more item. */
  readonly parents: number;
  readonly parentsPerShard: number;
}

/** Filters of one shard, about: a second's work. */
const FILTERS_PER_SHARD = 100_000;
/** Rounds of a class, about. */
const USUAL_ROUNDS = 4;

/** What certificates call a unit. */
export function unitName({ frame, ranges }: Pick<Unit, 'frame' | 'ranges'>): string {
  return `${ranges} ${ranges === 1 ? 'range' : 'ranges'}, ${frame.id}`;
}

/** The units of a proof, in order. */
export function unitsOf({ ranges, vendors }: RangesPlan, profile: KernelProfile): Unit[] {
  const units: Unit[] = [];
  let firstShard = 0;
  for (let count = 1; count <= ranges; count++) {
    for (const frame of framesFor(vendors, profile)) {
      const [fewest, most] = frame.ranges;
      if (count < fewest || count > most) continue;
      const parents = intervalOrders(frame.boundary ? count : count - 1).length;
      // A rough count of the places of one more item: 1.6 levels per range.
      const places = 3 * count + 1;
      const orders = parents * (frame.boundary === 'point' ? places : (places * places) / 2);
      const each = (frame.variants ?? 1) * (frame.everySlot ? slotChoices(count).length : 1);
      const filters = orders * 3 ** count * USUAL_ROUNDS * each;
      const parentsPerShard = Math.ceil(parents / Math.ceil(filters / FILTERS_PER_SHARD));
      const shards = Math.ceil(parents / parentsPerShard);
      units.push({ frame, ranges: count, firstShard, shards, parents, parentsPerShard });
      firstShard += shards;
    }
  }
  return units;
}

/** Every order of the unit that comes of these parents; the array given to `visit` is reused. */
export function ordersOf({ frame, ranges }: Unit, from: number, to: number, visit: (order: Order) => void): void {
  const parents = intervalOrders(frame.boundary ? ranges : ranges - 1);
  for (const parent of parents.slice(from, to)) {
    insert(parent, frame.boundary ?? 'interval', (order) => {
      if (!frame.admits || frame.admits(order)) visit(order);
    });
  }
}

/** Slots of the ranges, and whether the other slots hold ranges elsewhere. */
interface SlotChoice {
  readonly slots: readonly number[];
  readonly filled: boolean;
}

function slotChoices(ranges: number): SlotChoice[] {
  const choices: SlotChoice[] = [];
  const extend = (slots: readonly number[]): void => {
    if (slots.length === ranges) {
      choices.push({ slots, filled: false }, { slots, filled: true });
      return;
    }
    for (let slot = (slots.at(-1) ?? -1) + 1; slot < KVM_MSR_FILTER_MAX_RANGES; slot++) extend([...slots, slot]);
  };
  extend([]);
  return choices;
}

/** Range of one MSR, denied, that no access of a class comes near. */
const ELSEWHERE = 0x5000_0000;
const EMPTY_SLOT: MsrFilterRange = { flags: 0, base: 0, nmsrs: 0, bitmap: null };
const FILLED_SLOTS = Array.from(
  { length: KVM_MSR_FILTER_MAX_RANGES },
  (_, slot): MsrFilterRange => ({ flags: 3, base: ELSEWHERE + slot * 0x10000, nmsrs: 1, bitmap: new Uint8Array(8) }),
);

interface Writable {
  flags: number;
  base: number;
  nmsrs: number;
  bitmap: Uint8Array;
}

/** Called for each filter of a class; false ends the walk. Filter and batch are reused. */
export type ClassVisitor = (filter: MsrFilter, batch: AccessBatch) => boolean;

/** Makes the filters and accesses of one unit's classes. */
export class ClassMaker {
  private readonly unit: Unit;
  private readonly ranges: Writable[];
  private readonly filters: { readonly filter: { flags: number; ranges: MsrFilterRange[] } }[];
  private readonly batches = new Map<number, AccessBatch>();
  /** Bitmaps by round and range. */
  private readonly bitmaps: Uint8Array[][] = [];

  constructor(unit: Unit) {
    this.unit = unit;
    this.ranges = Array.from({ length: unit.ranges }, () => ({
      flags: 0,
      base: 0,
      nmsrs: 0,
      bitmap: new Uint8Array(0),
    }));
    const choices = unit.frame.everySlot
      ? slotChoices(unit.ranges)
      : [{ slots: this.ranges.map((_, slot) => slot), filled: false }];
    this.filters = choices.map(({ slots, filled }) => {
      const length = unit.frame.everySlot ? KVM_MSR_FILTER_MAX_RANGES : unit.ranges;
      const ranges = Array.from({ length }, (_, slot) => {
        const place = slots.indexOf(slot);
        return place >= 0 ? this.ranges[place]! : filled ? FILLED_SLOTS[slot]! : EMPTY_SLOT;
      });
      return { filter: { flags: 0, ranges } };
    });
  }

  /** All filters of the order's classes. False if the visitor ended it. */
  make(order: Order, visit: ClassVisitor): boolean {
    const { place, variants = 1 } = this.unit.frame;
    const levels = levelsOf(order);
    for (let variant = 0; variant < variants; variant++) {
      const at = place(levels, order.at(-2)!, order.at(-1)!, variant);
      if (!this.makeAt(order, levels, at, visit)) return false;
    }
    return true;
  }

  private makeAt(order: Order, levels: number, place: Placement, visit: ClassVisitor): boolean {
    const { ranges } = this;
    for (const [i, range] of ranges.entries()) {
      range.base = place(order[i * 2]!);
      range.nmsrs = place(order[i * 2 + 1]!) - range.base;
    }
    const batch = this.batchOf(probes(levels, place));
    const rounds = this.encode(batch.indices);
    for (let round = 0; round < rounds; round++) {
      for (const [i, range] of ranges.entries()) range.bitmap = this.bitmaps[round]![i]!;
      // Bit `round` of the default's code word.
      const flags = ((DEFAULT_CODE >>> round) & 1) === 1 ? 0 : 1;
      for (const { filter } of this.filters) {
        filter.flags = flags;
        for (let combination = 0; combination < 3 ** ranges.length; combination++) {
          for (let i = 0, rest = combination; i < ranges.length; i++, rest = Math.floor(rest / 3)) {
            ranges[i]!.flags = 1 + (rest % 3);
          }
          if (!visit(filter, batch)) return false;
        }
      }
    }
    return true;
  }

  /**
   * Gives each bit that a range has for one of the indices a code word, whose bit r is what the bitmap holds in round r,
   * so that the verdicts of all rounds say which bit of which range was consulted, or the default, or the exemption.
   * Returns the number of rounds.
   */
  private encode(indices: Uint32Array): number {
    const { ranges } = this;
    const probed = indices.length / 2;
    let bits = 0;
    for (const { base, nmsrs } of ranges) {
      for (let i = 0; i < probed; i++) if (indices[i]! >= base && indices[i]! - base < nmsrs) bits++;
    }
    let rounds = 2;
    while (2 ** rounds - RESERVED_CODES < bits) rounds++;
    for (let round = 0; round < rounds; round++) this.prepare(round);
    let code = FIRST_CODE;
    for (const [range, { base, nmsrs }] of ranges.entries()) {
      for (let i = 0; i < probed; i++) {
        const bit = indices[i]! - base;
        if (bit < 0 || bit >= nmsrs) continue;
        for (let round = 0; round < rounds; round++) {
          if (((code >>> round) & 1) === 1) this.bitmaps[round]![range]![bit >>> 3]! |= 1 << (bit & 7);
        }
        code++;
      }
    }
    return rounds;
  }

  /** Bitmaps of one round, all 0. */
  private prepare(round: number): void {
    this.bitmaps[round] ??= [];
    const row = this.bitmaps[round]!;
    for (const [i, { nmsrs }] of this.ranges.entries()) {
      const bytes = Math.ceil(nmsrs / 64) * 8;
      if (row[i]?.length === bytes) row[i]!.fill(0);
      else row[i] = new Uint8Array(bytes);
    }
  }

  private batchOf(indices: readonly number[]): AccessBatch {
    const { length } = indices;
    let batch = this.batches.get(length);
    if (!batch) {
      batch = {
        indices: new Uint32Array(length * 2),
        types: new Uint8Array(length * 2).fill(AccessType.WRITE, length),
      };
      this.batches.set(length, batch);
    }
    batch.indices.set(indices);
    batch.indices.set(indices, length);
    return batch;
  }
}

/** The default's word has a 0 and a 1, so that one filter of the class allows by default and one denies. */
const DEFAULT_CODE = 1;
/** Not all zeros, which is what a denial without a bit looks like, and a bit that no access may consult. */
const FIRST_CODE = 2;
/** Zeros, that of the default, and all ones, which is what an exemption looks like. */
const RESERVED_CODES = 3;
const TOP = 2 ** 32;

/** MSR indices on both sides of every level, and between levels; what lies past 2^32, at its u32 value as well. */
function probes(levels: number, place: Placement): number[] {
  const indices = new Set<number>();
  const add = (index: number): void => {
    // What a wrapped range would cover if its end were not compared with its base.
    if (index >= 0) indices.add(index >= TOP ? index - TOP : index);
  };
  for (let level = 0; level < levels; level++) {
    const at = place(level);
    for (const index of [at - 1, at, at + 1]) add(index);
    if (level > 0) add(Math.floor((place(level - 1) + at) / 2));
  }
  return [...indices].sort((a, b) => a - b);
}
