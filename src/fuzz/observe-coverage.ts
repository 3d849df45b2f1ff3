/** Turns a scenario and its verdicts into coverage. Accesses are sampled: coverage must not cost what engines cost. */

import type { Trace } from '../engines/runner.ts';
import type { BaseTable } from '../model/base.ts';
import { EFAULT, EINVAL, ENOTTY, type MsrFilter, type MsrFilterRange } from '../model/filter.ts';
import type { KernelProfile } from '../model/profile.ts';
import { ACCESS_FORMS, type AccessBatch, type ApicMode, FILTER_DELIVERIES, type Scenario } from '../model/scenario.ts';
import type { AccessType } from '../model/verdict.ts';
import { ACCESS_DIMENSIONS, type AccessDimension, accessValue, type Coverage } from './coverage.ts';

/** Accesses looked at per access event. */
const SAMPLES_PER_BATCH = 8;
const ROUTE_NONE = 3;

const AT = Object.fromEntries(ACCESS_DIMENSIONS.map((name, i) => [name, i])) as Record<AccessDimension, number>;
const SINCE = { filter: 1, cap: 4, apic: 5, candidates: 6, reply: 7, nested: 8, ignoreMsrs: 9 } as const;
const REGION_OF = new Map<number, number>(
  [
    [0x7ff, '0x7ff'],
    [0x800, '0x800'],
    [0x8ff, '0x8ff'],
    [0x900, '0x900'],
    [0x1fff, '0x1fff'],
    [0x2000, '0x2000'],
    [0x6e0, 'tsc-deadline'],
    [0xc000_0000, '0xc0000000'],
    [0xc000_1fff, '0xc0001fff'],
    [0xc000_2000, '0xc0002000'],
    [0xc001_2000, '0xc0012000'],
    [0xffff_fffe, '0xfffffffe'],
    [0xffff_ffff, '0xffffffff'],
  ].map(([index, name]) => [index as number, accessValue('region', name as string)]),
);
const REGIONS: readonly (readonly [number, number, number])[] = (
  [
    [0x0, 0x7fe, 'low'],
    [0x801, 0x8fe, 'x2apic'],
    [0x901, 0x1ffe, 'low-rest'],
    [0x2001, 0x3fff_ffff, 'gap'],
    [0x4000_0000, 0x4000_ffff, 'hyperv'],
    [0x4b56_4d00, 0x4b56_4dff, 'kvm'],
    [0x7fff_0000, 0x7fff_ffff, 'below-2^31'],
    [0x8000_0000, 0xbfff_ffff, 'from-2^31'],
    [0xc000_0001, 0xc000_1ffe, 'high'],
    [0xc001_0000, 0xc001_1fff, 'amd'],
  ] as const
).map(([first, last, name]) => [first, last, accessValue('region', name)]);
const GAP = accessValue('region', 'gap');

export class CoverageObserver {
  private readonly coverage: Coverage;
  private readonly base: BaseTable;
  private readonly profile: KernelProfile;
  private readonly values = new Uint8Array(ACCESS_DIMENSIONS.length);
  private readonly filterValues = new Uint8Array(10);
  private readonly pairValues = new Uint8Array(2);

  constructor(coverage: Coverage, base: BaseTable, profile: KernelProfile) {
    this.coverage = coverage;
    this.base = base;
    this.profile = profile;
  }

