/** Ties formulas to engines: a formula's value at a point is what the engine's own code answers there. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Engine, EngineVm } from '../../engines/contract.ts';
import { type BaseOutcome, BaseTable } from '../../model/base.ts';
import type { MsrFilter, MsrFilterRange } from '../../model/filter.ts';
import { findProfile, KERNEL_PROFILES, type KernelProfile } from '../../model/profile.ts';
import { AccessType, Verdict } from '../../model/verdict.ts';
import { type BitVec, type Bool, bv, evaluate, FALSE, TRUE } from './term.ts';

/** A test per formula of a module: an export without one does not compile. */
export function tie<Formulas extends object>(ties: Readonly<Record<keyof Formulas, () => void>>): void {
  for (const [name, check] of Object.entries<() => void>(ties)) it(name, check);
}

/** Where things change: ends of windows, of bitmaps, of u32. */
const BOUNDARIES = [
  0, 8, 32, 64, 128, 0x600, 0x800, 0x808, 0x900, 0x1000, 0x2000, 12_288, 0x4000, 0x1_0000, 0x8000_0000, 0xc000_0000,
  0xc000_2000, 0xc001_0000, 0xc001_2000, 0xffff_f000, 0xffff_d000,
];

/** Any u32, every second one next to a boundary. */
export const anyU32 = fc.oneof(
  fc.integer({ min: 0, max: 0xffff_ffff }),
  fc
    .tuple(fc.constantFrom(...BOUNDARIES), fc.integer({ min: -3, max: 3 }))
    .map(([boundary, by]) => (boundary + by) >>> 0),
);

/** nmsrs that the kernel takes. */
export const anyNmsrs = fc.oneof(
  fc.integer({ min: 1, max: 12_288 }),
  fc.constantFrom(1, 2, 7, 8, 9, 63, 64, 65, 4095, 4096, 4097, 12_287, 12_288),
);

/** An index in or near a range; every third range ends at 2^32, or next to it. */
export const nearRange = fc
  .tuple(
    fc.oneof(anyU32, anyU32, fc.integer({ min: -2, max: 2 })),
    anyNmsrs,
    fc.oneof(fc.integer({ min: -3, max: 12_291 }), fc.constantFrom('start', 'end')),
  )
  .map(([from, nmsrs, by]) => {
    const base = from > 2 ? from : (from - nmsrs) >>> 0;
    const at = by === 'start' ? 0 : by === 'end' ? nmsrs : by;
    return { base, nmsrs, index: (base + at) >>> 0 };
  });

export const anyType = fc.constantFrom<AccessType>(AccessType.READ, AccessType.WRITE);

/** Runs a property; always at the same points. */
export function forAll<Points extends [unknown, ...unknown[]]>(
  points: { [Key in keyof Points]: fc.Arbitrary<Points[Key]> },
  check: (...point: Points) => void,
  numRuns = 300,
): void {
  const property = fc.property(...points, (...point) => {
    check(...point);
  });
  fc.assert(property, { numRuns, seed: 20_201 });
}

export const u32 = (value: number): BitVec => bv(value, 32);
export const u64 = (value: number): BitVec => bv(value, 64);
export const typeBit = (type: number): BitVec => bv(type, 1);
export const truth = (value: boolean): Bool => (value ? TRUE : FALSE);
/** Value of a term without variables, unsigned. */
export const unsigned = (term: BitVec): number => Number(evaluate(term, {}));
/** Value of a term without variables, two's complement. */
export const signed = (term: BitVec): number => Number(BigInt.asIntN(term.width, evaluate(term, {})));
export const holds = (term: Bool): boolean => evaluate(term, {});

const MEMORY = new Uint8Array(1 << 20);
const NEWEST = findProfile('newest')!;
const LENIENT = KERNEL_PROFILES.find((profile) => !profile.unknownFilterFlagsRejected)!;

/** A VM where a denied access, and nothing else, exits with the reason `filter`. */
export function vmOf(engine: Engine, profile: KernelProfile = NEWEST): EngineVm {
  const vm = engine.createVm({ profile, base: new BaseTable([]) });
  vm.enableCap!({ kind: 'cap', mask: 4n });
  return vm;
}

