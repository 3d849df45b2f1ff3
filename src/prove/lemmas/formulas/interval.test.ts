import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { IntervalVm, interval } from '../../../engines/interval.ts';
import { IntervalMap, type IntervalSource, type OwnedInterval } from '../../../engines/interval-map.ts';
import { BaseTable } from '../../../model/base.ts';
import { findProfile } from '../../../model/profile.ts';
import { AccessType, Verdict } from '../../../model/verdict.ts';
import {
  anyType,
  anyU32,
  commonTies,
  forAll,
  holds,
  nearRange,
  tie,
  typeBit,
  u32,
  u64,
  unsigned,
} from '../tie.fixture.ts';
import * as formulas from './interval.ts';

const source = (base: number, nmsrs: number, flags = 3): IntervalSource => ({
  slot: 5,
  flags,
  base,
  nmsrs,
  bitmap: new Uint8Array(Math.ceil(nmsrs / 64) * 8),
});

interface Copy {
  readonly firstWord: number;
  readonly to: number;
  readonly count: number;
  readonly from: number;
}

/** Runs parts of the map alone. */
class Probe extends IntervalMap {
  copies: Copy[] | undefined;
  page = 0;

  claimed(owned: readonly OwnedInterval[], base: number, end: number): readonly (readonly [number, number, number])[] {
    this.clear(true);
    this.copies = [];
    const found = this.claim(owned, source(base, end - base), end, AccessType.READ);
    return found.map((piece) => [piece.start, piece.end, piece.slot]);
  }
  copiesOf(base: number, nmsrs: number, type: number, page: number): Copy[] {
    this.copies = [];
    this.page = page;
    this.own(source(base, nmsrs), base, base + nmsrs, type);
    return this.copies;
  }
  copied(words: readonly number[], bits: readonly number[], copy: Copy): Uint32Array {
    this.copies = undefined;
    this.pages.set(words);
    this.loadSource({ ...source(0, bits.length * 32), bitmap: new Uint8Array(Uint32Array.from(bits).buffer) });
    this.copyBits(copy.firstWord, copy.to, copy.count, copy.from);
    return this.pages.slice(0, words.length);
  }
  exempted(): Uint32Array {
    this.pages.fill(0);
    this.directory[0] = 1;
    this.exempt();
    return this.pages.slice(256, 512);
  }
  protected override copyBits(firstWord: number, to: number, count: number, from: number): void {
    if (this.copies) this.copies.push({ firstWord, to, count, from });
    else super.copyBits(firstWord, to, count, from);
  }
  protected override pageOf(block: number): number {
    return this.copies ? this.page : super.pageOf(block);
  }
}

class ProbeVm extends IntervalVm {
  constructor() {
    super({ profile: findProfile('newest')!, base: new BaseTable([]) });
    this.enableCap({ kind: 'cap', mask: 4n });
  }
  get pages(): IntervalMap {
    return this.map;
  }
}

const probe = new Probe();

/** The compiled intervals of one range. */
function compiled(base: number, nmsrs: number): readonly OwnedInterval[] {
  const map = new IntervalMap();
  map.compile([source(base, nmsrs)], true, false);
  return map.intervals;
}

/** claim() is its loop's body, once per owned interval, and a last piece. */
function claims(): void {
  const ends = fc.uniqueArray(fc.integer({ min: 0, max: 60 }), { minLength: 2, maxLength: 12 });
  const scale = fc.constantFrom(0, 0xffff_ffff - 60);
  forAll([ends, fc.nat(50), fc.integer({ min: 1, max: 10 }), scale], (cuts, at, nmsrs, shift) => {
    const sorted = cuts.map((cut) => cut + shift).sort((a, b) => a - b);
    const owned: OwnedInterval[] = [];
    for (let i = 0; i + 1 < sorted.length; i += 2) {
      owned.push({ start: sorted[i]!, end: sorted[i + 1]!, type: AccessType.READ, slot: 1 });
    }
    const base = at + shift;
    const end = base + nmsrs;
    const expected: [number, number, number][] = [];
    let from = base;
    for (const { start, end: last, slot } of owned) {
      const step = formulas.claimStep(u64(from), u64(end), u64(start), u64(last));
      if (holds(step.emits)) expected.push([from, unsigned(step.to), 5]);
      expected.push([start, last, slot]);
      from = unsigned(step.next);
    }
    if (holds(formulas.claimsRest(u64(from), u64(end)))) expected.push([from, end, 5]);
    expect(probe.claimed(owned, base, end)).toEqual(expected);
  });
}

