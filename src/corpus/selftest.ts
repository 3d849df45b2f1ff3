/**
 * The kernel's own test of MSR filtering as data:
 * tools/testing/selftests/kvm/x86/userspace_msr_exit_test.c (torvalds/linux 08c51f5b).
 *
 * Left out is what the engine contract cannot express: the data that RDMSR returns.
 */
import type { Engine, EngineVm } from '../engines/contract.ts';
import { BaseOutcome, BaseTable } from '../model/base.ts';
import {
  EINVAL,
  KVM_MSR_EXIT_REASON_FILTER,
  KVM_MSR_EXIT_REASON_VALID_MASK,
  KVM_MSR_FILTER_RANGE_VALID_MASK,
  KVM_MSR_FILTER_VALID_MASK,
  type MsrFilter,
} from '../model/filter.ts';
import { findProfile, type KernelProfile } from '../model/profile.ts';
import type { AccessEvent, AccessForm, CapEvent, FilterEvent, ReplyEvent } from '../model/scenario.ts';
import { AccessType, Completion, Verdict } from '../model/verdict.ts';
import { SELFTEST_FILTERS } from './real-filters.ts';

/** One event, and what it has to give: the ioctl's result, the access's `Verdict`, or the reply's `Completion`. */
export interface SelftestStep {
  readonly event: FilterEvent | CapEvent | AccessEvent | ReplyEvent;
  readonly expected: number;
}

export interface SelftestCase {
  /** The test's name in the kernel. */
  readonly name: string;
  readonly steps: readonly SelftestStep[];
}

const XSS = 0xda0;
const FLUSH_CMD = 0x10b;
const POWER_CTL = 0x1fc;
const SYSCALL_MASK = 0xc0000084;
const FS_BASE = 0xc0000100;
const GS_BASE = 0xc0000101;
/** MSR_NON_EXISTENT: "a fabricated MSR that no one knows about". */
const NON_EXISTENT = 0x474f4f00;
const DEADBEEF = 0xdeadbeef;

/** A kernel that has the MSRs used; the other two are unknown to it. */
const BASE = new BaseTable(
  [XSS, FLUSH_CMD, POWER_CTL, SYSCALL_MASK, FS_BASE, GS_BASE].map((index) => ({
    index,
    read: index === FLUSH_CMD ? BaseOutcome.UNKNOWN : BaseOutcome.HANDLED,
    write: BaseOutcome.HANDLED,
  })),
);

const setFilter = (filter: MsrFilter, expected = 0): SelftestStep => ({ event: { kind: 'filter', filter }, expected });
const enableCap = (mask: number | bigint, expected = 0): SelftestStep => ({
  event: { kind: 'cap', mask: BigInt(mask) },
  expected,
});

/** The steps of one form of access. `test_em_rdmsr()` and `test_em_wrmsr()` are the same ones in the emulator. */
function cases(form: AccessForm): SelftestCase[] {
  function access(index: number, type: AccessType, value: number, expected: Verdict): SelftestStep {
    const batch = {
      form,
      indices: Uint32Array.of(index),
      types: Uint8Array.of(type),
      values: BigUint64Array.of(BigInt(value)),
    };
    return { event: { kind: 'access', batch }, expected };
  }
  const rdmsr = (index: number, expected: Verdict = Verdict.ALLOW): SelftestStep =>
    access(index, AccessType.READ, 0, expected);
  const wrmsr = (index: number, value: number, expected: Verdict = Verdict.ALLOW): SelftestStep =>
    access(index, AccessType.WRITE, value, expected);
  /** An exit, and user space's answer: the guest goes on. */
  const answered = (step: SelftestStep, data = 0): SelftestStep[] => [
    step,
    { event: { kind: 'reply', error: 0, data: BigInt(data) }, expected: Completion.DONE },
  ];
  /** An exit, and user space's answer: the guest gets #GP. */
  const refused = (step: SelftestStep): SelftestStep[] => [
    step,
    { event: { kind: 'reply', error: 1, data: 0n }, expected: Completion.GP },
  ];
  const { EXIT_FILTER, EXIT_UNKNOWN } = Verdict;

  const deadbeef = [
    ...answered(rdmsr(DEADBEEF, EXIT_UNKNOWN), DEADBEEF),
    ...answered(wrmsr(DEADBEEF, 0x1234, EXIT_UNKNOWN)),
  ];
  return [
    {
      name: 'msr_filter_allow',
      steps: [
        enableCap(KVM_MSR_EXIT_REASON_FILTER),
        setFilter(SELFTEST_FILTERS.allow),
        ...answered(rdmsr(XSS, EXIT_FILTER)),
        ...answered(wrmsr(XSS, 0, EXIT_FILTER)),
        ...refused(wrmsr(XSS, 1, EXIT_FILTER)),
        ...refused(rdmsr(FLUSH_CMD, EXIT_FILTER)),
        ...refused(wrmsr(FLUSH_CMD, 0, EXIT_FILTER)),
        ...answered(wrmsr(FLUSH_CMD, 1, EXIT_FILTER)),
        ...answered(wrmsr(NON_EXISTENT, 2, EXIT_FILTER)),
        ...answered(rdmsr(NON_EXISTENT, EXIT_FILTER), 2),
      ],
    },
    {
      name: 'msr_filter_deny',
      steps: [
        enableCap(KVM_MSR_EXIT_REASON_VALID_MASK),
        setFilter(SELFTEST_FILTERS.deny),
        wrmsr(SYSCALL_MASK, 0),
        ...answered(rdmsr(SYSCALL_MASK, EXIT_FILTER), SYSCALL_MASK),
        ...answered(rdmsr(GS_BASE, EXIT_FILTER), GS_BASE),
        ...answered(wrmsr(POWER_CTL, 0x1234, EXIT_FILTER)),
        rdmsr(POWER_CTL),
        ...deadbeef,
        setFilter(SELFTEST_FILTERS.none),
        wrmsr(SYSCALL_MASK, 0),
        rdmsr(SYSCALL_MASK),
        rdmsr(GS_BASE),
        wrmsr(POWER_CTL, 0x1234),
        rdmsr(POWER_CTL),
        ...deadbeef,
      ],
    },
    {
      name: 'msr_permission_bitmap',
      steps: [
        enableCap(KVM_MSR_EXIT_REASON_FILTER),
        setFilter(SELFTEST_FILTERS.fs),
        ...answered(rdmsr(FS_BASE, EXIT_FILTER), FS_BASE),
        rdmsr(GS_BASE),
        setFilter(SELFTEST_FILTERS.gs),
        rdmsr(FS_BASE),
        ...answered(rdmsr(GS_BASE, EXIT_FILTER), GS_BASE),
        // "Access the MSRs again to ensure KVM has disabled interception."
        setFilter(SELFTEST_FILTERS.allow),
        rdmsr(FS_BASE),
        rdmsr(GS_BASE),
      ],
    },
  ];
}