/** What the engine answers to one intercepted access. */
function verdictOf(vm: EngineVm, index: number, type: number): number {
  const verdicts = new Uint8Array(1);
  const batch = { form: 'emulator', indices: Uint32Array.of(index), types: Uint8Array.of(type) } as const;
  vm.access(batch, verdicts, new Uint8Array(1));
  return verdicts[0]!;
}

/** Whether the filter denies an access. */
export const denied = (vm: EngineVm, index: number, type: number): boolean =>
  verdictOf(vm, index, type) === Verdict.EXIT_FILTER;

/** A range that denies. */
export const denyingRange = (flags: number, base: number, nmsrs: number): MsrFilterRange => ({
  flags,
  base,
  nmsrs,
  bitmap: MEMORY.subarray(0, Math.ceil(nmsrs / 64) * 8),
});

export const filterOf = (flags: number, ...ranges: MsrFilterRange[]): MsrFilter => ({ flags, ranges });

/** Formulas that every engine has, with the same arguments. */
interface CommonFormulas {
  readonly namesType: (flags: BitVec, type: BitVec) => Bool;
  readonly badFlags: (flags: BitVec) => Bool;
  readonly tooLarge: (nmsrs: BitVec) => Bool;
  readonly unreadable: (nmsrs: BitVec, length: BitVec, isNull: Bool) => Bool;
  readonly rangeError: (flags: BitVec, nmsrs: BitVec, length: BitVec, isNull: Bool, flagsFirst: Bool) => BitVec;
  readonly unknownFilterFlags: (flags: BitVec) => Bool;
  readonly denies: (flags: BitVec) => Bool;
  readonly verdict: (allowed: Bool, outcome: BitVec, mask: BitVec, ignoreMsrs: Bool) => BitVec;
}

/** nmsrs where a size check changes its mind, or would if a sum were cut to 32 bits. */
const LIMITS = [12_224, 12_225, 12_287, 12_288, 12_289, 12_352, 0xffff_ffc0, 0xffff_ffc1, 0xffff_ffff];
const anyFlags = fc.oneof(fc.integer({ min: 0, max: 9 }), anyU32);
const anyLength = fc.oneof(fc.integer({ min: 0, max: 0x700 }), fc.constantFrom(7, 8, 9, 0x5f8, 0x5ff, 0x600, 1 << 20));

/** Checks that hold for each engine's own form of what all of them compute, through its public methods. */
export function commonTies(engine: Engine, formulas: CommonFormulas): Record<keyof CommonFormulas, () => void> {
  const errnoOf = (flags: number, nmsrs: number, length: number | null, profile: KernelProfile): number => {
    const bitmap = length === null ? null : MEMORY.subarray(0, length);
    return vmOf(engine, profile).setFilter(filterOf(0, { flags, base: 0x10, nmsrs, bitmap }), 'normal');
  };
  return {
    namesType: () =>
      forAll([fc.integer({ min: 1, max: 3 }), anyType], (flags, type) => {
        const vm = vmOf(engine);
        expect(vm.setFilter(filterOf(0, denyingRange(flags, 0x10, 8)), 'normal')).toBe(0);
        expect(denied(vm, 0x12, type)).toBe(holds(formulas.namesType(u32(flags), typeBit(type))));
      }),
    badFlags: () =>
      forAll([anyFlags], (flags) => {
        expect(errnoOf(flags, 1, 8, NEWEST) !== 0).toBe(holds(formulas.badFlags(u32(flags))));
      }),
    tooLarge: () =>
      forAll([fc.oneof(anyU32, fc.constantFrom(...LIMITS)).filter((nmsrs) => nmsrs > 0)], (nmsrs) => {
        expect(errnoOf(3, nmsrs, null, NEWEST) === -22).toBe(holds(formulas.tooLarge(u32(nmsrs))));
      }),
    unreadable: () =>
      forAll([anyNmsrs, anyLength, fc.boolean()], (nmsrs, length, isNull) => {
        const error = errnoOf(3, nmsrs, isNull ? null : length, NEWEST);
        expect(error === -14).toBe(holds(formulas.unreadable(u32(nmsrs), u32(length), truth(isNull))));
      }),
    rangeError: () =>
      forAll(
        [anyFlags, anyU32, anyNmsrs, anyLength, fc.boolean(), fc.boolean(), fc.boolean()],
        (flags, large, small, length, isNull, flagsFirst, isLarge) => {
          const profile = KERNEL_PROFILES.find(
            ({ rangeChecks }) => (rangeChecks === 'flags-size-copy') === flagsFirst,
          )!;
          const nmsrs = isLarge && large > 0 ? large : small;
          const term = formulas.rangeError(u32(flags), u32(nmsrs), u32(length), truth(isNull), truth(flagsFirst));
          expect(errnoOf(flags, nmsrs, isNull ? null : length, profile)).toBe(signed(term));
        },
      ),
    unknownFilterFlags: () =>
      forAll([anyFlags], (flags) => {
        const error = vmOf(engine).setFilter(filterOf(flags, denyingRange(3, 0x10, 1)), 'normal');
        expect(error !== 0).toBe(holds(formulas.unknownFilterFlags(u32(flags))));
      }),
    denies: () =>
      forAll([anyFlags], (flags) => {
        const vm = vmOf(engine, LENIENT);
        expect(vm.setFilter(filterOf(flags, denyingRange(3, 0x10, 1)), 'normal')).toBe(0);
        expect(denied(vm, 0x20, AccessType.READ)).toBe(holds(formulas.denies(u32(flags))));
      }),
    verdict: () => {
      for (let mask = 0; mask < 8; mask++) {
        for (const outcome of [0, 1, 2] as BaseOutcome[]) {
          const base = new BaseTable([{ index: 0x10, read: outcome, write: outcome }]);
          for (const [allowed, ignoreMsrs] of [
            [true, true],
            [true, false],
            [false, true],
            [false, false],
          ] as const) {
            const vm = engine.createVm({ profile: NEWEST, base });
            vm.setFilter(filterOf(allowed ? 0 : 1, denyingRange(3, 0x20, 1)), 'normal');
            vm.enableCap!({ kind: 'cap', mask: BigInt(mask) });
            vm.setIgnoreMsrs!(ignoreMsrs);
            const term = formulas.verdict(truth(allowed), bv(outcome, 2), u32(mask), truth(ignoreMsrs));
            expect(verdictOf(vm, 0x10, AccessType.READ)).toBe(unsigned(term));
          }
        }
      }
    },
  };
}

