import { describe, expect, it } from 'vitest';
import type { EngineVm } from '../engines/contract.ts';
import { svm } from '../engines/svm.ts';
import { vmx } from '../engines/vmx.ts';
import { catalogueBase, passthroughCandidates, type Vendor } from '../model/catalogue.ts';
import type { MsrFilter } from '../model/filter.ts';
import { findProfile, KERNEL_PROFILES, type KernelProfile } from '../model/profile.ts';
import { ApicMode, type ScenarioEvent } from '../model/scenario.ts';
import { AccessType, NestedEntry } from '../model/verdict.ts';
import { type AuditFinding, BitmapAudit, bitPosition } from './audit.ts';

const { READ, WRITE } = AccessType;
const ENGINE = { vmx, svm } as const;
const VENDORS = ['vmx', 'svm'] as const;
const newest = findProfile('newest')!;
const FS_BASE = 0xc000_0100;
const GS_BASE = 0xc000_0101;

/** Reads of GS_BASE are denied, all else is allowed. */
const FILTER: MsrFilter = { flags: 0, ranges: [{ flags: 1, base: GS_BASE, nmsrs: 1, bitmap: new Uint8Array(8) }] };
const allows = (index: number, type: AccessType): boolean => !(index === GS_BASE && type === READ);
const SET_FILTER: ScenarioEvent = { kind: 'filter', filter: FILTER };
const NESTED: ScenarioEvent & { kind: 'nested' } = {
  kind: 'nested',
  bitmaps: true,
  mapped: true,
  passthrough: [
    { index: FS_BASE, read: true, write: true },
    { index: GS_BASE, read: true, write: true },
  ],
};

function setUp(vendor: Vendor, profile: KernelProfile = newest): { vm: EngineVm; audit: BitmapAudit } {
  const vm = ENGINE[vendor].createVm({ profile, base: catalogueBase() });
  const audit = new BitmapAudit(vendor, profile);
  audit.begin();
  expect(vm.setFilter(FILTER, 'normal')).toBe(0);
  return { vm, audit };
}

function flip(page: Uint8Array, bit: number): void {
  page[bit >>> 3]! ^= 1 << (bit & 7);
}

/** What the audit says when one bit of the bitmap is not as it should be. */
function flipped(vendor: Vendor, bit: number, level: 'l1' | 'l2' = 'l1'): readonly AuditFinding[] {
  const { vm, audit } = setUp(vendor);
  if (level === 'l2') expect(vm.enterNested!(NESTED)).toBe(NestedEntry.MERGED);
  flip(vm.bitmap!(level), bit);
  if (level === 'l1') audit.after(vm, SET_FILTER, 0, 0, allows);
  else audit.after(vm, NESTED, 1, NestedEntry.MERGED, allows);
  return audit.result();
}

