import { describe, expect, it } from 'vitest';
import { BaseOutcome, type BaseRow, BaseTable } from '../../model/base.ts';
import { catalogueBase } from '../../model/catalogue.ts';
import type { MeasuredKernel } from '../../model/kernel.ts';
import { NEWEST_PROFILE } from '../../model/profile.ts';
import { type AccessForm, ApicMode } from '../../model/scenario.ts';
import { AccessType, Verdict } from '../../model/verdict.ts';
import type { Engine, EngineVm, EventKind } from '../contract.ts';
import { reference } from '../reference.ts';
import { Runner } from '../runner.ts';
import { measureBase } from './measure-base.ts';

const { HANDLED, UNKNOWN, INVALID } = BaseOutcome;
const TSC_DEADLINE = 0x6e0;
const PERF_CTL = 0x199;
const SPEC_CTRL = 0x48;

const ROWS: readonly BaseRow[] = [
  { index: 0x10, read: HANDLED, write: HANDLED },
  { index: SPEC_CTRL, read: HANDLED, write: HANDLED },
  { index: PERF_CTL, read: HANDLED, write: INVALID },
  { index: TSC_DEADLINE, read: HANDLED, write: HANDLED },
  { index: 0x802, read: HANDLED, write: INVALID },
  { index: 0x808, read: HANDLED, write: HANDLED },
  { index: 0x830, read: UNKNOWN, write: HANDLED },
  { index: 0x4000_0000, read: HANDLED, write: HANDLED },
  { index: 0x4b56_4d01, read: UNKNOWN, write: HANDLED },
  { index: 0xc000_0080, read: HANDLED, write: INVALID },
  { index: 0xc001_1029, read: INVALID, write: INVALID },
];

interface Place {
  readonly index: number;
  readonly type: AccessType;
  readonly form: AccessForm;
  readonly apic: ApicMode;
  /** Accesses that this VM has made so far, as index * 2 + type. */
  readonly before: ReadonlySet<number>;
}

/** A kernel with that base; `quirk` says where its verdict is another one. */
function kernel(
  quirk: (place: Place) => Verdict | undefined = () => undefined,
  events: readonly EventKind[] = ['apic'],
): Engine {
  const config = { profile: NEWEST_PROFILE, base: new BaseTable(ROWS) };
  return {
    name: 'kernel',
    capabilities: { events: ['filter', 'cap', 'access', ...events], forms: ['native', 'emulator'], routes: false },
    createVm: (): EngineVm => {
      const vm = reference.createVm(config);
      const before = new Set<number>();
      let apic: ApicMode = ApicMode.NONE;
      return {
        setFilter: (filter, delivery) => vm.setFilter(filter, delivery),
        enableCap: (event) => vm.enableCap!(event),
        setApicMode: (mode) => {
          apic = mode;
          vm.setApicMode!(mode);
        },
        access: (batch, verdicts, routes) => {
          vm.access(batch, verdicts, routes);
          const { indices, types, form = 'native' } = batch;
          for (const [i, index] of indices.entries()) {
            const type = types[i] as AccessType;
            verdicts[i] = quirk({ index, type, form, apic, before }) ?? verdicts[i]!;
            before.add(index * 2 + type);
          }
        },
      };
    },
  };
}

function measure(engine: Engine): Pick<MeasuredKernel, 'rows' | 'unsteady'> {
  return measureBase(new Runner(engine, { profile: NEWEST_PROFILE, base: catalogueBase() }));
}

/** Rows as a table has them. */
const inTable = (rows: readonly BaseRow[]): BaseRow[] => [...new BaseTable(rows).rows()];

describe('measureBase', () => {
  it('measures the whole base, in the x2APIC window that of x2APIC mode', () => {
    const { rows, unsteady } = measure(kernel());
    expect(inTable(rows)).toEqual(inTable(ROWS));
    expect(unsteady).toEqual([]);
    expect(rows.map(({ index }) => index)).toEqual(rows.map(({ index }) => index).toSorted((a, b) => a - b));
  });

  it('takes the window for invalid where there are no APIC modes', () => {
    const { rows, unsteady } = measure(kernel(() => undefined, []));
    expect(inTable(rows)).toEqual(inTable(ROWS.filter(({ index }) => index >>> 8 !== 8)));
    expect(unsteady).toEqual([]);
  });

  it('tells what depends on order', () => {
    // WRMSR to SPEC_CTRL makes WRMSR to PERF_CTL valid: it comes later in the order of indices.
    const engine = kernel(({ index, type, before }) =>
      index === PERF_CTL && type === AccessType.WRITE && before.has(SPEC_CTRL * 2 + AccessType.WRITE)
        ? Verdict.ALLOW
        : undefined,
    );
    const { rows, unsteady } = measure(engine);
    expect(unsteady).toEqual([{ index: PERF_CTL, type: AccessType.WRITE }]);
    expect(rows.find(({ index }) => index === PERF_CTL)).toEqual({ index: PERF_CTL, read: HANDLED, write: HANDLED });
  });

  it('tells what depends on the APIC mode outside the window, and inside it on more than that', () => {
    const engine = kernel(({ index, apic }) => {
      if (index === TSC_DEADLINE && apic === ApicMode.NONE) return Verdict.EXIT_INVAL;
      return index === 0x802 && apic === ApicMode.XAPIC ? Verdict.ALLOW : undefined;
    });
    expect(measure(engine).unsteady).toEqual([
      { index: TSC_DEADLINE, type: AccessType.READ },
      { index: 0x802, type: AccessType.READ },
      { index: TSC_DEADLINE, type: AccessType.WRITE },
      { index: 0x802, type: AccessType.WRITE },
    ]);
  });

  it('tells what the emulator alone does otherwise', () => {
    const engine = kernel(({ index, type, form }) =>
      form === 'emulator' && index === 0x10 && type === AccessType.READ ? Verdict.EXIT_INVAL : undefined,
    );
    const { rows, unsteady } = measure(engine);
    expect(unsteady).toEqual([{ index: 0x10, type: AccessType.READ, form: 'emulator' }]);
    expect(inTable(rows)).toEqual(inTable(ROWS));
  });

  it('fails if the engine does', () => {
    const engine = kernel(() => {
      throw new Error('out of virtual machines');
    });
    expect(() => measure(engine)).toThrow('threw Error: out of virtual machines');
  });
});
