import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { VmxFilter, VmxVm, vmx } from '../../../engines/vmx.ts';
import { BaseTable } from '../../../model/base.ts';
import { findProfile } from '../../../model/profile.ts';
import { Route } from '../../../model/verdict.ts';
import { not } from '../term.ts';
import {
  anyNmsrs,
  anyType,
  anyU32,
  commonTies,
  coversTie,
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
import * as formulas from './vmx.ts';

const ZEROS = new Uint8Array(0x600);
const ONES = new Uint8Array(0x600).fill(0xff);
const anySlot = fc.integer({ min: 0, max: 15 });
const anySlots = fc.integer({ min: 0, max: 0xffff });
const inBitmap = fc.integer({ min: 0, max: 0x3fff }).map((n) => (n < 0x2000 ? n : 0xc000_0000 + n - 0x2000));

/** Runs parts of the VM alone. */
class Probe extends VmxVm {
  allowed = true;

  constructor() {
    super({ profile: findProfile('newest')!, base: new BaseTable([]) });
  }
  get candidateIndices(): readonly number[] {
    return this.candidates.filter(({ merged, read }) => merged && read).map(({ index }) => index);
  }
  isPassedThrough(index: number, type: number): boolean {
    const routes = new Uint8Array(1);
    this.access({ indices: Uint32Array.of(index), types: Uint8Array.of(type) }, new Uint8Array(1), routes);
    return routes[0] === Route.PASSTHROUGH;
  }
  /** The page that a write leaves of one full of a byte. */
  written(old: number, index: number, type: number, intercept: boolean): Uint8Array {
    const page = new Uint8Array(4096).fill(old);
    this.setIntercept(page, index, type, intercept);
    return page;
  }
  isTested(page: Uint8Array, index: number, type: number): boolean {
    return this.tests(page, index, type);
  }
  intercepted(index: number, wanted: boolean, allowed: boolean): boolean {
    this.allowed = allowed;
    this.updateIntercept(index, 0, wanted);
    return this.tests(this.page, index, 0);
  }
  merged(index: number, own: boolean, l1: boolean): boolean {
    const page = new Uint8Array(4096);
    this.setIntercept(this.page, index, 0, own);
    this.setIntercept(page, index, 0, l1);
    this.mergeNested(page);
    return this.tests(this.nestedPage, index, 0);
  }
  protected override filterAllows(index: number, type: number): number {
    return this.filter?.active === true ? super.filterAllows(index, type) : Number(this.allowed);
  }
}

const probe = new Probe();

/** A filter with one range in a slot. */
function filterWith(slot: number, base: number, nmsrs: number, bitmap = ZEROS): VmxFilter {
  const filter = new VmxFilter();
  filter.add(slot, 3, base, nmsrs, bitmap);
  return filter;
}

/** add() marks the blocks of the range and no other, if it does not wrap. */
function blocks(): void {
  forAll([nearRange, anySlot], ({ base, nmsrs }, slot) => {
    const [first, last] = [formulas.firstBlock(u32(base)), formulas.lastBlock(u32(base), u32(nmsrs))];
    const expected = new Uint16Array(4096);
    if (!holds(formulas.wraps(u32(base), u32(nmsrs)))) {
      for (let block = unsigned(first); block <= unsigned(last); block++) {
        expected[unsigned(formulas.markedBlock(u32(block)))] = 1 << slot;
      }
    }
    const { slotsOfBlock } = filterWith(slot, base, nmsrs);
    // Not toEqual(), which takes ten milliseconds for 4,096 numbers.
    expect(Buffer.compare(Buffer.from(slotsOfBlock.buffer), Buffer.from(expected.buffer))).toBe(0);
  });
}

/** slotFor() looks at the slots of a set in this order. */
function order(): void {
  forAll(
    [anySlots, anySlots],
    (slots, covering) => {
      const filter = new VmxFilter();
      for (let slot = 0; slot < 16; slot++) {
        filter.base[slot] = 0x5000;
        filter.nmsrs[slot] = (covering >>> slot) & 1;
      }
      filter.slotsOfType.fill(0xffff);
      filter.slotsOfBlock.fill(slots);
      let expected = -1;
      for (let left = slots; left !== 0 && expected < 0; left = unsigned(formulas.otherSlots(u32(left)))) {
        const slot = unsigned(formulas.lowestSlot(u32(left)));
        if (((covering >>> slot) & 1) === 1) expected = slot;
      }
      expect(filter.slotFor(0x5000, 0)).toBe(expected);
    },
    100,
  );
}

/** allows() reads exactly one bit. */
function bits(): void {
  forAll([anySlot, fc.integer({ min: 0, max: 12_287 }), anyType], (slot, offset, type) => {
    const filter = filterWith(slot, 0x5000, 12_288);
    const byte = unsigned(formulas.byteOf(u32(slot), u32(offset)));
    for (const isSet of [true, false]) {
      filter.bits.fill(isSet ? 0 : 0xff);
      filter.bits[byte] = filter.bits[byte]! ^ (1 << unsigned(formulas.bitInByte(u32(offset))));
      expect(filter.allows(0x5000 + offset, type, false)).toBe(isSet ? 1 : 0);
    }
  });
}

/** setIntercept() writes exactly one bit, and tests() reads it. */
function writes(): void {
  forAll([inBitmap, anyType, fc.integer({ min: 0, max: 255 }), fc.boolean()], (index, type, old, intercept) => {
    const byte = unsigned(formulas.interceptByte(u32(index), typeBit(type)));
    const expected = new Uint8Array(4096).fill(old);
    expected[byte] = unsigned(formulas.interceptWritten(u32(old), u32(index), truth(intercept)));
    const page = probe.written(old, index, type, intercept);
    expect(Buffer.compare(page, expected)).toBe(0);
    expect(byte >>> 2).toBe(unsigned(formulas.wordOf(u32(index))) + type * 512);
    expect(probe.isTested(page, index, type)).toBe(intercept);
    expect((page[byte]! & unsigned(formulas.interceptMask(u32(index)))) !== 0).toBe(intercept);
  });
}

/** access() reads exactly one bit. */
function reads(): void {
  const words = new Uint32Array(probe.bitmap('l1').buffer);
  forAll([inBitmap, anyType], (index, type) => {
    const word = unsigned(formulas.accessWord(u32(index), typeBit(type)));
    for (const isSet of [true, false]) {
      words.fill(isSet ? 0 : 0xffff_ffff);
      words[word] = words[word]! ^ (1 << unsigned(formulas.accessBit(u32(index))));
      expect(probe.isPassedThrough(index, type)).toBe(!isSet);
    }
  });
}

const BOOLEANS = [true, false] as const;

describe('formulas of vmx', () => {
  tie<typeof formulas>({
    ...commonTies(vmx, formulas),
    last: blocks,
    wraps: () => {
      forAll([nearRange], ({ base, nmsrs }) => {
        expect(filterWith(0, base, nmsrs).slotsOfType[0] === 0).toBe(holds(formulas.wraps(u32(base), u32(nmsrs))));
      });
    },
    covers: coversTie(vmx, formulas.covers, (base, nmsrs) => not(formulas.wraps(base, nmsrs))),
    withSlot: () => {
      forAll([anySlots, anySlot], (slots, slot) => {
        const filter = new VmxFilter();
        filter.slotsOfType.fill(slots);
        filter.slotsOfBlock.fill(slots);
        filter.add(slot, 3, 0x5000, 1, ZEROS);
        const expected = unsigned(formulas.withSlot(u32(slots), u32(slot)));
        expect([...filter.slotsOfType]).toEqual([expected, expected]);
        expect(filter.slotsOfBlock[unsigned(formulas.blockOf(u32(0x5000)))]).toBe(expected);
      });
    },
    lowestSlot: order,
    otherSlots: order,
    blockOf: () => {
      forAll([anyU32.filter((index) => index < 0xffff_ffff)], (index) => {
        const filter = filterWith(3, index, 1);
        const block = unsigned(formulas.blockOf(u32(index)));
        filter.slotsOfBlock.fill(0);
        filter.slotsOfBlock[block] = 8;
        expect(filter.slotFor(index, 0)).toBe(3);
        filter.slotsOfBlock.fill(8);
        filter.slotsOfBlock[block] = 0;
        expect(filter.slotFor(index, 0)).toBe(-1);
      });
    },
    markedBlock: blocks,
    firstBlock: blocks,
    lastBlock: blocks,
    copiedBytes: () => {
      forAll([anyNmsrs, anySlot], (nmsrs, slot) => {
        const { bits } = filterWith(slot, 0x5000, nmsrs, ONES);
        const expected = new Uint8Array(16 * 0x600);
        expected.fill(0xff, slot * 0x600, slot * 0x600 + unsigned(formulas.copiedBytes(u32(nmsrs))));
        expect(Buffer.compare(bits, expected)).toBe(0);
      });
    },
    byteOf: bits,
    bitInByte: bits,
    exempt: exemptTie(vmx, formulas.exempt),
    isInBitmap: windowTie(probe, formulas.isInBitmap),
    wordOf: writes,
    interceptByte: writes,
    interceptMask: writes,
    interceptWritten: writes,
    accessWord: reads,
    accessBit: reads,
    intercepts: () => {
      for (const wanted of BOOLEANS) {
        for (const allowed of BOOLEANS) {
          const expected = holds(formulas.intercepts(truth(wanted), truth(allowed)));
          expect(probe.intercepted(0x10, wanted, allowed)).toBe(expected);
        }
      }
    },
    mergedIntercept: () => {
      expect(probe.candidateIndices.length).toBeGreaterThan(0);
      for (const index of probe.candidateIndices) {
        for (const own of BOOLEANS) {
          for (const l1 of BOOLEANS) {
            const expected = holds(formulas.mergedIntercept(truth(own), truth(l1)));
            expect(probe.merged(index, own, l1)).toBe(expected);
          }
        }
      }
    },
  });
});
