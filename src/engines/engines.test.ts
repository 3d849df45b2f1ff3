import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { msrFilter, scenario } from '../fuzz/arbitrary.ts';
import { BaseOutcome, BaseTable } from '../model/base.ts';
import { catalogueBase } from '../model/catalogue.ts';
import { EFAULT, EINVAL, MSR_IA32_TSC_DEADLINE, type MsrFilter, type MsrFilterRange } from '../model/filter.ts';
import { findProfile, KERNEL_PROFILES } from '../model/profile.ts';
import { type AccessForm, ApicMode, type ScenarioEvent } from '../model/scenario.ts';
import { AccessType, Route, Verdict } from '../model/verdict.ts';
import type { Engine, EngineVm } from './contract.ts';
import { interval } from './interval.ts';
import { ReferenceVm, reference } from './reference.ts';
import { countAccesses, NOT_APPLICABLE, Runner } from './runner.ts';
import { svm } from './svm.ts';
import { vmx } from './vmx.ts';

const ENGINES = [reference, interval, vmx, svm];
const newest = findProfile('newest')!;
const { READ, WRITE } = AccessType;

const ones = (nmsrs: number): Uint8Array => new Uint8Array(Math.ceil(nmsrs / 64) * 8).fill(0xff);
const zeros = (nmsrs: number): Uint8Array => new Uint8Array(Math.ceil(nmsrs / 64) * 8);
const range = (flags: number, base: number, nmsrs: number, bitmap: Uint8Array | null): MsrFilterRange => ({
  flags,
  nmsrs,
  base,
  bitmap,
});
const allow = (flags: number, base: number, nmsrs: number) => range(flags, base, nmsrs, ones(nmsrs));
const deny = (flags: number, base: number, nmsrs: number) => range(flags, base, nmsrs, zeros(nmsrs));
const byDefault = (flags: number, ...ranges: MsrFilterRange[]): MsrFilter => ({ flags, ranges });

/** Whether accesses are decided by the filter to be denied: everything else is handled, and denials exit. */
function denied(vm: EngineVm, index: number, type: AccessType, form: AccessForm = 'native'): boolean {
  const verdicts = new Uint8Array(1);
  vm.access({ form, indices: Uint32Array.of(index), types: Uint8Array.of(type) }, verdicts, new Uint8Array(1));
  return verdicts[0] === Verdict.EXIT_FILTER;
}

/** Filter, index, direction, and whether it is allowed on the newest kernels. */
const DECISIONS: readonly (readonly [string, MsrFilter, number, AccessType, boolean])[] = [
  ['no range, default allow', byDefault(0), 0x10, READ, true],
  ['default deny', byDefault(1, allow(3, 0x20, 1)), 0x10, READ, false],
  ['first index of a range', byDefault(1, allow(3, 0x20, 9)), 0x20, READ, true],
  ['last index of a range', byDefault(1, allow(3, 0x20, 9)), 0x28, READ, true],
  ['one before', byDefault(1, allow(3, 0x20, 9)), 0x1f, READ, false],
  ['one past, where the bitmap has bits', byDefault(1, allow(3, 0x20, 9)), 0x29, READ, false],
  ['end 2^32 covers nothing', byDefault(0, deny(3, 0xffff_fff0, 16)), 0xffff_fff0, READ, true],
  ['nor the last index', byDefault(0, deny(3, 0xffff_fff0, 16)), 0xffff_ffff, READ, true],
  ['end 0xffffffff covers 0xfffffffe', byDefault(0, deny(3, 0xffff_fff0, 15)), 0xffff_fffe, READ, false],
  ['and not 0xffffffff', byDefault(0, deny(3, 0xffff_fff0, 15)), 0xffff_ffff, READ, true],
  ['a range that wraps: its start', byDefault(0, deny(3, 0xffff_fff0, 32)), 0xffff_fff0, READ, true],
  ['a range that wraps: index 0', byDefault(0, deny(3, 0xffff_fff0, 32)), 0, READ, true],
  ['a range that wraps, alone, default deny', byDefault(1, allow(3, 0xffff_ffff, 1)), 0xffff_ffff, WRITE, false],
  ['the second range, after one that wraps', byDefault(0, allow(3, 0xffff_fff0, 32), deny(3, 0, 8)), 0, READ, false],
  ['first match: allow', byDefault(1, allow(3, 0x10, 8), deny(3, 0x10, 8)), 0x17, READ, true],
  ['first match: deny', byDefault(0, deny(3, 0x10, 8), allow(3, 0x10, 8)), 0x17, READ, false],
  ['R before W: read', byDefault(1, allow(1, 0x10, 8), deny(2, 0x10, 8)), 0x11, READ, true],
  ['R before W: write', byDefault(1, deny(1, 0x10, 8), allow(2, 0x10, 8)), 0x11, WRITE, true],
  ['an R range leaves writes to the default', byDefault(0, deny(1, 0x10, 8)), 0x11, WRITE, true],
  ['0x7ff is filtered', byDefault(1, deny(3, 0x700, 0x300)), 0x7ff, READ, false],
  ['0x800 is not', byDefault(1, deny(3, 0x700, 0x300)), 0x800, READ, true],
  ['0x8ff is not', byDefault(1, deny(3, 0x700, 0x300)), 0x8ff, WRITE, true],
  ['0x900 is filtered', byDefault(1, deny(3, 0x700, 0x300)), 0x900, WRITE, false],
  ['slot 15', byDefault(0, ...new Array(15).fill(deny(3, 0x20, 1)), deny(3, 0x30, 1)), 0x30, READ, false],
  [
    'slot 15 after holes',
    byDefault(0, ...new Array(15).fill(range(0, 0, 0, null)), deny(1, 0x30, 1)),
    0x30,
    READ,
    false,
  ],
  ['a hole is no match', byDefault(1, range(3, 0x30, 0, null), allow(3, 0x30, 1)), 0x30, READ, true],
  ['bit 12287 of 12288', byDefault(0, deny(3, 0, 12288)), 0x2fff, READ, false],
  ['past 12288', byDefault(0, deny(3, 0, 12288)), 0x3000, READ, true],
  ['above 2^31', byDefault(1, allow(3, 0x7fff_fff8, 16)), 0x8000_0007, WRITE, true],
  ['past, above 2^31', byDefault(1, allow(3, 0x7fff_fff8, 16)), 0x8000_0008, WRITE, false],
];

