/**
 * The optimized engine: the filter compiled to intervals and bit pages (interval-map.ts), verdicts from a table.
 * Shares no logic with the other engines: what they have in common is written again here on purpose.
 */
import type { BaseTable } from '../model/base.ts';
import {
  KVM_MSR_EXIT_REASON_FILTER,
  KVM_MSR_EXIT_REASON_INVAL,
  KVM_MSR_EXIT_REASON_UNKNOWN,
  type MsrFilter,
} from '../model/filter.ts';
import { ACCESS_FORMS, type AccessBatch, ApicMode, type CapEvent, type FilterDelivery } from '../model/scenario.ts';
import { type AccessType, Completion, Verdict } from '../model/verdict.ts';
import type { CompiledFilter } from './compiled-filter.ts';
import type { Engine, EngineVm, Explanation, VmConfig } from './contract.ts';
import { IntervalMap, type IntervalSource } from './interval-map.ts';
import { FusedPages } from './interval-pages.ts';

const EFAULT = -14;
const EINVAL = -22;
const ENOTTY = -25;

/** Accesses that are answered before a call into WebAssembly would have begun. */
const SHORT_BATCH = 64;
/** Accesses that the map answers in the time that a fused page takes to make. */
const LOOKUPS_PER_PAGE = 50;

/** A function of its own, not a method: V8 makes half as much of the loop where it finds the tables through `this`. */
function judge(
  { indices, types }: AccessBatch,
  verdicts: Uint8Array,
  { directory, pages }: IntervalMap,
  { directory: baseDirectory, leaves }: BaseTable,
  verdictOf: Uint8Array,
  apicShift: number,
): void {
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i]!;
    const type = types[i]!;
    const word = pages[(directory[index >>> 12]! << 8) | (type << 7) | ((index >>> 5) & 127)]!;
    const base = leaves[(baseDirectory[index >>> 12]! << 12) | (index & 0xfff)]!;
    const outcome = (base >>> (apicShift + (type << 1))) & 3;
    verdicts[i] = verdictOf[(((word >>> (index & 31)) & 1) << 2) | outcome]!;
  }
}

export class IntervalVm implements EngineVm {
  protected readonly config: VmConfig;
  protected readonly map = new IntervalMap();
  /** Verdict by (allowed << 2) | base outcome; rebuilt when the exit mask changes. */
  protected readonly verdictOf = new Uint8Array(8);
  protected apicShift = 0;
  protected mask = 0;
  protected ignoreMsrs = false;
  protected lastVerdict: number = Verdict.ALLOW;
  /** Made when first needed; null: cannot be. */
  private fused: FusedPages | undefined | null;
  /** Accesses judged since the map or the APIC mode changed; null: the fused pages are those of the map. */
  private lookups: number | null = 0;

  constructor(config: VmConfig) {
    this.config = config;
    this.tabulate();
  }

  reset(): void {
    this.map.clear(true);
    this.lookups = 0;
    this.mask = 0;
    this.ignoreMsrs = false;
    this.tabulate();
    this.apicShift = 0;
    this.lastVerdict = Verdict.ALLOW;
  }

  setFilter(filter: MsrFilter, delivery: FilterDelivery): number {
    if (delivery === 'compat') return ENOTTY;
    if (delivery === 'short') return EFAULT;
    const { profile } = this.config;
    const deny = (filter.flags & 1) === 1;
    if (profile.unknownFilterFlagsRejected && filter.flags > 1) return EINVAL;

    let error = 0;
    let used = 0;
    const sources: IntervalSource[] = [];
    const flagsFirst = profile.rangeChecks === 'flags-size-copy';
    for (let slot = 0; slot < filter.ranges.length; slot++) {
      const { nmsrs, flags, base, bitmap } = filter.ranges[slot]!;
      if (nmsrs === 0) continue;
      used++;
      if (error !== 0) continue;
      const flagsOk = flags === 1 || flags === 2 || flags === 3;
      if (flagsFirst && !flagsOk) error = EINVAL;
      else if (nmsrs > 12288) error = EINVAL;
      else if (bitmap === null || bitmap.length * 8 < nmsrs || bitmap.length >>> 3 < (nmsrs + 63) >>> 6) error = EFAULT;
      else if (!flagsOk) error = EINVAL;
      else sources.push({ slot, flags, base, nmsrs, bitmap });
    }
    if (used === 0 && deny && profile.emptyDenyRejected) return EINVAL;
    if (error !== 0 && profile.replacement === 'swap') return error;
    this.lookups = 0;
    if (sources.length === 0) this.map.clear(true);
    else this.map.compile(sources, !deny, profile.x2apicExempt);
    return error;
  }

  enableCap({ mask, flags = 0, cap = 188 }: CapEvent): number {
    if (cap !== 188 || flags > 0) return EINVAL;
    if (mask > 7n && this.config.profile.unknownMaskBitsRejected) return EINVAL;
    this.mask = Number(mask & 7n);
    this.tabulate();
    return 0;
  }

