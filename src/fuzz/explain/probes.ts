/** Accesses that tell rule variants apart: around an index, at the edges of ranges and of what kernels treat apart. */
import type { AccessBatch, AccessForm, Scenario } from '../../model/scenario.ts';

/** Distances from an index or from either end of a range. Bytes and words of a bitmap end within 64 bits. */
const NEAR = [-2, -1, 0, 1, 2];
const FROM_BASE = [-1, 0, 1, 2, 7, 8, 63, 64, 0x101, 0x200];
/** Edges of the x2APIC window and of numbers, and one MSR of each base outcome. */
const FIXED = [
  0x0, 0x1, 0x10, 0x174, 0x210, 0x7fe, 0x7ff, 0x800, 0x801, 0x808, 0x83f, 0x840, 0x8fe, 0x8ff, 0x900, 0x901, 0xbff,
  0x7fff_ffff, 0x8000_0000, 0xc000_0100, 0xdead_beef, 0xffff_fffe, 0xffff_ffff,
];
/** A range has at most this much influence on the number of probes. */
const MAX_RANGES = 48;

/** Indices worth asking about in a scenario, ascending. */
function probeIndices(scenario: Scenario, index: number): Uint32Array {
  const indices = new Set(FIXED);
  for (const step of NEAR) indices.add((index + step) >>> 0);
  let ranges = 0;
  for (const event of scenario.events) {
    if (event.kind !== 'filter') continue;
    for (const { base, nmsrs } of event.filter.ranges) {
      if (nmsrs === 0 || ++ranges > MAX_RANGES) continue;
      for (const step of FROM_BASE) indices.add((base + step) >>> 0);
      for (const step of NEAR) indices.add((base + nmsrs + step) >>> 0);
    }
  }
  return new Uint32Array(indices).sort();
}

/** Every probe read and then written, so that what one access leaves behind shows in the next. */
export function probeBatch(scenario: Scenario, index: number, form: AccessForm): AccessBatch {
  const asked = probeIndices(scenario, index);
  const indices = new Uint32Array(asked.length * 2);
  const types = new Uint8Array(indices.length);
  for (let i = 0; i < indices.length; i++) {
    indices[i] = asked[i >>> 1]!;
    types[i] = i & 1;
  }
  return form === 'native' ? { indices, types } : { form, indices, types };
}
