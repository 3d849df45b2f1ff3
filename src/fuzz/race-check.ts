/**
 * Filter changes while a vCPU runs: every access must meet the old filter or the new one, never a third result
 * (Linux since the SRCU fix of March 2021; before it the live filter was edited range by range).
 */

import type { KernelVm } from '../engines/kernel/kernel-vm.ts';
import { reference } from '../engines/reference.ts';
import { Runner } from '../engines/runner.ts';
import { BaseTable } from '../model/base.ts';
import type { Vendor } from '../model/catalogue.ts';
import { passthroughCandidates } from '../model/catalogue.ts';
import { KVM_MSR_EXIT_REASON_VALID_MASK, type MsrFilter } from '../model/filter.ts';
import { type MeasuredKernel, unsteadyKeys } from '../model/kernel.ts';
import { findProfile } from '../model/profile.ts';
import { AccessType } from '../model/verdict.ts';
import { Random } from './random.ts';
import { RouteFilters } from './route-filters.ts';

const MASK = BigInt(KVM_MSR_EXIT_REASON_VALID_MASK);

export interface RaceViolation {
  readonly race: number;
  readonly index: number;
  readonly type: AccessType;
  /** Sets of verdicts, bit n for verdict n. */
  readonly allowed: number;
  readonly seen: number;
}

export interface RaceReport {
  readonly races: number;
  readonly changes: number;
  readonly runs: number;
  /** Accesses that the two filters decide differently, and those of which both verdicts were seen. */
  readonly contested: number;
  readonly bothSeen: number;
  readonly violations: readonly RaceViolation[];
}

export interface RaceCheckOptions {
  readonly seed: number;
  readonly races: number;
  /** Filter changes of each race. */
  readonly rounds: number;
  /** MSRs and directions that the kernel does not filter: any verdict may be seen. */
  readonly unfiltered: readonly (readonly [number, AccessType])[];
}

export function checkRaces(
  vm: KernelVm,
  vendor: Vendor,
  kernel: MeasuredKernel,
  { seed, races, rounds, unfiltered }: RaceCheckOptions,
): RaceReport {
  const profile = findProfile(kernel.profile)!;
  const random = new Random(seed, 0x7ace);
  const filters = new RouteFilters(random, vendor, profile);
  // Between a filter's change and the vCPU's new bitmap an access can still be intercepted and be allowed by the new
  // filter: KVM then answers by itself. What it answers otherwise than the processor is no sign of a wrong filter.
  const unsteady = new Set([...unsteadyKeys(kernel.unsteady, 'native'), ...unsteadyKeys(kernel.unsteady, 'emulator')]);
  for (const [index, type] of unfiltered) unsteady.add(index * 2 + type);
  const accesses = passthroughCandidates(vendor, profile)
    .flatMap(({ index }) => [AccessType.READ, AccessType.WRITE].map((type) => ({ index, type })))
    .filter(({ index, type }) => !unsteady.has(index * 2 + type));
  const indices = Uint32Array.from(accesses, ({ index }) => index);
  const types = Uint8Array.from(accesses, ({ type }) => type);
  const model = new Runner(reference, { profile, base: new BaseTable(kernel.rows) });
  const verdictsOf = (filter: MsrFilter): Uint8Array =>
    model
      .run(
        {
          events: [
            { kind: 'cap', mask: MASK },
            { kind: 'filter', filter },
            { kind: 'access', batch: { indices, types } },
          ],
        },
        indices.length,
      )
      .verdicts.slice(0, indices.length);

  let changes = 0;
  let runs = 0;
  let contested = 0;
  let bothSeen = 0;
  const violations: RaceViolation[] = [];
  for (let race = 0; race < races; race++) {
    const pair = [filters.next(), filters.next()] as const;
    const [a, b] = [verdictsOf(pair[0]), verdictsOf(pair[1])];
    vm.remake({});
    vm.enableCap!({ kind: 'cap', mask: MASK });
    const result = vm.race(indices, types, pair, rounds);
    changes += result.changes;
    runs += result.runs;
    for (const [i, { index, type }] of accesses.entries()) {
      const allowed = (1 << a[i]!) | (1 << b[i]!);
      const seen = result.seen[i]!;
      if (a[i] !== b[i]) {
        contested++;
        if (seen === allowed) bothSeen++;
      }
      if ((seen & ~allowed) !== 0) violations.push({ race, index, type, allowed, seen });
    }
  }
  return { races, changes, runs, contested, bothSeen, violations };
}