  /** `vmx` and `svm`: traces with routes of that vendor, where there are any. */
  observe(scenario: Scenario, trace: Trace, vmx: Trace | undefined, svm: Trace | undefined): void {
    const { values } = this;
    let filter: MsrFilter | undefined;
    let at = 0;
    values.fill(0);
    for (const [number, event] of scenario.events.entries()) {
      if (number >= trace.comparableEvents) return;
      switch (event.kind) {
        case 'filter': {
          const code = trace.codes[number]!;
          this.observeFilter(event.filter, code, FILTER_DELIVERIES.indexOf(event.delivery ?? 'normal'));
          values[AT.since] = code !== 0 ? 3 : filter ? 2 : 1;
          if (code === 0) filter = event.filter;
          continue;
        }
        case 'cap':
          if (trace.codes[number] === 0) values[AT.mask] = Number(event.mask & 7n);
          break;
        case 'apic':
          values[AT.apic] = event.mode;
          break;
        case 'access': {
          const step = Math.max(1, Math.floor(event.batch.indices.length / SAMPLES_PER_BATCH));
          values[AT.form] = ACCESS_FORMS.indexOf(event.batch.form ?? 'native');
          for (let i = 0; i < event.batch.indices.length; i += step) {
            values[AT.verdict] = trace.verdicts[at + i]!;
            values[AT.vmxRoute] = vmx && at + i < vmx.comparableAccesses ? vmx.routes[at + i]! : ROUTE_NONE;
            values[AT.svmRoute] = svm && at + i < svm.comparableAccesses ? svm.routes[at + i]! : ROUTE_NONE;
            this.observeAccess(filter, event.batch, i);
          }
          at += event.batch.indices.length;
          continue;
        }
      }
      values[AT.since] = SINCE[event.kind];
    }
  }

  private observeAccess(filter: MsrFilter | undefined, batch: AccessBatch, i: number): void {
    const { values } = this;
    const index = batch.indices[i]!;
    const type = batch.types[i] as AccessType;
    values[AT.type] = type;
    values[AT.region] = regionOf(index);
    values[AT.base] = this.base.outcome(index, type, values[AT.apic] as ApicMode);
    values[AT.decider] = 0;
    values[AT.decision] = 0;
    for (const dimension of [AT.place, AT.border, AT.wrapped, AT.transparent, AT.shadowed]) values[dimension] = 0;
    if (filter) this.observeDecision(filter, index, type);
    if (this.profile.x2apicExempt && index >>> 8 === 8) {
      values[AT.decider] = 2;
      values[AT.decision] = 0;
    }
    this.coverage.access(values);
  }

  private observeDecision(filter: MsrFilter, index: number, type: AccessType): void {
    const { values } = this;
    let decided = false;
    let starts = false;
    let ends = false;
    values[AT.decider] = filter.ranges.some((range) => range.nmsrs > 0) ? 3 : 1;
    values[AT.decision] = values[AT.decider] === 3 ? filter.flags & 1 : 0;
    for (let slot = 0; slot < filter.ranges.length; slot++) {
      const { base, nmsrs, flags, bitmap } = filter.ranges[slot]!;
      if (nmsrs === 0 || bitmap === null) continue;
      const end = base + nmsrs;
      if (end > 0xffff_ffff) {
        if (index >= base) values[AT.wrapped] = 1;
        else if (index < end - 0x1_0000_0000) values[AT.wrapped] = 2;
        continue;
      }
      if (index + 1 === base) starts = true;
      if (index === end) ends = true;
      if (index < base || index >= end) continue;
      if (((flags >>> type) & 1) === 0) {
        if (!decided) values[AT.transparent] = 1;
        continue;
      }
      const bit = index - base;
      const denies = (~bitmap[bit >>> 3]! >>> (bit & 7)) & 1;
      if (decided) {
        if (values[AT.shadowed] !== 2) values[AT.shadowed] = denies === values[AT.decision] ? 1 : 2;
        continue;
      }
      decided = true;
      values[AT.decider] = slot === 0 ? 4 : slot === 15 ? 6 : 5;
      values[AT.decision] = denies;
      values[AT.place] = placeOf(bit, nmsrs);
    }
    values[AT.border] = starts && ends ? 3 : ends ? 2 : starts ? 1 : 0;
  }

