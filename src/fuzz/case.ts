/** Cases: whole scenarios drawn from the input space. */
import { type Candidate, passthroughCandidates } from '../model/catalogue.ts';
import type { MsrFilter } from '../model/filter.ts';
import type { KernelProfile } from '../model/profile.ts';
import {
  type AccessBatch,
  ApicMode,
  type FilterDelivery,
  type MsrPassthrough,
  type Scenario,
  type ScenarioEvent,
} from '../model/scenario.ts';
import { AccessType } from '../model/verdict.ts';
import { AccessTable } from './access-table.ts';
import { BitmapPool, type FilterContext, generateFilter, tweakFilter } from './generate.ts';
import type { Choices } from './random.ts';
import { type KnobValue, NEUTRAL_STEERING, Policy, type Steering } from './space.ts';

/** Denies all but the x2APIC MSRs: at least one range makes the default count. */
const DENY_ALL: MsrFilter = { flags: 1, ranges: [{ flags: 3, nmsrs: 1, base: 0, bitmap: new Uint8Array(8) }] };

/** Accesses between two replies of one step. */
const SHORT_BATCH = 16;

/** Accesses of a case of a campaign. */
export const ACCESSES_PER_CASE = 16_384;

/** Instructions that reach an MSR without RDMSR / WRMSR: RDTSC, RDPID, RDTSCP, WRGSBASE, SWAPGS. */
const IMPLICIT: readonly (readonly [number, AccessType])[] = [
  [0x10, AccessType.READ],
  [0xc000_0103, AccessType.READ],
  [0xc000_0101, AccessType.WRITE],
  [0xc000_0102, AccessType.READ],
  [0xc000_0102, AccessType.WRITE],
];

/** The pass-through candidates of both vendors. */
export function allCandidates(profile: KernelProfile): Candidate[] {
  return [...passthroughCandidates('vmx', profile), ...passthroughCandidates('svm', profile)];
}

/**
 * Generates one case after the other. A scenario shares its arrays with the next one of the same generator: copy
 * it (`copyScenario`) to keep it.
 */
export class CaseGenerator {
  readonly policy = new Policy();
  private readonly candidates: readonly Candidate[];
  private readonly accesses: number;
  private readonly indices: Uint32Array;
  private readonly types: Uint8Array;
  private readonly pool = new BitmapPool();
  private readonly table = new AccessTable();
  private used = 0;

  constructor(profile: KernelProfile, accesses: number = ACCESSES_PER_CASE) {
    this.candidates = allCandidates(profile);
    this.accesses = accesses;
    this.indices = new Uint32Array(accesses);
    this.types = new Uint8Array(accesses);
  }

  generate(choices: Choices, steering: Steering = NEUTRAL_STEERING): Scenario {
    const { policy, pool, candidates } = this;
    policy.reset(choices, steering);
    pool.reset();
    this.used = 0;
    const context: FilterContext = { choices, policy, pool, candidates };
    const events: ScenarioEvent[] = [];
    const filters: MsrFilter[] = [];

    const steps = Number(policy.draw(choices, 'steps').slice(1));
    const perBatch = Math.floor(this.accesses / (steps + 1));
    for (let n = choices.below(3); n >= 0; n--) this.prologue(context, events, perBatch >>> 4);
    this.pushFilter(context, events, filters, generateFilter(context, undefined));
    this.pushAccesses(context, events, filters, perBatch);
    for (let n = 0; n < steps; n++) {
      this.step(context, events, filters);
      this.pushAccesses(context, events, filters, perBatch);
    }
    return { events };
  }

  private prologue(context: FilterContext, events: ScenarioEvent[], accesses: number): void {
    switch (context.policy.draw(context.choices, 'prologue')) {
      case 'nothing':
        break;
      case 'mask':
        events.push(this.mask(context));
        break;
      case 'apic':
        events.push(this.apic(context));
        break;
      case 'candidates':
        events.push({ kind: 'candidates', changes: this.changes(context) });
        break;
      case 'accesses':
        this.pushAccesses(context, events, [], accesses);
        break;
    }
  }

