/**
 * Plain fast-check properties: scenarios of the same shape from fast-check's own combinators, with its bias to small
 * values and to the ends of a type; informed, also with the rare invalid value and the MSRs that matter.
 */
import fc, { type Arbitrary } from 'fast-check';
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
  type Knowledge,
  MAX_CHANGES,
  MAX_CUT,
  MAX_PROLOGUE,
  MAX_STEPS,
  ONE_IN,
  OTHER_DELIVERIES,
  OTHER_FORMS,
} from './shape.ts';

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const u64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });

/** Mostly `usual`, once in a while `rare`. */
function mostly<A, B>(usual: Arbitrary<A>, rare: Arbitrary<B>): Arbitrary<A | B> {
  return fc.oneof({ weight: ONE_IN - 1, arbitrary: usual }, { weight: 1, arbitrary: rare });
}

const range: Arbitrary<MsrFilterRange> = fc.integer({ min: 1, max: KVM_MSR_FILTER_MAX_NMSRS }).chain((nmsrs) => {
  const length = bitmapBytes(nmsrs);
  return fc.record({
    flags: fc.integer({ min: 1, max: 3 }),
    nmsrs: fc.constant(nmsrs),
    base: u32,
    bitmap: fc.uint8Array({ minLength: length, maxLength: length }),
  });
});

const validFilter: Arbitrary<MsrFilter> = fc.record({
  flags: fc.integer({ min: 0, max: 1 }),
  // Without `size` fast-check would stop at 12 ranges.
  ranges: fc.array(range, { minLength: 1, maxLength: KVM_MSR_FILTER_MAX_RANGES, size: 'max' }),
});

const damage = fc.record({
  kind: fc.constantFrom(...DAMAGES),
  slot: u32,
  value: u32,
  cut: fc.integer({ min: 1, max: MAX_CUT }),
});

/** The plain one: informed, half of the time; otherwise as often as each of the others. */
function plainOr<T>(plain: T, others: readonly T[], { informed }: Knowledge): Arbitrary<T> {
  return informed ? fc.oneof(fc.constant(plain), fc.constantFrom(...others)) : fc.constantFrom(plain, ...others);
}

function filterEvent(knowledge: Knowledge): Arbitrary<FilterEvent> {
  const broken = fc.tuple(validFilter, damage).map(([filter, change]) => damaged(filter, change));
  const filter = knowledge.informed ? mostly(validFilter, broken) : validFilter;
  return fc
    .record({ filter, delivery: plainOr('normal', OTHER_DELIVERIES, knowledge) })
    .map((event) => ({ kind: 'filter', ...event }));
}

const typedCap: Arbitrary<CapEvent> = u64.map((mask) => ({ kind: 'cap', mask }));
const informedCap: Arbitrary<CapEvent> = fc
  .record({
    mask: mostly(fc.bigInt({ min: 0n, max: 7n }), u64),
    flags: mostly(fc.constant(0), u32),
    cap: mostly(fc.constant(188), fc.constantFrom(188, 189)),
  })
  .map((event) => ({ kind: 'cap', ...event }));

function accessEvent(length: number, knowledge: Knowledge): Arbitrary<AccessEvent> {
  return fc
    .record({
      form: plainOr('native', OTHER_FORMS, knowledge),
      indices: fc.array(u32, { minLength: length, maxLength: length }),
      types: fc.uint8Array({ min: 0, max: 1, minLength: length, maxLength: length }),
    })
    .map(({ form, indices, types }) => ({
      kind: 'access',
      batch: { form, indices: Uint32Array.from(indices), types },
    }));
}

export function plainScenario(profile: KernelProfile, accesses: number, knowledge: Knowledge): Arbitrary<Scenario> {
  const { informed } = knowledge;
  const filter = filterEvent(knowledge);
  const changes: Arbitrary<MsrPassthrough[]> = fc.array(
    fc.record({
      index: informed ? fc.oneof(fc.constantFrom(...candidateIndices(profile)), u32) : u32,
      read: fc.boolean(),
      write: fc.boolean(),
    }),
    { maxLength: MAX_CHANGES, size: 'max' },
  );
  const event: Arbitrary<ScenarioEvent> = fc.oneof(
    filter,
    informed ? informedCap : typedCap,
    fc.constantFrom<ApicMode[]>(0, 1, 2).map((mode) => ({ kind: 'apic', mode }) as const),
    changes.map((list) => ({ kind: 'candidates', changes: list }) as const),
    fc.record({ kind: fc.constant('reply' as const), error: fc.integer({ min: 0, max: 255 }), data: u64 }),
    fc.record({
      kind: fc.constant('nested' as const),
      bitmaps: fc.boolean(),
      mapped: fc.boolean(),
      passthrough: changes,
      clean: fc.boolean(),
    }),
    fc.record({ kind: fc.constant('ignoreMsrs' as const), on: fc.boolean() }),
  );
  return fc.integer({ min: 0, max: MAX_STEPS }).chain((steps) => {
    const batch = accessEvent(Math.floor(accesses / (steps + 1)), knowledge);
    return fc
      .record({
        prologue: fc.array(event, { maxLength: MAX_PROLOGUE }),
        filter,
        first: batch,
        steps: fc.array(fc.tuple(event, batch), { minLength: steps, maxLength: steps }),
      })
      .map(({ prologue, filter, first, steps }) => ({ events: [...prologue, filter, first, ...steps.flat()] }));
  });
}