  private observeFilter(filter: MsrFilter, code: number, delivery: number): void {
    const used = filter.ranges.filter((range) => range.nmsrs > 0);
    const v = this.filterValues;
    v[0] = code === EINVAL ? 1 : code === EFAULT ? 2 : code === ENOTTY ? 3 : 0;
    v[1] = filter.flags > 1 ? 2 : filter.flags;
    v[2] = used.length === 0 ? 0 : used.length === 1 ? 1 : used.length < 6 ? 2 : used.length < 16 ? 3 : 4;
    v[3] = used.length < filter.ranges.length ? 1 : 0;
    v[9] = delivery;
    for (const range of used.length > 0 ? used : [undefined]) {
      v[4] = range ? extentOf(range.nmsrs) : 0;
      v[5] = range ? memoryOf(range) : 0;
      v[6] = range ? bitsOf(range) : 0;
      const end = range ? range.base + range.nmsrs : 0;
      v[7] = end < 0x1_0000_0000 ? 0 : end === 0x1_0000_0000 ? 1 : 2;
      v[8] = range ? windowOf(range) : 0;
      this.coverage.filter(v);
    }
    for (let i = 1; i < used.length; i++) {
      for (let j = Math.max(0, i - 4); j < i; j++) {
        this.pairValues[0] = relationOf(used[j]!, used[i]!);
        const both = used[i]!.flags & used[j]!.flags & 3;
        this.pairValues[1] = used[i]!.flags === used[j]!.flags ? 0 : both !== 0 ? 1 : 2;
        this.coverage.rangePair(this.pairValues);
      }
    }
  }
}

function regionOf(index: number): number {
  const exact = REGION_OF.get(index);
  if (exact !== undefined) return exact;
  for (const [first, last, value] of REGIONS) if (index >= first && index <= last) return value;
  return GAP;
}

function placeOf(bit: number, nmsrs: number): number {
  if (nmsrs === 1) return 3;
  if (bit === 0) return 1;
  if (bit === nmsrs - 1) return 2;
  return (bit & 63) === 63 || (bit & 63) === 0 ? 4 : 5;
}

function extentOf(nmsrs: number): number {
  if (nmsrs === 1) return 1;
  if (nmsrs < 64) return 2;
  if (nmsrs === 64) return 3;
  if (nmsrs < 12225) return 4;
  if (nmsrs < 12288) return 5;
  return nmsrs === 12288 ? 6 : 7;
}

function memoryOf({ bitmap, nmsrs }: MsrFilterRange): number {
  if (bitmap === null) return 3;
  const needed = Math.ceil(nmsrs / 64) * 8;
  return bitmap.length === needed ? 0 : bitmap.length > needed ? 1 : 2;
}

function bitsOf({ bitmap, nmsrs }: MsrFilterRange): number {
  if (bitmap === null || bitmap.length === 0) return 0;
  const first = bitmap[0]!;
  if (first !== 0 && first !== 0xff) return nmsrs < 8 && (first & ((1 << nmsrs) - 1)) === 0 ? 1 : 3;
  const bytes = Math.min(bitmap.length, nmsrs >>> 3);
  for (let i = 1; i < bytes; i++) if (bitmap[i] !== first) return 3;
  return first === 0 ? 1 : 2;
}

function windowOf({ base, nmsrs }: MsrFilterRange): number {
  const last = base + nmsrs - 1;
  if (base >= 0x800 && last <= 0x8ff) return 1;
  const edges = [0x800, 0x900, 0x2000, 0xc000_0000, 0xc000_2000, 0xc001_0000, 0x8000_0000];
  const crossed = edges.findIndex((edge) => base < edge && last >= edge);
  return crossed < 0 ? 0 : crossed + 2;
}

/** Allen's relation of a to b, as a number in the order of the dimension's values. */
function relationOf(a: MsrFilterRange, b: MsrFilterRange): number {
  const aEnd = a.base + a.nmsrs;
  const bEnd = b.base + b.nmsrs;
  if (aEnd < b.base) return 0;
  if (aEnd === b.base) return 1;
  if (bEnd < a.base) return 12;
  if (bEnd === a.base) return 11;
  if (a.base === b.base) return aEnd < bEnd ? 3 : aEnd === bEnd ? 6 : 9;
  if (aEnd === bEnd) return a.base > b.base ? 5 : 7;
  if (a.base < b.base) return aEnd < bEnd ? 2 : 8;
  return aEnd < bEnd ? 4 : 10;
}
