/**
 * Uniform random sampling: what somebody writes first, every value uniform in its type or in what the documentation
 * allows; informed, also with the rare invalid value and the MSRs that matter to pass-through.
 */
import { type Choices, Random } from '../../src/fuzz/random.ts';
import {
  KVM_MSR_FILTER_MAX_NMSRS,
  KVM_MSR_FILTER_MAX_RANGES,
  type MsrFilter,
  type MsrFilterRange,
} from '../../src/model/filter.ts';
import type { KernelProfile } from '../../src/model/profile.ts';
import type {
  AccessEvent,
  ApicMode,
  CapEvent,
  FilterEvent,
  MsrPassthrough,
  Scenario,
  ScenarioEvent,
} from '../../src/model/scenario.ts';
import { damaged } from './damage.ts';
import {
  bitmapBytes,
  candidateIndices,
  DAMAGES,
  EVENT_KINDS,
  type Knowledge,
  MAX_CHANGES,
  MAX_CUT,
  MAX_PROLOGUE,
  MAX_STEPS,
  ONE_IN,
  OTHER_DELIVERIES,
  OTHER_FORMS,
} from './shape.ts';

/** Tells these cases from the generator's, which takes two more words. */
const STREAM = 0x756e_6966;

export class UniformSampler {
  private readonly candidates: readonly number[];
  private readonly accesses: number;
  private readonly informed: boolean;

  constructor(profile: KernelProfile, accesses: number, { informed }: Knowledge) {
    this.accesses = accesses;
    this.informed = informed;
    this.candidates = candidateIndices(profile);
  }

  generate(seed: number, number: number): Scenario {
    const choices = new Random(seed, number, STREAM);
    const events: ScenarioEvent[] = [];
    for (let n = choices.below(MAX_PROLOGUE + 1); n > 0; n--) events.push(this.event(choices));
    const steps = choices.below(MAX_STEPS + 1);
    const perBatch = Math.floor(this.accesses / (steps + 1));
    events.push(this.filter(choices), this.access(choices, perBatch));
    for (let n = steps; n > 0; n--) events.push(this.event(choices), this.access(choices, perBatch));
    return { events };
  }

  private event(choices: Choices): ScenarioEvent {
    const kind = EVENT_KINDS[choices.below(EVENT_KINDS.length)]!;
    switch (kind) {
      case 'filter':
        return this.filter(choices);
      case 'cap':
        return this.informed ? capEvent(choices) : { kind, mask: u64(choices) };
      case 'apic':
        return { kind, mode: choices.below(3) as ApicMode };
      case 'candidates':
        return { kind, changes: this.changes(choices) };
      case 'reply':
        return { kind, error: choices.below(256), data: u64(choices) };
      case 'nested': {
        const [bitmaps, mapped, clean] = [coin(choices), coin(choices), coin(choices)];
        const event = { kind, bitmaps, mapped, passthrough: this.changes(choices) };
        return clean ? { ...event, clean } : event;
      }
      case 'ignoreMsrs':
        return { kind, on: coin(choices) };
    }
  }

  private changes(choices: Choices): MsrPassthrough[] {
    return Array.from({ length: choices.below(MAX_CHANGES + 1) }, () => ({
      index: this.informed && coin(choices) ? this.candidates[choices.below(this.candidates.length)]! : choices.u32(),
      read: coin(choices),
      write: coin(choices),
    }));
  }

  private filter(choices: Choices): FilterEvent {
    let filter: MsrFilter = {
      flags: choices.below(2),
      ranges: Array.from({ length: 1 + choices.below(KVM_MSR_FILTER_MAX_RANGES) }, () => range(choices)),
    };
    if (this.informed && choices.below(ONE_IN) === 0) {
      const kind = DAMAGES[choices.below(DAMAGES.length)]!;
      filter = damaged(filter, { kind, slot: choices.u32(), value: choices.u32(), cut: 1 + choices.below(MAX_CUT) });
    }
    return { kind: 'filter', filter, delivery: this.plainOr(choices, 'normal', OTHER_DELIVERIES) };
  }

  private access(choices: Choices, length: number): AccessEvent {
    const indices = new Uint32Array(length);
    const types = new Uint8Array(length);
    for (let i = 0; i < length; i++) {
      indices[i] = choices.u32();
      types[i] = choices.u32() >>> 31;
    }
    return { kind: 'access', batch: { form: this.plainOr(choices, 'native', OTHER_FORMS), indices, types } };
  }

  /** The plain one: informed, half of the time; otherwise as often as each of the others. */
  private plainOr<T>(choices: Choices, plain: T, others: readonly T[]): T {
    if (this.informed && coin(choices)) return plain;
    const number = choices.below(others.length + (this.informed ? 0 : 1));
    return others[number] ?? plain;
  }
}

const coin = (choices: Choices): boolean => choices.u32() >>> 31 === 1;
const u64 = (choices: Choices): bigint => (BigInt(choices.u32()) << 32n) | BigInt(choices.u32());

function capEvent(choices: Choices): CapEvent {
  const rare = (): boolean => choices.below(ONE_IN) === 0;
  return {
    kind: 'cap',
    mask: rare() ? u64(choices) : BigInt(choices.below(8)),
    ...(rare() ? { flags: choices.u32() } : {}),
    ...(rare() ? { cap: 188 + choices.below(2) } : {}),
  };
}

function range(choices: Choices): MsrFilterRange {
  const nmsrs = 1 + choices.below(KVM_MSR_FILTER_MAX_NMSRS);
  const words = new Uint32Array(bitmapBytes(nmsrs) / 4);
  for (let i = 0; i < words.length; i++) words[i] = choices.u32();
  return { flags: 1 + choices.below(3), nmsrs, base: choices.u32(), bitmap: new Uint8Array(words.buffer) };
}
