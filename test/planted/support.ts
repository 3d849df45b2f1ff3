/** What the catalogue of planted bugs is written with: the type, and short words for scenarios. */
import type { Engine, EngineVm, VmConfig } from '../../src/engines/contract.ts';
import { interval } from '../../src/engines/interval.ts';
import { ReferenceVm, reference } from '../../src/engines/reference.ts';
import { svm } from '../../src/engines/svm.ts';
import { vmx } from '../../src/engines/vmx.ts';
import type { MsrFilterRange } from '../../src/model/filter.ts';
import type {
  AccessForm,
  ApicMode,
  CapEvent,
  FilterDelivery,
  MsrPassthrough,
  ScenarioEvent,
} from '../../src/model/scenario.ts';

export type BugGroup = 'lookup' | 'ioctl' | 'deflection' | 'bitmap' | 'nested' | 'state';

/** One realistic mistake, planted in one of the engines. */
export interface PlantedBug {
  readonly id: string;
  readonly title: string;
  /** Where such a mistake was made, or which rule it breaks. */
  readonly cite: string;
  readonly group: BugGroup;
  readonly engine: Engine;
  /** The engine that the mistake is planted in. */
  readonly origin: Engine;
  /** Profile that the bug shows in; default the newest. */
  readonly profile?: string;
  /** `sizeOf` of the smallest scenario that shows it, stated by hand. */
  readonly smallest: number;
  /** Such a scenario. */
  readonly example: readonly ScenarioEvent[];
}

type VmClass = new (config: VmConfig) => EngineVm;

interface BugText {
  readonly id: string;
  readonly title: string;
  readonly cite: string;
  readonly smallest: number;
  readonly example: readonly ScenarioEvent[];
  readonly profile?: string;
  readonly vm: VmClass;
}

const ORIGINS = { reference, interval, vmx, svm };

/** Collects the bugs of one group. */
export function bugsOf(group: BugGroup, origin: keyof typeof ORIGINS, bugs: readonly BugText[]): PlantedBug[] {
  return bugs.map(({ vm, ...text }) => {
    const { capabilities } = ORIGINS[origin];
    const engine: Engine = { name: `bug-${text.id}`, capabilities, createVm: (config) => new vm(config) };
    return { ...text, group, engine, origin: ORIGINS[origin] };
  });
}

export const ALLOW = 0;
export const DENY = 1;
export const R = 1;
export const W = 2;
export const RW = 3;

/** A range with all bits 0 but those listed, and the bytes that the kernel reads unless `bytes` says otherwise. */
export function range(
  base: number,
  flags: number,
  nmsrs = 1,
  bits: readonly number[] = [],
  bytes?: number,
): MsrFilterRange {
  const bitmap = new Uint8Array(bytes ?? (nmsrs > 12288 ? 8 : Math.ceil(nmsrs / 64) * 8));
  for (const bit of bits) bitmap[bit >>> 3]! |= 1 << (bit & 7);
  return { flags, base, nmsrs, bitmap };
}

export function filter(
  flags: number,
  ranges: readonly MsrFilterRange[] = [],
  delivery?: FilterDelivery,
): ScenarioEvent {
  return delivery
    ? { kind: 'filter', filter: { flags, ranges }, delivery }
    : { kind: 'filter', filter: { flags, ranges } };
}

/** Accesses: an index with READ or WRITE, in turn. */
export function access(accesses: readonly (readonly ['r' | 'w', number])[], form?: AccessForm): ScenarioEvent {
  const indices = Uint32Array.from(accesses, ([, index]) => index);
  const types = Uint8Array.from(accesses, ([type]) => (type === 'w' ? 1 : 0));
  return { kind: 'access', batch: form ? { form, indices, types } : { indices, types } };
}

export const read = (index: number, form?: AccessForm): ScenarioEvent => access([['r', index]], form);
export const write = (index: number, form?: AccessForm): ScenarioEvent => access([['w', index]], form);
export const cap = (mask: number, more: Pick<CapEvent, 'cap' | 'flags'> = {}): ScenarioEvent => ({
  kind: 'cap',
  mask: BigInt(mask),
  ...more,
});
export const apic = (mode: ApicMode): ScenarioEvent => ({ kind: 'apic', mode });
export const ignoreMsrs = (on: boolean): ScenarioEvent => ({ kind: 'ignoreMsrs', on });
export const reply = (error = 0): ScenarioEvent => ({ kind: 'reply', error, data: 0n });

type Directions = 'r' | 'w' | 'rw' | 'none';
function passthrough(list: readonly (readonly [number, Directions])[]): MsrPassthrough[] {
  return list.map(([index, d]) => ({ index, read: d.includes('r'), write: d.includes('w') }));
}
export const wish = (...list: readonly (readonly [number, Directions])[]): ScenarioEvent => ({
  kind: 'candidates',
  changes: passthrough(list),
});
export const nested = (
  list: readonly (readonly [number, Directions])[] = [],
  more: { readonly bitmaps?: boolean; readonly mapped?: boolean; readonly clean?: boolean } = {},
): ScenarioEvent => ({ kind: 'nested', bitmaps: true, mapped: true, ...more, passthrough: passthrough(list) });

/** A VM of a kernel with some of its rules changed. */
export function withProfile(change: Partial<VmConfig['profile']>): new (config: VmConfig) => ReferenceVm {
  return class extends ReferenceVm {
    constructor(config: VmConfig) {
      super({ ...config, profile: { ...config.profile, ...change } });
    }
  };
}