/** Every MSR is handled in x2APIC mode and outside the window, so only the filter denies. */
function handledBase(indices: readonly number[]): BaseTable {
  const { HANDLED } = BaseOutcome;
  return new BaseTable(indices.map((index) => ({ index, read: HANDLED, write: HANDLED })));
}

describe.each(ENGINES)('$name decides corner cases', (engine) => {
  it.each(DECISIONS)('%s', (_, filter, index, type, expected) => {
    for (const form of ['native', 'emulator', 'immediate'] as const) {
      const vm = engine.createVm({ profile: newest, base: handledBase([index]) });
      vm.enableCap!({ kind: 'cap', mask: 4n });
      expect(vm.setFilter(filter, 'normal')).toBe(0);
      expect(denied(vm, index, type, form)).toBe(!expected);
    }
  });
});

const GOOD = deny(3, 0x10, 1);
const NO_FLAGS_NO_BITMAP = range(0, 0x20, 1, null);
/** Filter, and the result by profile: 1a155254ff93, 5.10.0, 5.10, 5.10.154, 6.1, 6.18. */
const ERRNOS: readonly (readonly [string, MsrFilter, readonly number[]])[] = [
  ['valid', byDefault(1, GOOD), [0, 0, 0, 0, 0, 0]],
  ['unknown filter flags', byDefault(2, GOOD), [0, 0, 0, EINVAL, EINVAL, EINVAL]],
  ['empty and DENY', byDefault(1), [0, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL]],
  ['slots of nmsrs 0 and DENY', byDefault(1, range(9, 0, 0, null)), [0, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL]],
  ['slots of nmsrs 0', byDefault(0, range(9, 0, 0, null)), [0, 0, 0, 0, 0, 0]],
  ['range flags 0', byDefault(0, range(0, 0, 1, zeros(1))), [EINVAL, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL]],
  ['range flags 4', byDefault(0, range(4, 0, 1, zeros(1))), [EINVAL, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL]],
  ['range flags 0 and no bitmap', byDefault(0, NO_FLAGS_NO_BITMAP), [EFAULT, EFAULT, EFAULT, EFAULT, EINVAL, EINVAL]],
  ['12289 MSRs', byDefault(0, range(3, 0, 12289, zeros(12289))), [EINVAL, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL]],
  [
    '12289 MSRs and no bitmap',
    byDefault(0, range(3, 0, 12289, null)),
    [EINVAL, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL],
  ],
  ['0xffffffff MSRs', byDefault(0, range(3, 0, 0xffff_ffff, null)), [EINVAL, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL]],
  ['7 bytes', byDefault(0, range(3, 0, 1, new Uint8Array(7))), [EFAULT, EFAULT, EFAULT, EFAULT, EFAULT, EFAULT]],
  ['8 bytes for 65 MSRs', byDefault(0, range(3, 0, 65, zeros(64))), [EFAULT, EFAULT, EFAULT, EFAULT, EFAULT, EFAULT]],
  ['-EFAULT, then -EINVAL', byDefault(0, range(3, 0, 1, null), range(0, 0, 1, zeros(1))), new Array(6).fill(EFAULT)],
  ['-EINVAL, then -EFAULT', byDefault(0, range(0, 0, 1, zeros(1)), range(3, 0, 1, null)), new Array(6).fill(EINVAL)],
];

