import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Engine } from '../engines/contract.ts';
import { interval } from '../engines/interval.ts';
import { reference } from '../engines/reference.ts';
import { svm } from '../engines/svm.ts';
import { vmx } from '../engines/vmx.ts';
import { MSR_IA32_TSC_DEADLINE } from '../model/filter.ts';
import { InputError } from '../model/input-error.ts';
import { findProfile } from '../model/profile.ts';
import { AccessType, Verdict } from '../model/verdict.ts';
import { conformFile } from './conform.ts';
import { type GroundTruthFile, readGroundTruth } from './ground-truth.ts';

const DIRECTORY = join(import.meta.dirname, '../../test/ground-truth');
const RECORDINGS = readdirSync(DIRECTORY).filter((name) => name.endsWith('.jsonl.gz'));
const HOLES = 'known-holes/linux-6.1-vmx-6e0.jsonl.gz';

const read = new Map<string, GroundTruthFile>();
function recording(name: string): GroundTruthFile {
  const file = read.get(name) ?? readGroundTruth(join(DIRECTORY, name));
  read.set(name, file);
  return file;
}

/** Which engines model the machine that a file was recorded on. */
function enginesFor(name: string): Engine[] {
  if (name.includes('-svm')) return [reference, interval, svm];
  if (name.includes('-vmx')) return [reference, interval, vmx];
  return [reference, interval];
}

const PAIRS = RECORDINGS.flatMap((name) => enginesFor(name).map((engine) => [name, engine.name, engine] as const));

describe('the recordings hold', () => {
  it('covers ten files and both vendors', () => {
    expect(RECORDINGS.length).toBeGreaterThanOrEqual(10);
    expect(new Set(PAIRS.map(([, name]) => name))).toEqual(new Set(['reference', 'interval', 'svm', 'vmx']));
  });

  it.each(PAIRS)('%s on %s', (name, _, engine) => {
    const file = recording(name);
    const report = conformFile(file, engine);
    expect(report.listed).toEqual([]);
    expect(report.mismatches).toBe(0);
    expect(report.skipped).toBe(0);
    expect(report.checks).toBeGreaterThan(file.accesses);
    expect(report.profile).toBe(name.startsWith('linux-6.18') ? '6.18' : '6.1');
    if (!engine.capabilities.routes) return;
    const { passthrough, intercepted, fastpath } = report.routes!;
    expect(passthrough + intercepted + fastpath).toBe(file.accesses);
    // The page decides on the direct path, and on that path alone.
    if (file.accessPath === 'direct') expect(passthrough).toBeGreaterThan(100);
    else expect(passthrough).toBe(0);
    expect(fastpath).toBe(0);
  });
});

describe('what a kernel does against its documentation', () => {
  it('holds on vmx with the profile of that kernel', () => {
    const report = conformFile(recording(HOLES), vmx);
    expect(report.profile).toBe('6.1');
    expect(report.listed).toEqual([]);
    expect(report.routes!.fastpath).toBeGreaterThanOrEqual(13);
  });

  it.each([reference, interval])('differs on $name in exactly 13 writes of 0x6e0', (engine) => {
    const report = conformFile(recording(HOLES), engine);
    expect(report.mismatches).toBe(13);
    expect(report.listed).toHaveLength(13);
    for (const { index, type, expected } of report.listed) {
      expect([index, type, expected]).toEqual([MSR_IA32_TSC_DEADLINE, AccessType.WRITE, Verdict.ALLOW]);
    }
  });

  it.each([
    ['linux-6.12-vmx', '6.1'],
    ['linux-6.12-vmx-x2apic', '6.1'],
    ['linux-7.3-vmx', '6.18'],
    ['linux-7.3-vmx-x2apic', '6.18'],
  ])('%s holds on vmx, and differs on reference in writes of 0x6e0 alone', (name, profile) => {
    const file = recording(`known-holes/${name}.jsonl.gz`);
    const report = conformFile(file, vmx);
    expect(report).toMatchObject({ profile, mismatches: 0, skipped: 0 });
    expect(report.checks).toBeGreaterThan(10_000);
    const { mismatches, listed } = conformFile(file, reference);
    expect(listed).toHaveLength(mismatches);
    const places = new Set(listed.map(({ index, type }) => `${index} ${type}`));
    expect([...places]).toEqual([`${MSR_IA32_TSC_DEADLINE} ${AccessType.WRITE}`]);
  });

  it('takes a profile instead', () => {
    expect(conformFile(recording(HOLES), vmx, findProfile('6.18')!).profile).toBe('6.18');
    // Without the fastpath on svm the writes are filtered.
    expect(conformFile(recording(HOLES), svm).mismatches).toBe(13);
  });
});

describe('an engine that does not conform', () => {
  const name = 'linux-6.1-svm.jsonl.gz';

  it('is told where, at most 20 times', () => {
    const allowing: Engine = {
      ...reference,
      name: 'allows-all',
      createVm: () => ({
        setFilter: () => 0,
        enableCap: () => 0,
        access: (_batch, verdicts) => verdicts.fill(Verdict.ALLOW),
      }),
    };
    const file = recording(name);
    const report = conformFile(file, allowing);
    expect(report.mismatches).toBeGreaterThan(1000);
    expect(report.listed).toHaveLength(20);
    for (const { line, event, access, expected, got } of report.listed) {
      const recorded = file.cases.find((entry) => entry.line === line)!.expected[event]!;
      expect(typeof recorded === 'number' ? recorded : (recorded as Uint8Array)[access]).toBe(expected);
      expect(got).not.toBe(expected);
    }
    expect(report.routes).toBeUndefined();
  });

  it('is skipped where it takes no part', () => {
    const file = recording('linux-6.1-svm-emulator.jsonl.gz');
    const native: Engine = { ...reference, capabilities: { ...reference.capabilities, forms: ['native'] } };
    const report = conformFile(file, native);
    expect(report.mismatches).toBe(0);
    expect(report.skipped).toBeGreaterThanOrEqual(file.accesses);
    expect(report.reasons).toEqual({ 'does not run accesses of form emulator': report.skipped });
  });

  it('fails where it throws', () => {
    const file = recording(name);
    const throwing: Engine = {
      ...reference,
      createVm: () => ({
        setFilter: () => {
          throw new Error('no filters today');
        },
        enableCap: ({ mask }) => (mask > 7n ? -22 : 0),
        access: () => {},
      }),
    };
    const report = conformFile(file, throwing);
    expect(report.mismatches).toBe(file.cases.filter(({ events }) => events.some((e) => e.kind === 'filter')).length);
    expect(report.listed[0]!.message).toBe('threw Error: no filters today');
    expect(report.checks + report.skipped).toBeGreaterThan(file.accesses);
  });

  it('needs a profile for the kernel', () => {
    const file = { ...recording(name), kernel: 'Linux 4.19.0' };
    expect(() => conformFile(file, reference)).toThrow(InputError);
    expect(conformFile(file, reference, findProfile('6.1')!).mismatches).toBe(0);
  });
});
