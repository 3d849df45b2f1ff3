import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { SvmFilter, SvmVm, svm } from '../../../engines/svm.ts';
import { BaseTable } from '../../../model/base.ts';
import type { MsrFilterRange } from '../../../model/filter.ts';
import { KERNEL_PROFILES } from '../../../model/profile.ts';
import { Route } from '../../../model/verdict.ts';
import { bv } from '../term.ts';
import {
  anyType,
  anyU32,
  commonTies,
  coversTie,
  denyingRange,
  exemptTie,
  forAll,
  holds,
  nearRange,
  tie,
  truth,
  typeBit,
  u32,
  unsigned,
  windowTie,
} from '../tie.fixture.ts';
import * as formulas from './svm.ts';

const NO_OWNER = 16;
const CHUNKS = [
  { log: 2, intercepts: 'shadow' },
  { log: 3, intercepts: 'recalc' },
] as const;
const anyByte = fc.integer({ min: 0, max: 255 });
const inMap = fc
  .tuple(fc.constantFrom(0, 0xc000_0000, 0xc001_0000), fc.integer({ min: 0, max: 0x1fff }))
  .map(([window, by]) => window + by);

/** Runs parts of the VM alone. */
class Probe extends SvmVm {
  allowed: boolean | undefined;

  constructor(intercepts: 'shadow' | 'recalc') {
    const profile = KERNEL_PROFILES.find((candidate) => candidate.intercepts === intercepts)!;
    super({ profile, base: new BaseTable([]) });
  }
  isPassedThrough(index: number, type: number): boolean {
    const routes = new Uint8Array(1);
    this.access({ indices: Uint32Array.of(index), types: Uint8Array.of(type) }, new Uint8Array(1), routes);
    return routes[0] === Route.PASSTHROUGH;
  }
  /** The map that a write leaves of one full of a byte. */
  written(old: number, index: number, type: number, intercept: boolean): Uint8Array {
    const map = new Uint8Array(8192).fill(old);
    this.writeBit(map, index, type, intercept);
    return map;
  }
  /** What is written for a candidate, both directions. */
  applied(wish: boolean, allowed: boolean): [boolean, boolean] {
    const candidate = this.candidates[0]!;
    this.allowed = allowed;
    this.wish.set(candidate.index, { read: wish, write: wish });
    this.applyWish(candidate);
    return [!this.isPassedThrough(candidate.index, 0), !this.isPassedThrough(candidate.index, 1)];
  }
  mergedByteOf(l0: number, l1: number): number {
    return this.mergeByte(l0, l1);
  }
  /** The bytes that are merged, as zeros, and the candidates that they are merged for. */
  chunks(): { readonly map: Uint8Array; readonly indices: readonly number[] } {
    this.msrpm.fill(0);
    this.mergeNested(new Uint8Array(8192));
    const indices = this.candidates.filter(({ merged }) => merged).map(({ index }) => index);
    return { map: this.nestedMsrpm, indices };
  }
  protected override permitted(index: number, type: number): boolean {
    return this.allowed ?? super.permitted(index, type);
  }
}

const probe = new Probe('recalc');

class MemoProbe extends SvmFilter {
  decision = 0;
  get entries(): Uint8Array {
    return this.memo;
  }
  protected override decide(): number {
    return this.decision;
  }
}

const inSlot = (slot: number, range: MsrFilterRange): MsrFilterRange & { slot: number } => ({ ...range, slot });

function filterWith(base: number, nmsrs: number): SvmFilter {
  const filter = new SvmFilter();
  filter.install([inSlot(0, denyingRange(3, base, nmsrs))], 1);
  return filter;
}

/** bit() remembers one decision per type, in one entry. */
function memo(): void {
  const filter = new MemoProbe();
  forAll([anyU32, anyType, fc.constantFrom(0, 1), fc.constantFrom(0, 1)], (index, type, first, second) => {
    filter.install([inSlot(0, denyingRange(3, 0x10, 1))], 1);
    const entry = unsigned(formulas.memoEntry(u32(index)));
    filter.decision = first;
    expect(filter.bit(index, type)).toBe(first);
    let expected = formulas.memoWith(u32(0), typeBit(type), bv(first, 1));
    expect(filter.entries[entry]).toBe(unsigned(expected));
    filter.decision = second;
    expect(filter.bit(index, 1 - type)).toBe(second);
    expected = formulas.memoWith(expected, typeBit(1 - type), bv(second, 1));
    expect(filter.entries[entry]).toBe(unsigned(expected));
    // Remembered, not decided again.
    filter.decision = 1 - first;
    expect(filter.bit(index, type)).toBe(unsigned(formulas.memoPart(expected, typeBit(type))) & 1);
    expect(filter.entries.filter((value) => value !== 0)).toHaveLength(1);
  });
}

/** decide() reads exactly one bit. */
function bits(): void {
  forAll([fc.integer({ min: 0, max: 12_287 }), anyType, anyU32], (offset, type, base) => {
    if (base + 12_288 > 0xffff_ffff) return;
    const bitmap = new Uint8Array(0x600);
    bitmap[unsigned(formulas.byteOf(u32(offset)))] = 1 << unsigned(formulas.bitInByte(u32(offset)));
    for (const isSet of [1, 0]) {
      const filter = new SvmFilter();
      const range = { flags: 3, base, nmsrs: 12_288, bitmap: isSet === 1 ? bitmap : bitmap.map((byte) => ~byte) };
      filter.install([inSlot(0, range)], 1 - isSet);
      expect(filter.bit(base + offset, type)).toBe(isSet);
    }
  });
}

