/** What a filter decides under a kernel's rules, for all 2^33 accesses. */
import type { CompiledFilter } from '../engines/compiled-filter.ts';
import { reference } from '../engines/reference.ts';
import { BaseTable } from '../model/base.ts';
import type { MsrFilter } from '../model/filter.ts';
import type { KernelProfile } from '../model/profile.ts';
import { type Runs, runsOf } from '../prove/runs.ts';
import { INDICES, IndexSet } from './index-set.ts';

/** The indices that may be read, and those that may be written: positions are those of `AccessType`. */
export type Decisions = readonly [IndexSet, IndexSet];

/** What comes of one `KVM_X86_SET_MSR_FILTER` in a new VM. */
export interface Installed {
  /** 0 or a negative errno. */
  readonly errno: number;
  /**
   * What is in force afterwards: after an error, no filter, or on profiles that edit the live filter in place, what was
   * built before the error.
   */
  readonly decisions: Decisions;
  /** After an error, a half-built filter is in force. */
  readonly halfBuilt: boolean;
}

/** Decisions do not depend on what KVM knows of an MSR. */
const NO_ROWS = new BaseTable([]);

/** Sets the filter in a new VM of the reference, and takes from it what is in force. */
export function install(filter: MsrFilter, profile: KernelProfile): Installed {
  const vm = reference.createVm({ profile, base: NO_ROWS });
  const errno = vm.setFilter(filter, 'normal');
  const { filter: form } = vm.compiled!() as CompiledFilter;
  const [reads, writes] = runsOf(form);
  const read = allowedBy(reads);
  // Most filters have ranges for both directions alone.
  const write = sameRuns(reads, writes) ? read : allowedBy(writes);
  const halfBuilt = errno !== 0 && form.kind === 'scan' && form.count > 0;
  return { errno, decisions: [read, write], halfBuilt };
}

function sameRuns(a: Runs, b: Runs): boolean {
  if (a.start.length !== b.start.length) return false;
  return a.start.every((start, i) => start === b.start[i] && a.words[i] === b.words[i] && a.value[i] === b.value[i]);
}

function allowedBy(runs: Runs): IndexSet {
  const edges: number[] = [];
  for (let run = 0; run < runs.start.length; run++) {
    const start = runs.start[run]!;
    const words = runs.words[run];
    if (words) addBits(edges, words, runs.value[run]!, start, runs.end(run));
    else if (runs.value[run] !== (edges.length & 1)) edges.push(start);
  }
  if ((edges.length & 1) === 1) edges.push(INDICES);
  return new IndexSet(edges);
}

/**
 * Edges of the indices from <= index < end whose bits, from the `offset`th on, are 1. A word at a time: bits that differ
 * from the one before them are found by one shift, and most words have none.
 */
function addBits(edges: number[], words: Uint32Array, offset: number, from: number, end: number): void {
  // What bit 0 of the first word would be the number of.
  const origin = from - offset;
  let inside = edges.length & 1;
  for (let word = offset >>> 5; ; word++) {
    const first = origin + word * 32;
    if (first >= end) return;
    const bits = words[word]!;
    let changes = bits ^ ((bits << 1) | inside);
    if (first < from) {
      // The bits before the run are not the run's: the bit at `from` follows the run before.
      const skipped = from - first;
      changes = (bits ^ ((bits << 1) | 0)) & (-1 << skipped);
      if (((bits >>> skipped) & 1) !== inside) changes |= 1 << skipped;
      else changes &= ~(1 << skipped);
    }
    while (changes !== 0) {
      const lowest = changes & -changes;
      const at = first + 31 - Math.clz32(lowest);
      if (at >= end) return;
      edges.push(at);
      changes ^= lowest;
    }
    inside = edges.length & 1;
  }
}