/** user_exit_msr_flags: every bit alone, of the exit mask, the filter's flags and the first range's flags. */
function flagsCase(): SelftestCase {
  const steps: SelftestStep[] = [];
  const result = (bit: bigint, valid: number): number => ((bit & BigInt(valid)) !== 0n ? 0 : EINVAL);
  for (let i = 0n; i < 64n; i++) {
    steps.push(enableCap(1n << i, result(1n << i, KVM_MSR_EXIT_REASON_VALID_MASK)));
  }
  const filter = SELFTEST_FILTERS.flags;
  for (let i = 0n; i < 32n; i++) {
    const flags = Number(1n << i);
    steps.push(setFilter({ ...filter, flags }, result(1n << i, KVM_MSR_FILTER_VALID_MASK)));
  }
  for (let i = 0n; i < 32n; i++) {
    const ranges = [{ ...filter.ranges[0]!, flags: Number(1n << i) }];
    steps.push(setFilter({ ...filter, ranges }, result(1n << i, KVM_MSR_FILTER_RANGE_VALID_MASK)));
  }
  return { name: 'user_exit_msr_flags', steps };
}

/** Every test in every form of access that it is run in. */
export const SELFTEST_CASES: readonly (SelftestCase & { readonly form: AccessForm })[] = [
  ...(['native', 'emulator'] as const).flatMap((form) => cases(form).map((test) => ({ ...test, form }))),
  { ...flagsCase(), form: 'native' },
];

/** Profiles that have all checks of the newest test. */
const PROFILES: readonly KernelProfile[] = ['6.1', '6.18'].map((id) => findProfile(id)!);

/**
 * Runs the tests on new VMs and returns the failures, none if the engine passes.
 *
 * Steps that the engine cannot run are skipped. Without `cap` it stays at exit mask 0, so what would exit is #GP,
 * and there is nothing to reply to.
 */
export function runSelftest(engine: Engine): string[] {
  const failures: string[] = [];
  const forms = engine.capabilities.forms ?? ['native'];
  for (const profile of PROFILES) {
    for (const { name, form, steps } of SELFTEST_CASES) {
      if (!forms.includes(form)) continue;
      const vm = engine.createVm({ profile, base: BASE });
      for (const [number, step] of steps.entries()) {
        const failure = runStep(vm, engine.capabilities.events, step);
        if (failure !== undefined) failures.push(`${profile.id} ${form} ${name}, step ${number + 1}: ${failure}`);
      }
    }
  }
  return failures;
}

/** What is wrong, if anything. */
function runStep(
  vm: EngineVm,
  events: Engine['capabilities']['events'],
  { event, expected }: SelftestStep,
): string | undefined {
  const hasCap = events.includes('cap');
  const compare = (what: string, found: number, wanted = expected): string | undefined =>
    found === wanted ? undefined : `${what}: expected ${wanted}, found ${found}`;
  switch (event.kind) {
    case 'filter':
      return compare('KVM_X86_SET_MSR_FILTER', vm.setFilter(event.filter, 'normal'));
    case 'cap':
      return hasCap ? compare(`exit mask 0x${event.mask.toString(16)}`, vm.enableCap!(event)) : undefined;
    case 'reply':
      if (!hasCap || !events.includes('reply')) return undefined;
      return compare('completion', vm.reply!(event.error, event.data));
    case 'access': {
      const verdicts = new Uint8Array(1);
      vm.access(event.batch, verdicts, new Uint8Array(1));
      const direction = event.batch.types[0] === AccessType.READ ? 'rdmsr' : 'wrmsr';
      const wanted = !hasCap && expected >= Verdict.EXIT_FILTER ? Verdict.GP : expected;
      return compare(`verdict of ${direction} 0x${event.batch.indices[0]!.toString(16)}`, verdicts[0]!, wanted);
    }
  }
}