  private step(context: FilterContext, events: ScenarioEvent[], filters: MsrFilter[]): void {
    const { choices } = context;
    const last = filters.at(-1)!;
    const step: KnobValue<'step'> = context.policy.draw(choices, 'step');
    switch (step) {
      case 'replace':
        this.pushFilter(context, events, filters, generateFilter(context, last));
        break;
      case 'tweak':
        this.pushFilter(context, events, filters, tweakFilter(context, last));
        break;
      case 'again':
        this.pushFilter(context, events, filters, filters[choices.below(filters.length)]!);
        break;
      case 'disable':
        this.pushFilter(context, events, filters, disabled(choices));
        break;
      case 'failing':
        this.pushFilter(context, events, filters, broken(choices, generateFilter(context, last)));
        break;
      case 'backToBack':
        this.pushFilter(context, events, filters, generateFilter(context, last));
        this.pushFilter(context, events, filters, generateFilter(context, last));
        break;
      case 'mask':
        events.push(this.mask(context));
        break;
      case 'apic':
        events.push(this.apic(context));
        break;
      case 'candidates':
        events.push({ kind: 'candidates', changes: this.changes(context) });
        break;
      case 'replyLate':
        // The last access may not have exited: a few short attempts.
        for (let n = choices.below(4); n >= 0; n--) {
          const between = choices.below(4);
          if (between < 2) events.push(this.mask(context));
          else this.pushFilter(context, events, filters, between === 2 ? generateFilter(context, last) : DENY_ALL);
          events.push(reply(choices));
          if (n > 0) this.pushAccesses(context, events, filters, SHORT_BATCH);
        }
        break;
      case 'reply':
        for (let n = choices.below(4); n >= 0; n--) {
          events.push(reply(choices));
          if (choices.below(4) === 0) events.push(reply(choices));
          if (n > 0) this.pushAccesses(context, events, filters, SHORT_BATCH);
        }
        break;
      case 'nested':
        events.push(this.nested(context, false));
        break;
      case 'nestedClean':
        // Clean means something only after a merge, and more after a change of L0's bitmap.
        events.push(this.nested(context, false));
        if (choices.below(3) === 0) this.pushFilter(context, events, filters, generateFilter(context, last));
        else if (choices.below(2) === 0) events.push({ kind: 'candidates', changes: this.changes(context) });
        events.push(this.nested(context, true));
        break;
      case 'ignoreMsrs':
        events.push({ kind: 'ignoreMsrs', on: choices.below(4) > 0 });
        if (choices.below(3) === 0) events.push({ kind: 'ignoreMsrs', on: false });
        break;
    }
  }

  private pushFilter(
    { choices, policy }: FilterContext,
    events: ScenarioEvent[],
    filters: MsrFilter[],
    filter: MsrFilter,
  ): void {
    const delivery: FilterDelivery = policy.draw(choices, 'delivery');
    events.push(delivery === 'normal' ? { kind: 'filter', filter } : { kind: 'filter', filter, delivery });
    filters.push(filter);
    if (filters.length > 2) filters.shift();
  }

  private pushAccesses(
    { choices, policy, candidates }: FilterContext,
    events: ScenarioEvent[],
    filters: readonly MsrFilter[],
    count: number,
  ): void {
    const form = policy.draw(choices, 'form');
    const length = Math.min(form === 'native' ? count : count >>> 3, this.accesses - this.used);
    if (length <= 0) return;
    const indices = this.indices.subarray(this.used, this.used + length);
    const types = this.types.subarray(this.used, this.used + length);
    this.used += length;
    if (form === 'implicit') {
      for (let i = 0; i < length; i++) {
        const [index, type] = IMPLICIT[choices.below(IMPLICIT.length)]!;
        indices[i] = index;
        types[i] = type;
      }
    } else {
      this.table.build(choices, policy, filters, candidates, length);
      this.table.fill(choices, indices, types);
      // What is remembered across events shows when the first access repeats the last one before.
      const before = this.used - length - 1;
      if (before >= 0 && choices.below(2) === 0) {
        indices[0] = this.indices[before]!;
        types[0] = this.types[before]!;
      }
    }
    const batch: AccessBatch = form === 'native' ? { indices, types } : { indices, types, form };
    events.push({ kind: 'access', batch });
  }

