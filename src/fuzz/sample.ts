/**
 * What a real kernel gets of a case: a few accesses of each event, and no event that it cannot run. Every engine that
 * is compared with the kernel runs the same sample.
 */
import type { EngineCapabilities } from '../engines/contract.ts';
import { type MeasuredKernel, type UnsteadyAccess, unsteadyKeys } from '../model/kernel.ts';
import type { AccessBatch, AccessForm, Scenario, ScenarioEvent } from '../model/scenario.ts';
import type { Choices } from './random.ts';

/** Which part of a campaign's cases the kernels get. */
export interface SampleRate {
  /** One case in so many. */
  readonly every: number;
  /** Accesses kept of each access event. */
  readonly accesses: number;
}

export const DEFAULT_SAMPLE: SampleRate = { every: 8, accesses: 16 };

/** Events that decide nothing on a real kernel: its own state is what passes MSRs through. */
const MODEL_ONLY: ReadonlySet<ScenarioEvent['kind']> = new Set(['candidates', 'nested']);

/** Takes samples for one kernel. */
export class Sampler {
  private readonly capabilities: EngineCapabilities;
  private readonly accesses: number;
  private readonly unsteady: readonly UnsteadyAccess[];
  private readonly unsteadyOf = new Map<AccessForm, ReadonlySet<number>>();

  constructor(capabilities: EngineCapabilities, kernel: MeasuredKernel, accesses: number) {
    this.capabilities = capabilities;
    this.accesses = accesses;
    this.unsteady = kernel.unsteady;
  }

  /**
   * A scenario of its own memory, except for bitmaps, which are copied. WRMSR writes 0: what other values do is the
   * MSR's business, not the filter's.
   */
  take(scenario: Scenario, choices: Choices): Scenario {
    const events: ScenarioEvent[] = [];
    for (const event of scenario.events) {
      if (event.kind === 'access') {
        const batch = this.pick(event.batch, choices);
        if (batch) events.push({ kind: 'access', batch });
      } else if (event.kind === 'filter') {
        const ranges = event.filter.ranges.map((range) => ({ ...range, bitmap: range.bitmap?.slice() ?? null }));
        events.push({ ...event, filter: { flags: event.filter.flags, ranges } });
      } else if (this.capabilities.events.includes(event.kind) && !MODEL_ONLY.has(event.kind)) {
        events.push(event);
      }
    }
    return { events };
  }

  private pick({ indices, types, form = 'native' }: AccessBatch, choices: Choices): AccessBatch | undefined {
    if (!(this.capabilities.forms ?? ['native']).includes(form)) return undefined;
    const { length } = indices;
    const unsteady = this.unsteadyIn(form);
    const wanted = Math.min(length, this.accesses);
    const places: number[] = [];
    // One access out of each of as many equal parts, the last one always: an exit of it stays pending.
    for (let n = 0; n < wanted; n++) {
      const from = Math.floor((n * length) / wanted);
      const to = Math.floor(((n + 1) * length) / wanted);
      const at = n === wanted - 1 ? length - 1 : from + choices.below(to - from);
      if (!unsteady.has(indices[at]! * 2 + types[at]!)) places.push(at);
    }
    if (places.length === 0) return undefined;
    return {
      ...(form === 'native' ? {} : { form }),
      indices: Uint32Array.from(places, (at) => indices[at]!),
      types: Uint8Array.from(places, (at) => types[at]!),
    };
  }

  /** By index * 2 + type. */
  private unsteadyIn(form: AccessForm): ReadonlySet<number> {
    let set = this.unsteadyOf.get(form);
    if (!set) {
      set = unsteadyKeys(this.unsteady, form);
      this.unsteadyOf.set(form, set);
    }
    return set;
  }
}
