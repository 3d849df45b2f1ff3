/**
 * Records new ground truth: random cases run on a kernel, in the format of `test/ground-truth/README.md`.
 */
import { gzipSync } from 'node:zlib';
import type { Engine } from '../engines/contract.ts';
import { countAccesses, Runner } from '../engines/runner.ts';
import { BASE_OUTCOME_NAMES, BaseOutcome, BaseTable } from '../model/base.ts';
import { KVM_MSR_EXIT_REASON_VALID_MASK, KVM_MSR_FILTER_MAX_BITMAP_SIZE, type MsrFilter } from '../model/filter.ts';
import type { MeasuredKernel } from '../model/kernel.ts';
import { findProfile } from '../model/profile.ts';
import { APIC_MODE_NAMES, ApicMode, type Scenario, type ScenarioEvent } from '../model/scenario.ts';
import { VERDICT_NAMES } from '../model/verdict.ts';
import { CaseGenerator } from './case.ts';
import { Random } from './random.ts';
import { Sampler } from './sample.ts';
import { caseChoices } from './shard.ts';

export interface RecordOptions {
  readonly seed: number;
  readonly cases: number;
  readonly apic: ApicMode;
  readonly path: 'direct' | 'emulator';
  /** Accesses of each event. */
  readonly accesses: number;
}

/** Accesses of a generated case, from which samples are taken. */
const GENERATED = 512;
/** Exit mask that every case starts with. */
const RECORDER_MASK = BigInt(KVM_MSR_EXIT_REASON_VALID_MASK);

/** The file's bytes, gzip. Throws Error, with the number of the case, if the kernel fails. */
export function recordGroundTruth(engine: Engine, kernel: MeasuredKernel, options: RecordOptions): Uint8Array {
  const { seed, cases, apic, path } = options;
  const profile = findProfile(kernel.profile)!;
  const base = new BaseTable(kernel.rows);
  const runner = new Runner(engine, { profile, base });
  const generator = new CaseGenerator(profile, GENERATED);
  // Only the recorder's own choice of form and APIC mode is recorded.
  const capabilities = { ...engine.capabilities, events: engine.capabilities.events.filter((kind) => kind === 'cap') };
  const sampler = new Sampler(capabilities, kernel, options.accesses);
  const touched = new Set<number>();
  const lines: string[] = [];
  let accesses = 0;
  for (let number = 0; lines.length < cases; number++) {
    const generated = sampler.take(generator.generate(caseChoices(BigInt(seed), number)), new Random(seed, number));
    const events = generated.events.flatMap((event) => recordable(event, path));
    if (!events.some(({ kind }) => kind === 'access')) continue;
    const start: ScenarioEvent[] = [{ kind: 'cap', mask: RECORDER_MASK }];
    if (apic !== ApicMode.NONE) start.push({ kind: 'apic', mode: apic });
    const scenario: Scenario = { events: [...start, ...events] };
    const trace = runner.run(scenario, countAccesses(scenario));
    if (trace.failure) throw new Error(`case ${number}: ${trace.failure.message}`);
    let at = 0;
    const recorded = events.map((event, i): unknown => {
      const ret = trace.codes[start.length + i]!;
      if (event.kind === 'cap') return { cap: Number(event.mask), ret };
      if (event.kind === 'filter') return { filter: plainFilter(event.filter), ret };
      const { indices, types } = (event as Extract<ScenarioEvent, { kind: 'access' }>).batch;
      const verdicts = Array.from(trace.verdicts.subarray(at, at + indices.length), (byte) => VERDICT_NAMES[byte]);
      at += indices.length;
      for (const index of indices) touched.add(index);
      return { access: Array.from(indices, (index, n) => [index, types[n] === 1 ? 'w' : 'r']), verdict: verdicts };
    });
    accesses += at;
    lines.push(JSON.stringify({ events: recorded }));
  }
  const header = {
    ...{ kernel: kernel.description, modules: moduleNames(engine), path, apic: APIC_MODE_NAMES[apic], seed },
    ...{ cases: lines.length, accesses, base: recordedBase(base, apic, touched) },
  };
  return gzipSync(`${[JSON.stringify(header), ...lines].join('\n')}\n`, { level: 9 });
}

function moduleNames(engine: Engine): string {
  const vendor = engine.kernel?.vendor;
  return vendor === undefined ? 'kvm' : vendor === 'vmx' ? 'kvm,kvm_intel' : 'kvm,kvm_amd';
}

/** What the format can say of an event; nothing if it cannot. */
function recordable(event: ScenarioEvent, path: RecordOptions['path']): ScenarioEvent[] {
  switch (event.kind) {
    case 'cap':
      // The number must be exact as JSON.
      return event.flags || event.cap || event.mask > BigInt(Number.MAX_SAFE_INTEGER)
        ? []
        : [{ kind: 'cap', mask: event.mask }];
    case 'filter':
      return event.delivery === 'compat' || event.delivery === 'short'
        ? []
        : [{ kind: 'filter', filter: event.filter }];
    case 'access': {
      const { indices, types } = event.batch;
      return [
        { kind: 'access', batch: path === 'emulator' ? { form: 'emulator', indices, types } : { indices, types } },
      ];
    }
    default:
      return [];
  }
}

/** Bitmaps as the kernel reads them: whole words of 8 bytes, and null where it cannot. */
function plainFilter({ flags, ranges }: MsrFilter): unknown {
  return {
    flags,
    ranges: ranges.map((range) => {
      const bytes = Math.min(Math.ceil(range.nmsrs / 64) * 8, KVM_MSR_FILTER_MAX_BITMAP_SIZE);
      const readable = range.bitmap !== null && range.bitmap.length >= bytes;
      const bitmap = readable ? Buffer.from(range.bitmap!.subarray(0, bytes)).toString('base64') : null;
      return { flags: range.flags, nmsrs: range.nmsrs, base: range.base, bitmap };
    }),
  };
}

/** Of the MSRs touched, those that are not simply unknown: what is not listed is. */
function recordedBase(base: BaseTable, apic: ApicMode, touched: ReadonlySet<number>): unknown {
  const known = (index: number): boolean =>
    base.outcome(index, 0, apic) !== BaseOutcome.UNKNOWN || base.outcome(index, 1, apic) !== BaseOutcome.UNKNOWN;
  const indices = [...touched].filter(known).sort((a, b) => a - b);
  const of = (type: 0 | 1): unknown =>
    Object.fromEntries(
      indices.map((index) => [`0x${index.toString(16)}`, BASE_OUTCOME_NAMES[base.outcome(index, type, apic)]]),
    );
  return { r: of(0), w: of(1) };
}
