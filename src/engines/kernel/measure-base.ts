/** Measures what a kernel does with bare RDMSR and WRMSR of 0 where no filter decides. */
import { BaseOutcome, type BaseRow } from '../../model/base.ts';
import { KVM_MSR_EXIT_REASON_INVAL, X2APIC_FIRST, X2APIC_LAST } from '../../model/filter.ts';
import type { MeasuredKernel, UnsteadyAccess } from '../../model/kernel.ts';
import { type AccessForm, ApicMode, type Scenario, type ScenarioEvent } from '../../model/scenario.ts';
import { AccessType, Verdict } from '../../model/verdict.ts';
import type { Runner } from '../runner.ts';

/**
 * Where KVM knows any MSR: the architectural ranges of both vendors, Hyper-V's and KVM's own. Everything else is
 * unknown to every kernel (arch/x86/kvm/x86.c, kvm_get_msr_common() and its callers).
 */
const WINDOWS: readonly (readonly [number, number])[] = [
  [0x0000_0000, 0x0000_1fff],
  [0x4000_0000, 0x4000_01ff],
  [0x4b56_4d00, 0x4b56_4dff],
  [0xc000_0000, 0xc000_1fff],
  [0xc001_0000, 0xc001_1fff],
];
/** Accesses of one event. */
const BATCH = 4096;

interface Access {
  readonly index: number;
  readonly type: AccessType;
}

/** Rows, and the accesses whose outcome depends on order or on the APIC mode. Throws Error if the engine fails. */
export function measureBase(runner: Runner): Pick<MeasuredKernel, 'rows' | 'unsteady'> {
  const everywhere = WINDOWS.flatMap(([first, last]) => accessesOf(first, last));
  const bare = outcomes(runner, ApicMode.NONE, everywhere);
  // What is unknown is unknown in every state: only the rest is worth another look.
  const interesting = everywhere.filter((access) => bare.get(keyOf(access)) !== BaseOutcome.UNKNOWN);
  const modes: readonly ApicMode[] = runner.engine.capabilities.events.includes('apic')
    ? [ApicMode.XAPIC, ApicMode.X2APIC]
    : [];
  const window = accessesOf(X2APIC_FIRST, X2APIC_LAST);
  const inX2apicMode = modes.length > 0 ? outcomes(runner, ApicMode.X2APIC, window) : new Map<number, BaseOutcome>();
  const unsteady = new Map<number, UnsteadyAccess>();
  for (const mode of [ApicMode.NONE, ...modes]) {
    const again = outcomes(runner, mode, interesting.toReversed());
    for (const access of interesting) {
      const key = keyOf(access);
      const expected = !inWindow(access.index)
        ? bare.get(key)
        : mode === ApicMode.X2APIC
          ? inX2apicMode.get(key)
          : BaseOutcome.INVALID;
      if (again.get(key) !== expected) unsteady.set(key, access);
    }
  }
  if (runner.engine.capabilities.forms?.includes('emulator')) {
    const emulated = outcomes(runner, ApicMode.NONE, interesting, 'emulator');
    for (const access of interesting) {
      const key = keyOf(access);
      if (unsteady.has(key) || emulated.get(key) === bare.get(key)) continue;
      unsteady.set(key, { ...access, form: 'emulator' });
    }
  }
  const rows: BaseRow[] = [];
  const indices = new Set(interesting.map(({ index }) => index));
  for (const index of [...indices].sort((a, b) => a - b)) {
    const of = (type: AccessType): BaseOutcome => {
      const key = keyOf({ index, type });
      return inWindow(index) ? (inX2apicMode.get(key) ?? BaseOutcome.INVALID) : bare.get(key)!;
    };
    rows.push({ index, read: of(AccessType.READ), write: of(AccessType.WRITE) });
  }
  return { rows, unsteady: [...unsteady.values()] };
}

function accessesOf(first: number, last: number): Access[] {
  const indices = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  return [AccessType.READ, AccessType.WRITE].flatMap((type) => indices.map((index) => ({ index, type })));
}

function keyOf({ index, type }: Access): number {
  return index * 2 + type;
}

function inWindow(index: number): boolean {
  return index >= X2APIC_FIRST && index <= X2APIC_LAST;
}

/** With INVAL deflected and nothing else, invalid accesses exit and unknown ones fault. By `keyOf`. */
function outcomes(
  runner: Runner,
  mode: ApicMode,
  accesses: readonly Access[],
  form: AccessForm = 'native',
): Map<number, BaseOutcome> {
  const events: ScenarioEvent[] = [{ kind: 'cap', mask: BigInt(KVM_MSR_EXIT_REASON_INVAL) }];
  if (mode !== ApicMode.NONE) events.push({ kind: 'apic', mode });
  for (let at = 0; at < accesses.length; at += BATCH) {
    const part = accesses.slice(at, at + BATCH);
    const indices = Uint32Array.from(part, ({ index }) => index);
    events.push({ kind: 'access', batch: { form, indices, types: Uint8Array.from(part, ({ type }) => type) } });
  }
  const scenario: Scenario = { events };
  const { verdicts, failure } = runner.run(scenario, accesses.length);
  if (failure) throw new Error(failure.message);
  return new Map(
    accesses.map((access, at) => {
      const verdict = verdicts[at];
      const outcome =
        verdict === Verdict.ALLOW
          ? BaseOutcome.HANDLED
          : verdict === Verdict.EXIT_INVAL
            ? BaseOutcome.INVALID
            : BaseOutcome.UNKNOWN;
      return [keyOf(access), outcome];
    }),
  );
}
