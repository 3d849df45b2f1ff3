/** Moves that change which MSRs a scenario is about. */
import { BaseOutcome } from '../../model/base.ts';
import type { Scenario } from '../../model/scenario.ts';
import type { AccessType } from '../../model/verdict.ts';
import {
  accessesOf,
  exchangeDirections,
  hasKind,
  mapRanges,
  relocate,
  reshape,
  touches,
  withAccesses,
  withMasks,
  withNothing,
  withoutKinds,
} from './edit.ts';
import type { Move, Search } from './search.ts';

/** Every reason exits. */
const ALL_REASONS = 7n;

/** Whether the observation is about one MSR. */
function hasIndex({ observation: { access, kind } }: Search): boolean {
  return access >= 0 || kind.startsWith('bitmap:');
}

/** The scenario as it is, and with every reason in its exit masks, where that changes anything. */
function maskVariants(scenario: Scenario): Scenario[] {
  const partial = scenario.events.some((event) => event.kind === 'cap' && (event.mask & ALL_REASONS) !== ALL_REASONS);
  return partial ? [scenario, withMasks(scenario, ALL_REASONS)] : [scenario];
}

/** The same, and with one reason alone in every exit mask that is not empty. */
function reasonVariants(scenario: Scenario, reasons: readonly bigint[] = [1n, 2n, 4n]): Scenario[] {
  if (!hasKind(scenario, 'cap')) return [scenario];
  const single = reasons.map((mask) => ({
    events: scenario.events.map((event) => (event.kind === 'cap' && event.mask !== 0n ? { ...event, mask } : event)),
  }));
  return [...maskVariants(scenario), ...single];
}

/** The reasons for which an access may exit: the filter's, and that of KVM where it does not handle the MSR. */
const REASONS: Record<BaseOutcome, readonly bigint[]> = {
  [BaseOutcome.HANDLED]: [4n],
  [BaseOutcome.UNKNOWN]: [2n, 4n],
  [BaseOutcome.INVALID]: [1n, 4n],
};

/**
 * The MSR, and what belongs to it, moved to one that KVM handles, does not know, or rejects: which of the three it
 * is decides what the exit mask must hold, so the mask changes with it, or goes.
 */
export const exemplars: Move = (search) => {
  if (search.observation.access < 0) return;
  const { index, type } = search.observation;
  const candidates = search.places.exemplars.flatMap((to) => {
    const reasons = REASONS[search.places.outcome(to.index, to.type)];
    const alone = mapRanges(search.scenario, (range) => (touches(range, index) ? reshape(range, index, 1) : range));
    const moved = [...moves(search.scenario, index, to.index - index), relocate(alone, index, to.index - index, false)];
    const accesses = accessesOf(search.scenario).map((old) => (old.index === index ? to : old));
    const turned = to.type === type ? moved : moved.map(exchangeDirections);
    turned.push(withAccesses(search.scenario, accesses));
    const fewer = turned.flatMap((scenario) => [
      withoutKinds(scenario, 'cap'),
      ...reasonVariants(withoutKinds(scenario, 'filter'), reasons),
      withoutKinds(scenario, 'cap', 'filter'),
    ]);
    return [...turned.flatMap((scenario) => reasonVariants(scenario, reasons)), ...fewer];
  });
  search.trySmallest(candidates);
};

/** What is at the index moved, alone and with everything else. */
function moves(scenario: Scenario, index: number, delta: number): Scenario[] {
  const alone = relocate(scenario, index, delta, false);
  return hasOthers(scenario, index) ? [alone, relocate(scenario, index, delta, true)] : [alone];
}

function hasOthers(scenario: Scenario, index: number): boolean {
  return scenario.events.some(
    (event) =>
      (event.kind === 'filter' && event.filter.ranges.some((range) => !touches(range, index))) ||
      (event.kind === 'access' && event.batch.indices.some((other) => Math.abs(other - index) > 1)),
  );
}

/** Moves the index, and what belongs to it, to the lowest landmark where the divergence shows. */
export const relocateIndex: Move = (search) => {
  if (!hasIndex(search)) return;
  const { index, type } = search.observation;
  for (const landmark of search.places.landmarks) {
    if (landmark >= index) break;
    const alike = search.places.outcome(landmark, type) === search.places.outcome(index, type);
    const moved = moves(search.scenario, index, landmark - index);
    // Among MSRs that KVM treats alike the same reasons exit.
    const candidates = alike ? moved : moved.map((scenario) => maskVariants(scenario).at(-1)!);
    for (const candidate of candidates) if (search.try(candidate)) return;
  }
  for (let step = 0x8000_0000; step >= 1; step /= 2) {
    const at = search.observation.index;
    if (step <= at) for (const candidate of moves(search.scenario, at, -step)) if (search.try(candidate)) break;
  }
};

/** Without exit mask, allowed and denied differ only where KVM handles the MSR: moves there, also up. */
export const withoutMask: Move = (search) => {
  const { index, type, access } = search.observation;
  if (access < 0 || !hasKind(search.scenario, 'cap')) return;
  const bare = withoutKinds(search.scenario, 'cap');
  for (const landmark of search.places.landmarks) {
    if (search.places.outcome(landmark, type) !== BaseOutcome.HANDLED) continue;
    if (search.try(relocate(bare, index, landmark - index, false))) return;
  }
};

/** Without a wish for pass-through, a filter shows in a bitmap only at MSRs that pass through from the start. */
export const withoutWish: Move = (search) => {
  const { index, kind } = search.observation;
  if (!kind.startsWith('bitmap:') || !hasKind(search.scenario, 'candidates')) return;
  const bare = [withoutKinds(search.scenario, 'candidates'), withNothing(search.scenario, 'candidates')];
  search.trySmallest(
    bare.flatMap((scenario) => search.places.always.map((to) => relocate(scenario, index, to - index, false))),
  );
};

/** Where several accesses matter, each is made plain by itself. */
export const plainAccesses: Move = (search) => {
  const count = accessesOf(search.scenario).length;
  if (count === 0 || count > 4 || (count === 1 && search.observation.access >= 0)) return;
  for (let i = 0; i < count; i++) {
    const { index, type } = accessesOf(search.scenario)[i]!;
    const candidates = search.places.exemplars.flatMap((to) => {
      const alone = withAccesses(
        search.scenario,
        accessesOf(search.scenario).map((old, n) => (n === i ? to : old)),
      );
      const moved = relocate(search.scenario, index, to.index - index, false);
      const turned = to.type === type ? moved : exchangeDirections(moved);
      return [alone, turned, withoutKinds(alone, 'filter')].flatMap(maskVariants);
    });
    search.trySmallest(candidates);
  }
  if (accessesOf(search.scenario).length === 2) search.trySmallest(pairs(search.scenario));
};

/** Two accesses to the MSRs 0 and 1, in every way. */
function pairs(scenario: Scenario): Scenario[] {
  const single = [0, 1].flatMap((index) => ([0, 1] as const).map((type: AccessType) => ({ index, type })));
  const plain = hasKind(scenario, 'filter') ? reasonVariants(withoutKinds(scenario, 'filter')) : [];
  const both = [scenario, ...plain].flatMap((from) =>
    single.flatMap((first) => single.map((second) => withAccesses(from, [first, second]))),
  );
  return hasKind(scenario, 'cap') ? [...both, ...both.map((other) => withoutKinds(other, 'cap'))] : both;
}
