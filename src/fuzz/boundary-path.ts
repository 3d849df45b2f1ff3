/** Boundary cases 56-68: the access path, from the filter's decision to user space's reply. */
import { BaseOutcome } from '../model/base.ts';
import { MSR_IA32_TSC_DEADLINE, X2APIC_FIRST, X2APIC_LAST } from '../model/filter.ts';
import { ApicMode } from '../model/scenario.ts';
import { AccessType, Completion, Route, Verdict } from '../model/verdict.ts';
import type { Access, BoundaryCase, CaseView, Step } from './boundary-view.ts';

const { READ, WRITE } = AccessType;
const any = (): boolean => true;
const TSC_AUX = 0xc000_0103;
const KERNEL_GS_BASE = 0xc000_0102;

const native = (view: CaseView, test: (access: Access, step: Step) => boolean): boolean => view.someAccess(any, test);

const REASONS = [
  { name: 'INVAL', bit: 1, exit: Verdict.EXIT_INVAL, base: BaseOutcome.INVALID },
  { name: 'UNKNOWN', bit: 2, exit: Verdict.EXIT_UNKNOWN, base: BaseOutcome.UNKNOWN },
  { name: 'FILTER', bit: 4, exit: Verdict.EXIT_FILTER, base: undefined },
] as const;

/** Every mask with every reason: an exit where the mask has it, else #GP. */
const MASK_CASES: BoundaryCase[] = REASONS.flatMap(({ name, bit, exit, base }) =>
  [0, 1, 2, 3, 4, 5, 6, 7].map((mask) => ({
    id: 59,
    part: `mask ${mask}, ${name}`,
    title: 'every exit mask with every reason',
    reached: (view: CaseView) =>
      native(view, (access, { before }) => {
        if (before.mask !== mask || before.ignoreMsrs || access.verdict !== ((mask & bit) === 0 ? Verdict.GP : exit))
          return false;
        return base === undefined ? !access.allowed : access.allowed && access.base === base;
      }),
  })),
);

/** Replies to a pending exit. */
const reply = (view: CaseView, test: (error: number, data: bigint, code: number, last: Step) => boolean): boolean =>
  view.someStep(({ event, before, code, number }) => {
    if (event.kind !== 'reply' || !before.pending) return false;
    const last = view.steps.findLast((step) => step.number < number && isFiltered(step));
    return last !== undefined && test(event.error, event.data, code, last);
  });
/** Accesses that can leave an exit. */
const isFiltered = ({ event }: Step): boolean => event.kind === 'access' && event.batch.form !== 'host';
const wasRead = ({ event }: Step): boolean => event.kind === 'access' && event.batch.types.at(-1) === READ;
/** A reply after an event of that kind, with the exit pending all along. */
const replyAfter = (view: CaseView, kind: 'cap' | 'filter'): boolean =>
  reply(view, (_error, _data, code, last) => {
    if (code !== Completion.DONE && code !== Completion.GP) return false;
    const next = view.steps[last.number + 1];
    return next?.event.kind === kind && next.code === 0;
  });

const EMULATED = ['emulator'] as const;
const IMMEDIATE = ['immediate'] as const;
const IMPLICIT = ['implicit'] as const;
const HOST = ['host'] as const;
const inX2apic = (index: number): boolean => index >= X2APIC_FIRST && index <= X2APIC_LAST;
const filtered = (access: Access): boolean => access.verdict === Verdict.EXIT_FILTER || access.verdict === Verdict.GP;

const replyCase = (error: number): BoundaryCase => ({
  id: 60,
  part: `error ${error}`,
  title: 'replies to an exit',
  reached: (view) => reply(view, (given, _data, code) => given === error && code === Completion.GP),
});

