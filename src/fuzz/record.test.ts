import { describe, expect, it } from 'vitest';
import { conformFile } from '../corpus/conform.ts';
import { type GroundTruthFile, parseGroundTruth } from '../corpus/ground-truth.ts';
import type { Engine, EngineVm, VmConfig } from '../engines/contract.ts';
import { interval } from '../engines/interval.ts';
import { reference } from '../engines/reference.ts';
import { BaseOutcome, BaseTable } from '../model/base.ts';
import { catalogueBase } from '../model/catalogue.ts';
import type { MeasuredKernel } from '../model/kernel.ts';
import { findProfile } from '../model/profile.ts';
import { type AccessBatch, ApicMode } from '../model/scenario.ts';
import { type RecordOptions, recordGroundTruth } from './record.ts';

/** A base of its own, unlike the catalogue's. */
const KERNEL: MeasuredKernel = {
  description: 'Linux 6.1.0-56-cloud-amd64 (#1 SMP Debian 6.1.192-2), kvm_amd',
  profile: '6.1',
  rows: [
    ...[...catalogueBase().rows()].filter(({ index }) => index !== 0x1a0),
    { index: 0x1a0, read: BaseOutcome.HANDLED, write: BaseOutcome.INVALID },
  ],
  unsteady: [],
};
const CONFIG: VmConfig = { profile: findProfile(KERNEL.profile)!, base: new BaseTable(KERNEL.rows) };
const OPTIONS: RecordOptions = { seed: 7, cases: 60, apic: ApicMode.NONE, path: 'direct', accesses: 16 };

/** A kernel that is the reference by its own profile and base, and looks at what it is given. */
function kernel(onAccess: (batch: AccessBatch) => void = () => {}): Engine {
  return {
    name: 'kernel',
    capabilities: {
      events: ['filter', 'cap', 'ignoreMsrs', 'apic', 'access', 'reply'],
      forms: ['native', 'emulator', 'host'],
      routes: false,
    },
    kernel: { vendor: 'svm', measure: () => KERNEL },
    createVm: (): EngineVm => {
      const vm = reference.createVm(CONFIG);
      const never = (): never => {
        throw new Error('an event that a recording cannot hold');
      };
      return {
        reset: () => vm.reset!(),
        setFilter: (filter, delivery) => (delivery === 'normal' ? vm.setFilter(filter, delivery) : never()),
        enableCap: (event) => (event.flags || event.cap ? never() : vm.enableCap!(event)),
        setApicMode: (mode) => vm.setApicMode!(mode),
        setIgnoreMsrs: never,
        reply: never,
        access: (batch, verdicts, routes) => {
          onAccess(batch);
          vm.access(batch, verdicts, routes);
        },
      };
    },
  };
}

function recorded(options: Partial<RecordOptions> = {}, engine = kernel()): GroundTruthFile {
  return parseGroundTruth(recordGroundTruth(engine, KERNEL, { ...OPTIONS, ...options }), 'recorded.jsonl.gz');
}

describe('recordGroundTruth', () => {
  it.each([
    { apic: ApicMode.NONE, path: 'direct' },
    { apic: ApicMode.X2APIC, path: 'direct' },
    { apic: ApicMode.XAPIC, path: 'emulator' },
  ] as const)('records what conforms to the models: %o', (options) => {
    const file = recorded(options);
    for (const engine of [reference, interval]) {
      const { mismatches, skipped, checks, profile } = conformFile(file, engine);
      expect({ mismatches, skipped, profile }).toEqual({ mismatches: 0, skipped: 0, profile: '6.1' });
      expect(checks).toBeGreaterThan(file.accesses);
    }
    expect({ apic: file.apic, path: file.accessPath }).toEqual(options);
  });

  it('states in its header what it has and where it is from', () => {
    let asked = 0;
    const file = recorded(
      {},
      kernel(({ indices }) => {
        asked += indices.length;
      }),
    );
    expect(file).toMatchObject({ kernel: KERNEL.description, modules: 'kvm,kvm_amd', seed: 7 });
    // That the header states these numbers is checked by the parser.
    expect(file.cases).toHaveLength(60);
    expect(file.accesses).toBe(asked);
    expect(file.accesses).toBeGreaterThan(1000);
  });

  it('holds filters that are rejected, and filters that cannot be read', () => {
    const events = recorded().cases.flatMap((of) => of.events.map((event, i) => ({ event, result: of.expected[i] })));
    const filters = events.flatMap(({ event, result }) =>
      event.kind === 'filter' ? [{ ...event.filter, result }] : [],
    );
    expect(new Set(filters.map(({ result }) => result))).toEqual(new Set([0, -14, -22]));
    expect(filters.some(({ ranges }) => ranges.some(({ bitmap }) => bitmap === null))).toBe(true);
    expect(events.some(({ event, result }) => event.kind === 'cap' && result === -22)).toBe(true);
  });

  it('asks through the emulator if that is the path', () => {
    const forms = new Set<string>();
    recorded(
      { path: 'emulator' },
      kernel(({ form = 'native' }) => void forms.add(form)),
    );
    expect([...forms]).toEqual(['emulator']);
  });

  it('is the same for the same seed, and does not hold with another kernel', () => {
    const bytes = recordGroundTruth(kernel(), KERNEL, OPTIONS);
    expect(Buffer.compare(recordGroundTruth(kernel(), KERNEL, OPTIONS), bytes)).toBe(0);
    expect(Buffer.compare(recordGroundTruth(kernel(), KERNEL, { ...OPTIONS, seed: 8 }), bytes)).not.toBe(0);
    const file = parseGroundTruth(bytes, 'recorded.jsonl.gz');
    expect(conformFile(file, reference, findProfile('1a155254ff93')).mismatches).toBeGreaterThan(0);
  });

  it('ends with the case in which the kernel fails', () => {
    let batches = 0;
    const failing = kernel(() => {
      if (++batches === 40) throw new Error('the process was ended by SIGKILL');
    });
    expect(() => recordGroundTruth(failing, KERNEL, OPTIONS)).toThrow(
      /^case \d+: threw Error: the process was ended by SIGKILL$/,
    );
  });
});
