/** Long batches are answered from pages, single accesses by the rules step by step: they must say the same. */
import { describe, expect, it } from 'vitest';
import { CaseGenerator } from '../fuzz/case.ts';
import { caseChoices } from '../fuzz/shard.ts';
import { BaseTable } from '../model/base.ts';
import { catalogueBase } from '../model/catalogue.ts';
import { KERNEL_PROFILES, type KernelProfile, NEWEST_PROFILE } from '../model/profile.ts';
import type { AccessBatch, ScenarioEvent } from '../model/scenario.ts';
import type { Engine, EngineVm } from './contract.ts';
import { interval } from './interval.ts';
import { reference } from './reference.ts';
import { svm } from './svm.ts';
import { vmx } from './vmx.ts';

const ENGINES = [reference, interval, vmx, svm];

function apply(vm: EngineVm, event: Exclude<ScenarioEvent, { kind: 'access' }>): void {
  if (event.kind === 'filter') vm.setFilter(event.filter, event.delivery ?? 'normal');
  else if (event.kind === 'cap') vm.enableCap!(event);
  else if (event.kind === 'apic') vm.setApicMode!(event.mode);
  else if (event.kind === 'ignoreMsrs') vm.setIgnoreMsrs!(event.on);
  else if (event.kind === 'candidates') vm.setCandidates?.(event.changes);
}

/** Verdicts, then routes. */
function run(vm: EngineVm, { indices, types, form = 'native' }: AccessBatch, size: number): Uint8Array {
  const { length } = indices;
  const answers = new Uint8Array(2 * length);
  for (let at = 0; at < length; at += size) {
    const end = Math.min(at + size, length);
    const batch = { form, indices: indices.subarray(at, end), types: types.subarray(at, end) };
    vm.access(batch, answers.subarray(at, end), answers.subarray(length + at, length + end));
  }
  return answers;
}

/** Two VMs in step: one is given whole batches, twice, the other runs of a few accesses. Accesses compared. */
function compare(engine: Engine, profile: KernelProfile, base: BaseTable, seeds: number): number {
  const [long, short] = [engine.createVm({ profile, base }), engine.createVm({ profile, base })];
  const generator = new CaseGenerator(profile, 20_000);
  let compared = 0;
  for (let seed = 0; seed < seeds; seed++) {
    long.reset!();
    short.reset!();
    for (const event of generator.generate(caseChoices(BigInt(seed), seed)).events) {
      if (event.kind !== 'access') {
        apply(long, event);
        apply(short, event);
        continue;
      }
      const { length } = event.batch.indices;
      const expected = run(short, event.batch, 7);
      for (let turn = 0; turn < 2; turn++) {
        const got = run(long, event.batch, length);
        const at = got.findIndex((byte, i) => byte !== expected[i]);
        expect(at < 0 ? undefined : [seed, event.batch.indices[at % length], event.batch.types[at % length]]).toBe(
          undefined,
        );
      }
      compared += length;
    }
  }
  return compared;
}

describe.each(ENGINES.map((engine) => [engine.name, engine] as const))('%s', (_, engine) => {
  it.each(KERNEL_PROFILES.map((profile) => [profile.id, profile] as const))('profile %s', (_, profile) => {
    expect(compare(engine, profile, catalogueBase(), 12)).toBeGreaterThan(100_000);
  });

  it('a base table with rows all over the index space', () => {
    const rows = Array.from({ length: 40 }, (_, i) => ({ index: (i * 0x0666_6667) >>> 0, read: 0, write: 2 }) as const);
    compare(engine, NEWEST_PROFILE, new BaseTable(rows), 4);
  });

  it('a base table with rows in more blocks than there are pages', () => {
    const rows = Array.from({ length: 240 }, (_, i) => ({ index: i * 0x1000, read: 0, write: 2 }) as const);
    compare(engine, NEWEST_PROFILE, new BaseTable(rows), 2);
  });
});