export const PATH_CASES: readonly BoundaryCase[] = [
  {
    id: 56,
    title: 'denied and unknown: FILTER',
    reached: (v) =>
      native(
        v,
        ({ allowed, base, verdict }) => !allowed && base === BaseOutcome.UNKNOWN && verdict === Verdict.EXIT_FILTER,
      ),
  },
  {
    id: 57,
    part: 'exit',
    title: 'allowed and unknown: UNKNOWN, with ignore_msrs success',
    reached: (v) => native(v, ({ slot, verdict }) => slot >= -1 && verdict === Verdict.EXIT_UNKNOWN),
  },
  {
    id: 57,
    part: 'ignore_msrs',
    title: 'allowed and unknown: UNKNOWN, with ignore_msrs success',
    reached: (v) =>
      native(
        v,
        ({ slot, base, verdict }, { before }) =>
          before.ignoreMsrs && slot >= -1 && base === BaseOutcome.UNKNOWN && verdict === Verdict.ALLOW,
      ),
  },
  ...([Verdict.EXIT_FILTER, Verdict.GP] as const).map(
    (wanted): BoundaryCase => ({
      id: 58,
      part: wanted === Verdict.GP ? '#GP' : 'exit',
      title: 'denied with ignore_msrs: still FILTER or #GP',
      reached: (v) =>
        native(v, ({ allowed, verdict }, { before }) => before.ignoreMsrs && !allowed && verdict === wanted),
    }),
  ),
  ...MASK_CASES,
  ...[1, 0x80, 255].map(replyCase),
  {
    id: 60,
    part: 'data',
    title: 'replies to an exit',
    reached: (v) =>
      reply(
        v,
        (error, data, code, last) => error === 0 && code === Completion.DONE && wasRead(last) && data >> 32n !== 0n,
      ),
  },
  { id: 61, title: 'mask changed while an exit is pending', reached: (v) => replyAfter(v, 'cap') },
  { id: 62, title: 'filter changed while an exit is pending', reached: (v) => replyAfter(v, 'filter') },
  {
    id: 63,
    title: 'KVM_GET_MSRS / KVM_SET_MSRS of a denied MSR work',
    reached: (v) => v.someAccess(any, ({ allowed, verdict }) => !allowed && verdict === Verdict.ALLOW, HOST),
  },
  ...(['vmxRoutes', 'svmRoutes'] as const).map(
    (routes): BoundaryCase => ({
      id: 64,
      part: `${routes.slice(0, 3)} write`,
      title: 'TSC_DEADLINE denied: the write takes the fastpath',
      reached: (v) =>
        v.underFilter(
          (index, type) => index === MSR_IA32_TSC_DEADLINE && type === WRITE,
          (access, _, step) => !access.allowed && step[routes]?.[access.at] === Route.FASTPATH,
        ),
    }),
  ),
  {
    id: 64,
    part: 'read',
    title: 'TSC_DEADLINE denied: the write takes the fastpath',
    reached: (v) =>
      v.underFilter(
        (index, type) => index === MSR_IA32_TSC_DEADLINE && type === READ,
        (access) => !access.allowed && filtered(access),
      ),
  },
  ...([ApicMode.NONE, ApicMode.XAPIC] as const).map(
    (mode): BoundaryCase => ({
      id: 65,
      part: mode === ApicMode.NONE ? 'no APIC' : 'xAPIC',
      title: 'x2APIC MSR in another mode: INVAL',
      reached: (v) =>
        v.underFilter(inX2apic, ({ verdict }, _, { before }) => before.apic === mode && verdict === Verdict.EXIT_INVAL),
    }),
  ),
  {
    id: 66,
    part: 'denied',
    title: 'through the emulator',
    reached: (v) => v.someAccess(any, ({ verdict }) => verdict === Verdict.EXIT_FILTER, EMULATED),
  },
  {
    id: 66,
    part: 'TSC_DEADLINE write denied',
    title: 'through the emulator',
    reached: (v) =>
      v.someAccess(
        (index, type) => index === MSR_IA32_TSC_DEADLINE && type === WRITE,
        (access) => !access.allowed && filtered(access),
        EMULATED,
      ),
  },
  {
    id: 67,
    part: 'denied',
    title: 'immediate forms',
    reached: (v) => v.someAccess(any, ({ verdict }) => verdict === Verdict.EXIT_FILTER, IMMEDIATE),
  },
  {
    id: 67,
    part: 'allowed',
    title: 'immediate forms',
    reached: (v) => v.someAccess(any, ({ slot, verdict }) => slot >= -1 && verdict === Verdict.ALLOW, IMMEDIATE),
  },
  ...[TSC_AUX, KERNEL_GS_BASE].map(
    (msr): BoundaryCase => ({
      id: 68,
      part: msr === TSC_AUX ? 'TSC_AUX' : 'KERNEL_GS_BASE',
      title: 'RDPID, RDTSCP, SWAPGS and WRGSBASE are not filtered',
      reached: (v) =>
        v.someAccess(
          (index) => index === msr,
          ({ allowed, verdict }) => !allowed && verdict === Verdict.ALLOW,
          IMPLICIT,
        ),
    }),
  ),
];
