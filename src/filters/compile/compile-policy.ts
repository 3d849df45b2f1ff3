/** From a policy to the smallest filter that implements it, or to why there is none and what comes closest. */
import { reference } from '../../engines/reference.ts';
import { BaseTable } from '../../model/base.ts';
import { MSR_ROWS } from '../../model/catalogue-data.ts';
import type { MsrFilter } from '../../model/filter.ts';
import type { KernelProfile } from '../../model/profile.ts';
import type { AccessType } from '../../model/verdict.ts';
import { type Decisions, install } from '../decisions.ts';
import { type Change, decisionChanges } from '../difference.ts';
import { INDICES, IndexSet } from '../index-set.ts';
import { closestFilter } from './closest-filter.ts';
import { type DefaultAction, exemptIndices, type Obstacle, smallestFilter } from './smallest-filter.ts';

export type Compiled =
  | { readonly kind: 'filter'; readonly filter: MsrFilter; readonly bytes: number; readonly unfilterable: Unfilterable }
  | {
      readonly kind: 'none';
      readonly obstacles: readonly Obstacle[];
      /** Denies all that is to be denied, and more. */
      readonly closest: MsrFilter;
      /** All accesses that it denies although they are to be allowed. */
      readonly lost: readonly Change[];
      readonly unfilterable: Unfilterable;
    };

/** Numbers of denied accesses, reads and writes, that the kernel allows whatever the filter says: x2APIC MSRs. */
export type Unfilterable = readonly [number, number];

/** MSRs that KVM handles, in one direction at least. */
function handledIndices(): IndexSet {
  const rows = MSR_ROWS.filter(({ read, write }) => read === 'handled' || write === 'handled');
  return IndexSet.ofRanges(rows.map(({ index, count = 1 }) => ({ first: index, last: index + count - 1 })));
}

/**
 * The smallest filter with these decisions. Before it is given, it is set in the kernel's rules and compared with them
 * over all 2^33 accesses, and by single accesses at every index at which a decision changes.
 *
 * @throws Error if that fails, which would be a fault of this program
 */
export function compile(wanted: Decisions, preferred: DefaultAction, profile: KernelProfile): Compiled {
  const exempt = exemptIndices(profile);
  const unfilterable = wanted.map((set) => exempt.without(set).size) as [number, number] satisfies Unfilterable;
  const goal = wanted.map((set) => set.or(exempt)) as [IndexSet, IndexSet];
  const result = smallestFilter(goal, exempt, preferred);
  if (result.kind === 'filter') {
    const { filter, bytes } = result;
    prove(filter, goal, profile);
    return { kind: 'filter', filter, bytes, unfilterable };
  }
  const closest = closestFilter(goal, exempt, handledIndices());
  const { errno, decisions } = install(closest, profile);
  const lost = decisionChanges(goal, decisions);
  if (errno !== 0 || lost.some(({ after }) => after === 1)) throw new Error('the closest filter allows too much');
  return { kind: 'none', obstacles: result.obstacles, closest, lost, unfilterable };
}

function prove(filter: MsrFilter, goal: Decisions, profile: KernelProfile): void {
  const { errno, decisions } = install(filter, profile);
  if (errno !== 0) throw new Error(`the compiled filter is rejected: ${errno}`);
  const [change] = decisionChanges(goal, decisions);
  if (change) throw new Error(`the compiled filter decides ${change.first} otherwise`);
  const vm = reference.createVm({ profile, base: new BaseTable([]) });
  vm.setFilter(filter, 'normal');
  for (const [type, set] of goal.entries()) {
    for (const edge of set.edges) {
      for (const index of [edge - 1, edge, edge + 1]) {
        if (index < 0 || index >= INDICES) continue;
        const allowed = vm.allows!(index, type as AccessType);
        if (allowed !== set.has(index)) throw new Error(`the compiled filter decides ${index} otherwise`);
      }
    }
  }
}