describe.each(ENGINES)('$name answers the ioctl', (engine) => {
  it.each(ERRNOS)('%s', (_, filter, expected) => {
    const found = KERNEL_PROFILES.map((profile) =>
      engine.createVm({ profile, base: catalogueBase() }).setFilter(filter, 'normal'),
    );
    expect(found).toEqual(expected);
  });

  it.each(KERNEL_PROFILES)('$id: what a failing ioctl leaves', (profile) => {
    const vm = engine.createVm({ profile, base: handledBase([0x20, 0x30, 0x40]) });
    vm.enableCap!({ kind: 'cap', mask: 4n });
    vm.setFilter(byDefault(0, deny(3, 0x20, 1)), 'normal');
    expect(
      vm.setFilter(byDefault(1, deny(3, 0x30, 1), allow(3, 0x20, 1), range(0, 0, 1, null)), 'normal'),
    ).toBeLessThan(0);
    const left = [0x20, 0x30, 0x40].map((index) => denied(vm, index, READ));
    // Before the SRCU fix: the new default, and the ranges before the bad one.
    expect(left).toEqual(profile.replacement === 'in-place' ? [false, true, true] : [true, false, false]);
  });

  it.each(KERNEL_PROFILES)('$id: what a failing first range leaves', (profile) => {
    const vm = engine.createVm({ profile, base: handledBase([0x20]) });
    vm.enableCap!({ kind: 'cap', mask: 4n });
    vm.setFilter(byDefault(0, deny(3, 0x20, 1)), 'normal');
    expect(vm.setFilter(byDefault(1, range(3, 0, 1, null), allow(3, 0x20, 1)), 'normal')).toBe(EFAULT);
    // No range: nothing is filtered, whatever the default.
    expect(denied(vm, 0x20, READ)).toBe(profile.replacement === 'swap');
  });

  it.each(KERNEL_PROFILES)('$id: the x2APIC exemption and the exit mask', (profile) => {
    const vm = engine.createVm({ profile, base: handledBase([0x800]) });
    expect(vm.enableCap!({ kind: 'cap', mask: 0x1_0000_000cn })).toBe(profile.unknownMaskBitsRejected ? EINVAL : 0);
    vm.enableCap!({ kind: 'cap', mask: 4n });
    vm.setFilter(byDefault(1, deny(3, 0x7ff, 3)), 'normal');
    expect(denied(vm, 0x800, READ)).toBe(!profile.x2apicExempt);
    expect(vm.enableCap!({ kind: 'cap', mask: 4n, flags: 1 })).toBe(EINVAL);
    expect(vm.enableCap!({ kind: 'cap', mask: 4n, cap: 189 })).toBe(EINVAL);
  });
});

describe.each(KERNEL_PROFILES)('profile $id', (profile) => {
  it('reference.allows, and every engine, on the edges of random filters', () => {
    const base = catalogueBase();
    const vms = ENGINES.map((engine) => engine.createVm({ profile, base }));
    fc.assert(
      fc.property(msrFilter({ profile }), fc.array(fc.nat(0xffff_ffff), { maxLength: 8 }), (filter, others) => {
        const edges = filter.ranges.flatMap(({ base: start, nmsrs }) => [
          start - 1,
          start,
          start + 1,
          start + nmsrs - 1,
          start + nmsrs,
          start + 63,
          start + 64,
        ]);
        const indices = Uint32Array.from([...edges, ...others, 0x7ff, 0x800, 0x8ff, 0x900].flatMap((i) => [i, i]));
        const types = indices.map((_, i) => i & 1);
        const batch = { form: 'emulator' as const, indices, types: Uint8Array.from(types) };
        const answers = vms.map((vm) => {
          vm.reset!();
          vm.enableCap!({ kind: 'cap', mask: 4n });
          const result = vm.setFilter(filter, 'normal');
          const verdicts = new Uint8Array(indices.length);
          vm.access(batch, verdicts, new Uint8Array(indices.length));
          return [result, ...verdicts];
        });
        for (const answer of answers) expect(answer).toEqual(answers[0]);
        for (let i = 0; i < indices.length; i++) {
          const allowed = vms[0]!.allows!(indices[i]!, types[i] as AccessType);
          expect(answers[0]![i + 1] === Verdict.EXIT_FILTER).toBe(!allowed);
        }
      }),
      { seed: 42, numRuns: 400 },
    );
  });

  it('whole scenarios, but for WRMSR TSC_DEADLINE', () => {
    const runners = ENGINES.map((engine) => new Runner(engine, { profile, base: catalogueBase() }));
    fc.assert(
      fc.property(scenario({ profile, accesses: 128 }), (value) => {
        const count = countAccesses(value);
        const [first, ...rest] = runners.map((runner) => runner.run(value, count));
        let at = 0;
        for (const [number, event] of value.events.entries()) {
          if (event.kind !== 'access') {
            for (const trace of rest) {
              if (trace.codes[number] !== NOT_APPLICABLE && first!.codes[number] !== NOT_APPLICABLE)
                expect(trace.codes[number]).toBe(first!.codes[number]);
            }
            continue;
          }
          const { indices } = event.batch;
          // A fastpath may hide the exit that a reply would answer.
          if (indices.at(-1) === MSR_IA32_TSC_DEADLINE) return;
          for (let i = 0; i < indices.length; i++, at++) {
            for (const trace of rest) {
              if (trace.routes[at] === Route.FASTPATH && trace.engine.capabilities.routes) continue;
              expect(trace.verdicts[at], `event ${number}, access ${i}`).toBe(first!.verdicts[at]);
            }
          }
        }
      }),
      { seed: 43, numRuns: 250 },
    );
  });
});