  setIgnoreMsrs(on: boolean): void {
    this.ignoreMsrs = on;
    this.tabulate();
  }

  setApicMode(mode: ApicMode): void {
    this.apicShift = mode === ApicMode.X2APIC ? 4 : 0;
  }

  access(batch: AccessBatch, verdicts: Uint8Array): void {
    if (batch.form === 'implicit' || batch.form === 'host') {
      this.accessUnfiltered(batch, verdicts);
      return;
    }
    const { length } = batch.indices;
    const fused = this.fusedFor(length);
    if (fused) {
      const [denied, , , , handled, unknown, invalid] = this.verdictOf;
      fused.judge(batch, verdicts, denied! | (handled! << 8) | (unknown! << 16) | (invalid! << 24));
    } else judge(batch, verdicts, this.map, this.config.base, this.verdictOf, this.apicShift);
    if (length > 0) this.lastVerdict = verdicts[length - 1]!;
  }

  /**
   * The fused pages, if they answer `count` accesses sooner than the map does. They are made once the accesses since
   * the last change would have paid for them: whatever is to come, that is at most twice as slow as knowing it.
   */
  private fusedFor(count: number): FusedPages | undefined {
    if (count < SHORT_BATCH || this.fused === null) return undefined;
    if (this.fused && this.fused.apicShift !== this.apicShift) this.lookups ??= 0;
    if (this.lookups !== null) {
      this.lookups += count;
      this.fused ??= FusedPages.of(this.config.base, this.map) ?? null;
      if (!this.fused || this.lookups < LOOKUPS_PER_PAGE * this.fused.cost) return undefined;
      this.fused.update(this.apicShift);
      this.lookups = null;
    }
    return this.fused;
  }

  reply(error: number): Completion {
    const pending = this.lastVerdict > Verdict.GP;
    this.lastVerdict = Verdict.ALLOW;
    if (!pending) return Completion.NO_EXIT_PENDING;
    return error === 0 ? Completion.DONE : Completion.GP;
  }

  explain(index: number, type: AccessType): Explanation {
    const { directory, leaves } = this.config.base;
    const base = leaves[(directory[index >>> 12]! << 12) | (index & 0xfff)]!;
    const allowed = this.map.allows(index, type);
    const verdict = this.verdictOf[(allowed ? 4 : 0) | ((base >>> (this.apicShift + type * 2)) & 3)] as Verdict;
    const owner = this.map.intervals.find((i) => i.type === type && index >= i.start && index < i.end);
    const bit = `page bit ${allowed ? 1 : 0}`;
    if (!owner) return { verdict, rule: `no interval owns the index: ${bit}` };
    const span = `0x${owner.start.toString(16)}-0x${(owner.end - 1).toString(16)}`;
    return { verdict, rule: `interval ${span} of range ${owner.slot}: ${bit}`, range: owner.slot };
  }

  compiled(): CompiledFilter {
    const { directory, pages } = this.map;
    const [denied, , , , handled, unknown, invalid] = this.verdictOf;
    const fused = this.fusedFor(Number.POSITIVE_INFINITY);
    const verdicts = [denied!, handled!, unknown!, invalid!] as const;
    return { filter: { kind: 'pages', directory, pages }, batches: fused?.form(), verdicts };
  }

  private accessUnfiltered({ indices, types, form }: AccessBatch, verdicts: Uint8Array): void {
    const { directory, leaves } = this.config.base;
    for (let i = 0; i < indices.length; i++) {
      const index = indices[i]!;
      const base = leaves[(directory[index >>> 12]! << 12) | (index & 0xfff)]!;
      const outcome = (base >>> (this.apicShift + types[i]! * 2)) & 3;
      const done = form === 'implicit' || outcome === 0 || (outcome === 1 && this.ignoreMsrs);
      verdicts[i] = done ? Verdict.ALLOW : Verdict.GP;
    }
    if (form === 'implicit' && indices.length > 0) this.lastVerdict = Verdict.ALLOW;
  }

  protected tabulate(): void {
    const { mask } = this;
    this.verdictOf.fill((mask & KVM_MSR_EXIT_REASON_FILTER) !== 0 ? Verdict.EXIT_FILTER : Verdict.GP, 0, 4);
    this.verdictOf[4] = Verdict.ALLOW;
    if (this.ignoreMsrs) this.verdictOf[5] = Verdict.ALLOW;
    else this.verdictOf[5] = (mask & KVM_MSR_EXIT_REASON_UNKNOWN) !== 0 ? Verdict.EXIT_UNKNOWN : Verdict.GP;
    this.verdictOf[6] = (mask & KVM_MSR_EXIT_REASON_INVAL) !== 0 ? Verdict.EXIT_INVAL : Verdict.GP;
  }
}

export const interval: Engine = {
  name: 'interval',
  capabilities: {
    events: ['filter', 'cap', 'ignoreMsrs', 'apic', 'access', 'reply'],
    forms: ACCESS_FORMS,
    routes: false,
  },
  createVm: (config) => new IntervalVm(config),
};
