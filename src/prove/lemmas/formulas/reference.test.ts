import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { ReferenceVm, reference } from '../../../engines/reference.ts';
import { BaseTable } from '../../../model/base.ts';
import { findProfile } from '../../../model/profile.ts';
import { AccessType } from '../../../model/verdict.ts';
import { TRUE } from '../term.ts';
import {
  anyNmsrs,
  anyU32,
  commonTies,
  coversTie,
  denyingRange,
  exemptTie,
  forAll,
  nearRange,
  tie,
  u32,
  unsigned,
} from '../tie.fixture.ts';
import * as formulas from './reference.ts';

class Probe extends ReferenceVm {
  constructor() {
    super({ profile: findProfile('newest')!, base: new BaseTable([]) });
  }
  endOf(base: number, nmsrs: number): number {
    this.reset();
    this.ranges.add(0, denyingRange(3, base, nmsrs), 8);
    return this.ranges.end[0]!;
  }
  /** The bit at an index of a range with that bitmap. */
  bitAt(base: number, index: number, bitmap: Uint8Array): number {
    this.reset();
    this.ranges.add(0, { flags: 3, base, nmsrs: bitmap.length * 8, bitmap }, bitmap.length);
    return this.decidingRange(index, AccessType.READ) === 0 ? this.bitOf(0, index) : -1;
  }
  override bitmapSize(nmsrs: number): number {
    return super.bitmapSize(nmsrs);
  }
}

const probe = new Probe();

/** Exactly one bit of a bitmap is the index's. */
function bitPlace(): void {
  forAll([fc.integer({ min: 0, max: 0xffff_ffff - 12_288 }), fc.integer({ min: 0, max: 12_287 })], (base, by) => {
    const offset = formulas.offsetOf(u32(base + by), u32(base));
    const bitmap = new Uint8Array(0x600);
    bitmap[unsigned(formulas.byteOf(offset))] = 1 << unsigned(formulas.bitInByte(offset));
    expect(probe.bitAt(base, base + by, bitmap)).toBe(1);
    expect(
      probe.bitAt(
        base,
        base + by,
        bitmap.map((byte) => ~byte),
      ),
    ).toBe(0);
  });
}

describe('formulas of reference', () => {
  tie<typeof formulas>({
    ...commonTies(reference, formulas),
    end: () => {
      forAll([nearRange], ({ base, nmsrs }) => {
        expect(probe.endOf(base, nmsrs)).toBe(unsigned(formulas.end(u32(base), u32(nmsrs))));
      });
    },
    covers: coversTie(reference, formulas.covers, () => TRUE),
    offsetOf: bitPlace,
    byteOf: bitPlace,
    bitInByte: bitPlace,
    bitmapSize: () => {
      forAll([fc.oneof(anyU32, anyNmsrs)], (nmsrs) => {
        expect(probe.bitmapSize(nmsrs)).toBe(unsigned(formulas.bitmapSize(u32(nmsrs))));
      });
    },
    exempt: exemptTie(reference, formulas.exempt),
  });
});