describe.each(VENDORS)('%s', (vendor) => {
  const at = (index: number, type: AccessType): number => bitPosition(vendor, index, type);

  it.each([
    ['a denied read passes', 'denied-passthrough', GS_BASE, READ],
    ['an MSR passes that nobody wants to pass', 'unwanted-passthrough', 0x1a0, WRITE],
    ['a wanted write is intercepted', 'needless-intercept', GS_BASE, WRITE],
    ['a wanted read is intercepted', 'needless-intercept', FS_BASE, READ],
    ['the last MSR of the low window passes', 'unwanted-passthrough', 0x1fff, WRITE],
    ['the last MSR of the high window passes', 'unwanted-passthrough', 0xc000_1fff, READ],
  ] as const)('%s: %s', (_, rule, index, type) => {
    expect(flipped(vendor, at(index, type))).toEqual([{ event: 0, rule, index, type }]);
  });

  it('notices every single bit of the bitmap, and names the right one', () => {
    const profile = newest;
    const { vm, audit } = setUp(vendor, profile);
    const page = vm.bitmap!('l1');
    for (let bit = 0; bit < page.length * 8; bit += 1) {
      // Every bit of the candidates' neighbourhoods, one in 37 elsewhere.
      if (bit % 37 !== 0 && ((page[bit >>> 3]! === 0xff && page[(bit >>> 3) ^ 1]! === 0xff) || bit % 3 !== 0)) continue;
      audit.begin();
      flip(page, bit);
      audit.after(vm, SET_FILTER, 3, 0, allows);
      const [finding, ...more] = audit.result();
      expect(more).toEqual([]);
      expect(finding?.event, `bit ${bit}`).toBe(3);
      const position = at(finding!.index, finding!.type);
      // The reserved quarter of the MSRPM belongs to no MSR.
      if (vendor === 'svm' && bit >= 0x1800 * 8) expect(finding!.rule).toBe('denied-passthrough');
      else expect(position).toBe(bit);
      flip(page, bit);
    }
    audit.begin();
    audit.after(vm, SET_FILTER, 3, 0, allows);
    expect(audit.result()).toEqual([]);
  });

  it('notices bits of the L2 bitmap', () => {
    expect(flipped(vendor, at(GS_BASE, READ), 'l2')).toEqual([
      { event: 1, rule: 'nested-denied-passthrough', index: GS_BASE, type: READ },
    ]);
    expect(flipped(vendor, at(FS_BASE, WRITE), 'l2')).toEqual([
      { event: 1, rule: 'nested-needless-intercept', index: FS_BASE, type: WRITE },
    ]);
    expect(flipped(vendor, at(0x1fff, READ), 'l2')[0]!.rule).toBe('nested-denied-passthrough');
  });

  it('notices the wrong outcome of an entry into L2', () => {
    const { vm, audit } = setUp(vendor);
    audit.after(vm, SET_FILTER, 0, 0, allows);
    const unmapped = { ...NESTED, mapped: false };
    const expected = vendor === 'vmx' ? NestedEntry.NO_BITMAP : NestedEntry.FAILED;
    audit.after(vm, unmapped, 1, expected, allows);
    expect(audit.result()).toEqual([]);
    audit.after(vm, unmapped, 2, NestedEntry.MERGED, allows);
    expect(audit.result()).toEqual([{ event: 2, rule: 'nested-entry', index: 0, type: READ }]);
  });

  it('reports one event only', () => {
    const { vm, audit } = setUp(vendor);
    flip(vm.bitmap!('l1'), at(GS_BASE, READ));
    audit.after(vm, SET_FILTER, 0, 0, allows);
    flip(vm.bitmap!('l1'), at(FS_BASE, READ));
    audit.after(vm, SET_FILTER, 1, 0, allows);
    expect(audit.result().map(({ event }) => event)).toEqual([0]);
  });

  it('reports a bitmap that a changed wish did not reach', () => {
    const dynamic = passthroughCandidates(vendor, newest).find(({ always, read }) => !always && read)!;
    const { vm, audit } = setUp(vendor);
    const changes = [{ index: dynamic.index, read: true, write: false }];
    audit.after(vm, { kind: 'candidates', changes }, 1, 0, allows);
    expect(audit.result()).toEqual([{ event: 1, rule: 'needless-intercept', index: dynamic.index, type: READ }]);
    vm.setCandidates!(changes);
    audit.begin();
    audit.after(vm, { kind: 'candidates', changes }, 2, 0, allows);
    expect(audit.result()).toEqual([]);
  });

  it.each(KERNEL_PROFILES)('has nothing to say of the engine on $id', (profile) => {
    const { vm, audit } = setUp(vendor, profile);
    audit.after(vm, SET_FILTER, 0, 0, allows);
    vm.setApicMode!(ApicMode.X2APIC);
    audit.after(vm, { kind: 'apic', mode: ApicMode.X2APIC }, 1, 0, allows);
    audit.after(vm, NESTED, 2, vm.enterNested!(NESTED), allows);
    expect(audit.result()).toEqual([]);
  });
});

describe('the bit of an access', () => {
  it('is where the manuals have it', () => {
    expect(bitPosition('vmx', 0x0, READ)).toBe(0);
    expect(bitPosition('vmx', 0xc000_0000, READ)).toBe(0x400 * 8);
    expect(bitPosition('vmx', 0x1fff, WRITE)).toBe(0xc00 * 8 - 1);
    expect(bitPosition('vmx', 0xc000_1fff, WRITE)).toBe(0x1000 * 8 - 1);
    expect(bitPosition('vmx', 0x2000, READ)).toBe(-1);
    expect(bitPosition('vmx', 0xc001_0000, READ)).toBe(-1);
    expect(bitPosition('svm', 0x1, WRITE)).toBe(3);
    expect(bitPosition('svm', 0xc000_0000, READ)).toBe(0x800 * 8);
    expect(bitPosition('svm', 0xc001_1fff, WRITE)).toBe(0x1800 * 8 - 1);
    expect(bitPosition('svm', 0xc001_2000, WRITE)).toBe(-1);
  });
});