/** Ties the form of the x2APIC exemption. */
export const exemptTie = (engine: Engine, exempt: (index: BitVec) => Bool) => (): void => {
  const vm = vmOf(engine);
  vm.setFilter(filterOf(1, denyingRange(3, 0x4000_0000, 1)), 'normal');
  forAll([fc.oneof(anyU32, fc.constantFrom(0x7ff, 0x800, 0x8ff, 0x900)), anyType], (index, type) => {
    expect(denied(vm, index, type)).toBe(!holds(exempt(u32(index))));
  });
};

/** Ties the form of "inside a range", for ranges that are looked up. */
export const coversTie =
  (
    engine: Engine,
    covers: (index: BitVec, base: BitVec, nmsrs: BitVec) => Bool,
    isLookedUp: (base: BitVec, nmsrs: BitVec) => Bool,
  ) =>
  (): void => {
    const profile = KERNEL_PROFILES.find((candidate) => !candidate.x2apicExempt)!;
    forAll([nearRange, anyType], ({ base, nmsrs, index }, type) => {
      const vm = vmOf(engine, profile);
      expect(vm.setFilter(filterOf(0, denyingRange(3, base, nmsrs)), 'normal')).toBe(0);
      const inside = holds(isLookedUp(u32(base), u32(nmsrs))) && holds(covers(u32(index), u32(base), u32(nmsrs)));
      expect(denied(vm, index, type)).toBe(inside);
    });
  };

/** A VM with an intercept bitmap. */
interface BitmapProbe {
  bitmap(level: 'l1'): Uint8Array | null;
  isPassedThrough(index: number, type: number): boolean;
  /** The bitmap that a write leaves of one full of a byte. */
  written(old: number, index: number, type: number, intercept: boolean): Uint8Array;
}

/** Ties the form of "the hardware's bitmap has a bit for it". */
export const windowTie = (probe: BitmapProbe, isInWindow: (index: BitVec) => Bool) => (): void => {
  probe.bitmap('l1')!.fill(0);
  forAll([anyU32, anyType], (index, type) => {
    const expected = holds(isInWindow(u32(index)));
    expect(probe.isPassedThrough(index, type)).toBe(expected);
    expect(probe.written(0, index, type, true).some((byte) => byte !== 0)).toBe(expected);
  });
};