/** own() cuts at pages and says where in its page each part goes. */
function pieces(): void {
  forAll([nearRange, anyType, fc.nat(65)], ({ base, nmsrs }, type, page) => {
    if (base + nmsrs > 0xffff_ffff) return;
    const expected: Copy[] = [];
    for (let at = base; at < base + nmsrs; ) {
      const stop = unsigned(formulas.pageStop(u64(at), u64(base + nmsrs)));
      const firstWord = unsigned(formulas.firstWord(u32(page), typeBit(type)));
      expected.push({ firstWord, to: unsigned(formulas.positionInPage(u32(at))), count: stop - at, from: at - base });
      at = stop;
    }
    expect(probe.copiesOf(base, nmsrs, type, page)).toEqual(expected);
  });
}

/** Exactly one bit of the pages decides an access, by allows() and by access(). */
function lookups(): void {
  const vm = new ProbeVm();
  forAll(
    [anyU32, anyType, fc.nat(65)],
    (index, type, page) => {
      const { pages, directory } = vm.pages;
      const entry = unsigned(formulas.directoryEntry(u32(index)));
      const word = unsigned(formulas.lookupWord(u32(page), typeBit(type), u32(index)));
      directory[entry] = page;
      for (const isSet of [true, false]) {
        pages.fill(isSet ? 0 : 0xffff_ffff);
        pages[word] = pages[word]! ^ (1 << unsigned(formulas.lookupBit(u32(index))));
        const verdicts = new Uint8Array(1);
        vm.access({ indices: Uint32Array.of(index), types: Uint8Array.of(type) }, verdicts);
        expect(vm.pages.allows(index, type)).toBe(isSet);
        expect(verdicts[0] !== Verdict.EXIT_FILTER).toBe(isSet);
      }
      directory[entry] = 0;
    },
    200,
  );
}

/** copyBits() is its steps. */
function copies(): void {
  const word = fc.integer({ min: 0, max: 0xffff_ffff });
  const words = fc.array(word, { minLength: 5, maxLength: 5 });
  const bit = fc.oneof(fc.nat(40), fc.constantFrom(0, 1, 31, 32, 33));
  forAll(
    [words, words, bit, bit, fc.oneof(fc.nat(90), fc.constantFrom(1, 31, 32, 33, 64))],
    (page, bits, to, from, count) => {
      const expected = Uint32Array.from(page);
      for (let done = 0; done < count; ) {
        const step = formulas.copyStep(u32(to), u32(count), u32(from), u32(done));
        const at = unsigned(step.word);
        const [low, high] = [bits[unsigned(step.sourceWord)]!, bits[unsigned(step.sourceWord) + 1]!];
        expected[at] = unsigned(formulas.copiedWord(u32(expected[at]!), u32(low), u32(high), step));
        done += unsigned(step.taken);
      }
      expect(probe.copied(page, bits, { firstWord: 0, to, count, from })).toEqual(expected);
    },
  );
}

describe('formulas of interval', () => {
  tie<typeof formulas>({
    ...commonTies(interval, formulas),
    end: () => {
      forAll([nearRange], ({ base, nmsrs }) => {
        for (const { end } of compiled(base, nmsrs)) {
          expect(end).toBe(unsigned(formulas.end(u32(base), u32(nmsrs))));
        }
      });
    },
    wraps: () => {
      forAll([nearRange], ({ base, nmsrs }) => {
        expect(compiled(base, nmsrs).length === 0).toBe(holds(formulas.wraps(u32(base), u32(nmsrs))));
      });
    },
    claimStep: claims,
    claimsRest: claims,
    pageStop: pieces,
    positionInPage: pieces,
    firstWord: pieces,
    lookupWord: lookups,
    lookupBit: lookups,
    directoryEntry: lookups,
    copyStep: copies,
    copiedWord: copies,
    exemptWord: () => {
      const filled = new Probe().exempted();
      for (let word = 0; word < 256; word++) {
        expect(filled[word]).toBe(holds(formulas.exemptWord(u32(word & 127))) ? 0xffff_ffff : 0);
      }
    },
  });
});