describe('long batches', () => {
  /** Every step of the decision replaced by itself, so that it is called for every access. */
  class StepwiseVm extends ReferenceVm {
    protected override judge(index: number, type: AccessType): Verdict {
      return super.judge(index, type);
    }
  }

  it.each(KERNEL_PROFILES)('$id: are decided as their accesses are', (profile) => {
    const base = catalogueBase();
    const stepwise = new StepwiseVm({ profile, base });
    const vms = [reference, interval].map((engine) => engine.createVm({ profile, base }));
    const starts = [0, 0x700, 0x1ff0, 0x7fff_f000, 0xc000_0000, 0xc001_0000, 0xffff_f000, 0xffff_ff00];
    fc.assert(
      fc.property(
        msrFilter({ profile }),
        fc.constantFrom(...starts, -1),
        fc.integer({ min: 1, max: 9000 }),
        fc.nat(2),
        fc.nat(7),
        fc.constantFrom(...Object.values(ApicMode)),
        fc.boolean(),
        (filter, start, length, types, mask, apic, on) => {
          const first = start < 0 ? (filter.ranges[0]?.base ?? 0) : start;
          // 0 and 1: one direction. Indices wrap past the last one.
          const batch = {
            indices: Uint32Array.from({ length }, (_, i) => first + i),
            types: Uint8Array.from({ length }, (_, i) => (types === 2 ? i & 1 : types)),
          };
          const [expected, ...answers] = [stepwise, ...vms].map((vm) => {
            vm.reset!();
            vm.enableCap!({ kind: 'cap', mask: BigInt(mask) });
            vm.setApicMode!(apic);
            vm.setIgnoreMsrs!(on);
            vm.setFilter(filter, 'normal');
            const verdicts = new Uint8Array(length);
            vm.access(batch, verdicts, new Uint8Array(length));
            return verdicts;
          });
          for (const answer of answers) expect(Buffer.compare(answer, expected!)).toBe(0);
        },
      ),
      { seed: 3, numRuns: 150 },
    );
  });
});

describe('an event that an engine has no call for', () => {
  it('ends the comparison with the reason, and is not announced or run', () => {
    const seen: string[] = [];
    const engine: Engine = {
      name: 'choosy',
      capabilities: { events: ['filter', 'access'], routes: false },
      cannot: (event) => (event.kind === 'filter' && event.filter.flags === 0 ? 'no DEFAULT_ALLOW' : ''),
      createVm: () => ({
        begin: ({ events }) => seen.push(...events.map(({ kind }) => `announced ${kind}`)),
        setFilter: ({ flags }) => {
          seen.push(`filter ${flags}`);
          return 0;
        },
        access: (_, verdicts) => void verdicts.fill(Verdict.ALLOW),
      }),
    };
    const filter = (flags: number): ScenarioEvent => ({ kind: 'filter', filter: { flags, ranges: [] } });
    const batch = { indices: Uint32Array.of(1), types: Uint8Array.of(0) };
    const events: ScenarioEvent[] = [filter(1), { kind: 'access', batch }, filter(0), { kind: 'access', batch }];
    const trace = new Runner(engine, { profile: newest, base: catalogueBase() }).run({ events }, 2);
    expect(trace).toMatchObject({ comparableEvents: 2, comparableAccesses: 1, incomparable: 'no DEFAULT_ALLOW' });
    expect(seen).toEqual(['announced filter', 'announced access', 'filter 1']);
  });
});