  private mask({ choices, policy }: FilterContext): ScenarioEvent {
    const value = policy.draw(choices, 'mask');
    if (value !== 'invalid') return { kind: 'cap', mask: BigInt(value.slice(1)) };
    switch (choices.below(4)) {
      case 0:
        return { kind: 'cap', mask: BigInt(choices.below(8)), flags: 1 << choices.below(31) };
      case 1:
        return { kind: 'cap', mask: BigInt(choices.below(8)), cap: 189 };
      default:
        return { kind: 'cap', mask: (1n << BigInt(3 + choices.below(61))) | BigInt(choices.below(8)) };
    }
  }

  private apic({ choices, policy }: FilterContext): ScenarioEvent {
    const mode = policy.draw(choices, 'apic');
    return {
      kind: 'apic',
      mode: mode === 'none' ? ApicMode.NONE : mode === 'xapic' ? ApicMode.XAPIC : ApicMode.X2APIC,
    };
  }

  private changes({ choices }: FilterContext): MsrPassthrough[] {
    const changes: MsrPassthrough[] = [];
    for (let n = 1 + choices.below(4); n > 0; n--) {
      const { index } = this.candidates[choices.below(this.candidates.length)]!;
      const bits = [3, 3, 1, 2, 0][choices.below(5)]!;
      changes.push({ index, read: (bits & 1) !== 0, write: (bits & 2) !== 0 });
    }
    return changes;
  }

  private nested(context: FilterContext, clean: boolean): ScenarioEvent {
    const { choices } = context;
    const bitmaps = choices.below(8) > 0;
    const mapped = choices.below(8) > 0;
    const passthrough = this.changes(context);
    // What L1 passes is mostly what L0 may pass; sometimes neighbours, which share a chunk of the MSRPM.
    for (let n = choices.below(12); n > 0; n--) {
      const { index } = this.candidates[choices.below(this.candidates.length)]!;
      passthrough.push({ index: index + (choices.below(4) === 0 ? 1 : 0), read: true, write: choices.below(4) > 0 });
    }
    return clean
      ? { kind: 'nested', bitmaps, mapped, passthrough, clean }
      : { kind: 'nested', bitmaps, mapped, passthrough };
  }
}

function reply(choices: Choices): ScenarioEvent {
  const error = [0, 0, 1, 1, 0x80, 255][choices.below(6)]!;
  return { kind: 'reply', error, data: (BigInt(choices.u32()) << 32n) | BigInt(choices.u32()) };
}

/** Filtering off: ALLOW and no range, or only empty slots, whose other fields are not looked at. */
function disabled(choices: Choices): MsrFilter {
  const holes = choices.below(4);
  const ranges = Array.from({ length: holes }, () => ({
    flags: choices.u32(),
    nmsrs: 0,
    base: choices.u32(),
    bitmap: null,
  }));
  return { flags: 0, ranges };
}

/** The filter with one thing in it that the ioctl rejects, preferably after ranges that it accepts. */
function broken(choices: Choices, filter: MsrFilter): MsrFilter {
  const bad = { flags: 3, nmsrs: 1, base: choices.below(0x200), bitmap: new Uint8Array(8) };
  const kind = choices.below(5);
  if (kind === 0) return { flags: 2 | choices.below(2), ranges: filter.ranges };
  const range = [
    { ...bad, flags: 0 },
    { ...bad, flags: 4 },
    { ...bad, nmsrs: 12289 },
    { ...bad, bitmap: null },
  ][kind - 1]!;
  const ranges = filter.ranges.slice(0, 15);
  ranges.splice(choices.below(ranges.length + 1), 0, range);
  return { flags: filter.flags, ranges };
}

/** A copy that shares no memory with the generator. */
export function copyScenario(scenario: Scenario): Scenario {
  return { events: scenario.events.map(copyEvent) };
}

function copyEvent(event: ScenarioEvent): ScenarioEvent {
  switch (event.kind) {
    case 'filter': {
      const ranges = event.filter.ranges.map((range) => ({ ...range, bitmap: range.bitmap?.slice() ?? null }));
      return { ...event, filter: { flags: event.filter.flags, ranges } };
    }
    case 'access': {
      const { indices, types, values, ...rest } = event.batch;
      const batch = { ...rest, indices: indices.slice(), types: types.slice() };
      return { ...event, batch: values ? { ...batch, values: values.slice() } : batch };
    }
    default:
      return event;
  }
}
