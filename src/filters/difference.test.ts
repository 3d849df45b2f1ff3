import { describe, expect, it } from 'vitest';
import { REAL_FILTERS } from '../corpus/real-filters.ts';
import { reference } from '../engines/reference.ts';
import { catalogueBase } from '../model/catalogue.ts';
import type { MsrFilter } from '../model/filter.ts';
import { findProfile, KERNEL_PROFILES, type KernelProfile, NEWEST_PROFILE } from '../model/profile.ts';
import { FilterSource } from '../prove/random-filters.ts';
import { install } from './decisions.ts';
import { accessesIn, decisionChanges, sameFilter, verdictChanges } from './difference.ts';
import { INDICES, IndexSet } from './index-set.ts';

const base = catalogueBase();
const ORIGINAL = findProfile('1a155254ff93')!;

/** All range ends and word edges with their neighbours, and random indices. */
function sample(filters: readonly MsrFilter[]): Uint32Array {
  const points = [0, 0x7ff, 0x800, 0x8ff, 0x900, 2 ** 31, INDICES - 1];
  for (const { ranges } of filters) {
    for (const { base: first, nmsrs } of ranges) {
      for (let offset = 0; offset <= Math.min(nmsrs, 12_288); offset += 61) points.push(first + offset);
      points.push(first, first + nmsrs);
    }
  }
  const around = points.flatMap((point) => [point - 1, point, point + 1]);
  for (let i = 0; i < 2000; i++) around.push(Math.floor(Math.random() * INDICES));
  return Uint32Array.from(new Set(around.filter((index) => index >= 0 && index < INDICES))).sort();
}

/** Verdicts that the reference gives when it is asked one access at a time. */
function verdicts(filter: MsrFilter, profile: KernelProfile, mask: number, indices: Uint32Array, type: number) {
  const vm = reference.createVm({ profile, base });
  vm.enableCap!({ kind: 'cap', mask: BigInt(mask) });
  vm.setFilter(filter, 'normal');
  const answers = new Uint8Array(indices.length);
  // Fewer than the reference takes for a long batch: each access is scanned for.
  for (let from = 0; from < indices.length; from += 256) {
    const part = indices.subarray(from, from + 256);
    const types = new Uint8Array(part.length).fill(type);
    vm.access({ indices: part, types }, answers.subarray(from), new Uint8Array(part.length));
  }
  return answers;
}

/** Before and after by index, as the reference has them and as the changes say; those that differ. */
function mistakes(
  a: MsrFilter,
  b: MsrFilter,
  profileA: KernelProfile,
  profileB: KernelProfile,
  mask: number,
): string[] {
  const decided = decisionChanges(install(a, profileA).decisions, install(b, profileB).decisions);
  const vm = reference.createVm({ profile: NEWEST_PROFILE, base });
  vm.enableCap!({ kind: 'cap', mask: BigInt(mask) });
  const changes = verdictChanges(decided, { base, apic: 0, verdicts: vm.compiled!()!.verdicts });
  const indices = sample([a, b]);
  const wrong: string[] = [];
  for (const type of [0, 1] as const) {
    const own = changes.filter((change) => change.type === type);
    const [before, after] = [verdicts(a, profileA, mask, indices, type), verdicts(b, profileB, mask, indices, type)];
    let at = 0;
    for (const [i, index] of indices.entries()) {
      while (at < own.length && own[at]!.last < index) at++;
      const change = own[at] && own[at]!.first <= index ? own[at] : undefined;
      const said = change ? `${change.before} ${change.after}` : `${before[i]} ${before[i]}`;
      const is = `${before[i]} ${after[i]}`;
      if (said !== is) wrong.push(`${type} ${index}: ${said}, but ${is}`);
    }
  }
  return wrong;
}

describe('decisionChanges', () => {
  it('is what the reference answers, for real filters', { timeout: 60_000 }, () => {
    const filters = REAL_FILTERS.map(({ filter }) => filter);
    for (const [i, filter] of filters.entries()) {
      const next = filters[(i + 1) % filters.length]!;
      expect(mistakes(filter, next, NEWEST_PROFILE, NEWEST_PROFILE, i & 7)).toEqual([]);
      for (const profile of KERNEL_PROFILES) expect(mistakes(filter, filter, profile, NEWEST_PROFILE, 7)).toEqual([]);
    }
  });

  it('is what the reference answers, for random filters of 16 ranges', { timeout: 60_000 }, () => {
    const source = new FilterSource('20', NEWEST_PROFILE);
    for (let n = 0; n < 40; n += 2) {
      expect(mistakes(source.filter(n), source.filter(n + 1), NEWEST_PROFILE, ORIGINAL, n & 7)).toEqual([]);
    }
  });

  it('tells what is lost from what is won next to it', () => {
    const bits = (byte: number): MsrFilter => ({
      flags: 0,
      ranges: [{ flags: 1, base: 0x10, nmsrs: 4, bitmap: Uint8Array.of(byte, 0, 0, 0, 0, 0, 0, 0) }],
    });
    const changes = decisionChanges(
      install(bits(0b0011), NEWEST_PROFILE).decisions,
      install(bits(0b1100), NEWEST_PROFILE).decisions,
    );
    expect(changes).toEqual([
      { type: 0, first: 0x10, last: 0x11, before: 1, after: 0 },
      { type: 0, first: 0x12, last: 0x13, before: 0, after: 1 },
    ]);
    expect(accessesIn(changes)).toBe(4);
  });

  it('counts the errno as an answer', () => {
    const emptyDeny: MsrFilter = { flags: 1, ranges: [] };
    const off: MsrFilter = { flags: 0, ranges: [] };
    expect(sameFilter(emptyDeny, off, NEWEST_PROFILE)).toBe(false);
    expect(sameFilter(emptyDeny, off, ORIGINAL)).toBe(true);
    expect(sameFilter(off, off, NEWEST_PROFILE)).toBe(true);
  });
});

describe('install', () => {
  const good = { flags: 3, base: 0x10, nmsrs: 1, bitmap: new Uint8Array(8) };
  const bad = { flags: 0, base: 0x20, nmsrs: 1, bitmap: new Uint8Array(8) };

  it('says what is in force after an error', () => {
    const filter: MsrFilter = { flags: 0, ranges: [good, bad] };
    const whole = install(filter, NEWEST_PROFILE);
    expect([whole.errno, whole.halfBuilt, whole.decisions[0].equals(IndexSet.ALL)]).toEqual([-22, false, true]);
    const half = install(filter, findProfile('5.10.0')!);
    expect([half.errno, half.halfBuilt, half.decisions[0].has(0x10)]).toEqual([-22, true, false]);
  });
});
