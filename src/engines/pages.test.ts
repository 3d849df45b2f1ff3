/** Pages that are wrong do not pass for a compiled filter, whichever bit of them is. */
import { expect, it } from 'vitest';
import { catalogueBase } from '../model/catalogue.ts';
import { NEWEST_PROFILE } from '../model/profile.ts';
import type { Engine } from './contract.ts';
import { interval } from './interval.ts';
import { svm } from './svm.ts';
import { vmx } from './vmx.ts';

/** The memory of the pages that a VM has made, and where they are in it. */
interface Inside {
  readonly fused?: { readonly functions: { readonly memory: { readonly buffer: ArrayBuffer } } };
  readonly pages?: { readonly functions: { readonly memory: { readonly buffer: ArrayBuffer } } };
}

const MSR = 0x17_4;
const filter = { flags: 1, ranges: [{ flags: 3, base: 0, nmsrs: 0x400, bitmap: new Uint8Array(128).fill(0x5a) }] };

/** Where byte 0 of the page of MSRs 0 to 0xfff is, and how many MSRs share how many bytes. */
const ENGINES: readonly (readonly [Engine, number, readonly number[]])[] = [
  [interval, 0x16_0000 + 2048, [0, 1, 2, 3].map((plane) => (MSR >>> 3) * 4 + plane)],
  [vmx, 0x28_0000 + 4096, [MSR]],
  [svm, 0x18_0000 + 4096, [MSR]],
];

it.each(ENGINES.map((row) => [row[0].name, ...row] as const))('%s', (_, engine, page, bytes) => {
  const vm = engine.createVm({ profile: NEWEST_PROFILE, base: catalogueBase() });
  expect(vm.setFilter(filter, 'normal')).toBe(0);
  expect(vm.compiled!()!.batches).toBeDefined();
  const { fused, pages } = vm as Inside;
  const memory = new Uint8Array((fused ?? pages)!.functions.memory.buffer);
  let told = 0;
  for (const byte of bytes) {
    for (let bit = 0; bit < 8; bit++) {
      memory[page + byte]! ^= 1 << bit;
      // A bit that makes a denied access an allowed one as KVM would have it, or the other way, is the filter's.
      let differs = true;
      try {
        vm.compiled!();
        differs = false;
      } catch (error) {
        expect((error as Error).message).toMatch(/page .*is not what/);
      }
      if (differs) told++;
      memory[page + byte]! ^= 1 << bit;
    }
  }
  expect(told).toBeGreaterThanOrEqual(6);
  expect(vm.compiled!()!.batches).toBeDefined();
});