/** writeBit() writes exactly one bit. */
function writes(): void {
  forAll([inMap, anyType, anyByte, fc.boolean()], (index, type, old, intercept) => {
    const byte = unsigned(formulas.interceptByte(u32(index), typeBit(type)));
    const mask = unsigned(formulas.interceptMask(u32(index), typeBit(type)));
    const number = unsigned(formulas.bitNumberOf(u32(index))) + type;
    const expected = new Uint8Array(8192).fill(old);
    expected[byte] = unsigned(formulas.interceptWritten(u32(old), u32(index), typeBit(type), truth(intercept)));
    expect(Buffer.compare(probe.written(old, index, type, intercept), expected)).toBe(0);
    const alone = probe.written(0, index, type, true);
    expect(alone[byte]).toBe(mask);
    expect((alone[number >>> 3]! >>> (number & 7)) & 1).toBe(1);
  });
}

/** access() reads exactly one bit. */
function reads(): void {
  const map = probe.bitmap('l1');
  forAll([inMap, anyType], (index, type) => {
    const byte = unsigned(formulas.accessByte(u32(index)));
    for (const isSet of [true, false]) {
      map.fill(isSet ? 0 : 0xff);
      map[byte] = map[byte]! ^ (1 << unsigned(formulas.accessBit(u32(index), typeBit(type))));
      expect(probe.isPassedThrough(index, type)).toBe(!isSet);
    }
  });
}

const BOOLEANS = [true, false] as const;

describe('formulas of svm', () => {
  tie<typeof formulas>({
    ...commonTies(svm, formulas),
    isLive: () => {
      forAll([nearRange], ({ base, nmsrs }) => {
        const owned = filterWith(base, nmsrs).slotFor(base, 0) === 0;
        expect(owned).toBe(holds(formulas.isLive(u32(base), u32(nmsrs))));
      });
    },
    cut: () => {
      forAll([nearRange], ({ base, nmsrs }) => {
        if (!holds(formulas.isLive(u32(base), u32(nmsrs)))) return;
        const filter = filterWith(base, nmsrs);
        const cut = unsigned(formulas.cut(u32(base), u32(nmsrs)));
        expect([filter.slotFor(cut - 1, 0), filter.slotFor(cut, 0)]).toEqual([0, NO_OWNER]);
      });
    },
    covers: coversTie(svm, formulas.covers, formulas.isLive),
    searchStep: () => {
      const starts = fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 16 });
      forAll([starts, fc.integer({ min: 0, max: 130 })], (halves, index) => {
        const bases = halves.map((half) => half * 2).sort((a, b) => a - b);
        const filter = new SvmFilter();
        filter.install(
          bases.map((base, slot) => inSlot(slot, denyingRange(3, base, 1))),
          1,
        );
        const cuts = [0, ...bases.flatMap((base) => [base, base + 1])];
        let low = u32(0);
        let count = u32(cuts.length);
        while (unsigned(count) > 1) {
          const { half } = formulas.searchStep(low, count, truth(true));
          const passes = cuts[unsigned(low) + unsigned(half)]! <= index;
          ({ low, count } = formulas.searchStep(low, count, truth(passes)));
          // Values, lest the terms grow.
          [low, count] = [u32(unsigned(low)), u32(unsigned(count))];
        }
        const slot = bases.indexOf(cuts[unsigned(low)]!);
        expect(filter.slotFor(index, 0)).toBe(slot < 0 ? NO_OWNER : slot);
      });
    },
    memoEntry: memo,
    memoPart: memo,
    memoWith: memo,
    byteOf: bits,
    bitInByte: bits,
    exempt: exemptTie(svm, formulas.exempt),
    isInMap: windowTie(probe, formulas.isInMap),
    bitNumberOf: writes,
    interceptByte: writes,
    interceptMask: writes,
    interceptWritten: writes,
    accessByte: reads,
    accessBit: reads,
    intercepts: () => {
      for (const wish of BOOLEANS) {
        for (const allowed of BOOLEANS) {
          const expected = holds(formulas.intercepts(truth(wish), truth(allowed)));
          expect(new Probe('recalc').applied(wish, allowed)).toEqual([expected, expected]);
        }
      }
    },
    mergedByte: () => {
      forAll([anyByte, anyByte], (l0, l1) => {
        expect(probe.mergedByteOf(l0, l1)).toBe(unsigned(formulas.mergedByte(u32(l0), u32(l1))));
      });
    },
    chunkStart: () => {
      for (const { log, intercepts } of CHUNKS) {
        const { map, indices } = new Probe(intercepts).chunks();
        const expected = new Uint8Array(8192).fill(0xff);
        for (const index of indices) {
          const start = unsigned(formulas.chunkStart(u32(index), log));
          expected.fill(0, start, start + 2 ** log);
        }
        expect(Buffer.compare(map, expected)).toBe(0);
      }
    },
  });
});
