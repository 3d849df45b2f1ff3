/**
 * What does not matter in a reproducer: one field at a time (or a few that belong together) is given other values,
 * and those with which the divergence still shows are listed. Nothing is inferred: a statement names what was tried.
 */
import type { Scenario } from '../../model/scenario.ts';
import type { Observation } from '../compare.ts';
import { eventAxes } from './axes-event.ts';
import { filterAxes } from './axes-filter.ts';
import { type Axis, indexAxes, type Sample } from './axis.ts';

/** Most scenarios that are run to find out. */
export const MAX_FREEDOM_CALLS = 150;

/** Of one field, or of fields that were changed together: which values were tried, and with which it diverges. */
export interface FreedomStatement {
  /** Path into the scenario's JSON form, or several of them. */
  readonly field: string;
  /** The result in words. */
  readonly text: string;
  /** Values with which the divergence shows; the reproducer's own is one of them. */
  readonly held: readonly string[];
  /** Values with which it does not. */
  readonly failed: readonly string[];
}

/** Where the divergence is, and the kind of what differs. */
export type FreedomPlace = Pick<Observation, 'kind' | 'event' | 'access' | 'index'>;

/**
 * Statements about a scenario that diverges, in order of what readers ask first. `diverges` is called at most
 * MAX_FREEDOM_CALLS times; what does not fit is not tried and not stated. `indices` are the MSRs to move to.
 */
export function freedom(
  scenario: Scenario,
  place: FreedomPlace,
  diverges: (scenario: Scenario) => boolean,
  indices?: readonly number[],
): FreedomStatement[] {
  let calls = 0;
  const statements: FreedomStatement[] = [];
  const settle = (axis: Axis): void => {
    const tried: (Sample & { readonly holds: boolean })[] = [];
    for (const sample of axis.samples) {
      if (sample.scenario !== undefined && calls >= MAX_FREEDOM_CALLS) continue;
      if (sample.scenario !== undefined) calls++;
      tried.push({ ...sample, holds: sample.scenario === undefined || diverges(sample.scenario) });
    }
    const [held, failed] = [true, false].map((side) => tried.filter(({ holds }) => holds === side).map((s) => s.name));
    if (tried.length > 1) {
      statements.push({ field: axis.field, text: sentence(tried, axis.ordered), held: held!, failed: failed! });
    }
    if (failed!.length > 0 && axis.otherwise) settle(axis.otherwise);
  };
  for (const axis of indexAxes(scenario, place, indices)) settle(axis);
  for (const axis of filterAxes(scenario, place)) settle(axis);
  for (const axis of eventAxes(scenario, place)) settle(axis);
  return statements;
}

/** `any of 0x0-0x7ff, 0x900-0xffffffff tried (14 of 16 samples); not 0x800-0x8ff`. */
function sentence(tried: readonly (Sample & { readonly holds: boolean })[], ordered: boolean): string {
  const held = tried.filter(({ holds }) => holds).length;
  const failed = spans(tried, false, ordered);
  const others = tried.length === 2 ? '1 other' : `${tried.length - 1} others`;
  if (held === 0) return `none of ${failed} (${tried.length} tried)`;
  if (held === 1) return `only ${spans(tried, true, ordered)}; not ${failed} (${others} tried)`;
  const text = `any of ${spans(tried, true, ordered)} tried (${held} of ${tried.length} samples)`;
  return failed === '' ? text : `${text}; not ${failed}`;
}

/** Names of the samples of one side; in an ordered list, neighbours as `first-last`. */
function spans(tried: readonly (Sample & { readonly holds: boolean })[], side: boolean, ordered: boolean): string {
  const parts: string[] = [];
  for (let from = 0; from < tried.length; from++) {
    if (tried[from]!.holds !== side) continue;
    let to = from;
    while (ordered && tried[to + 1]?.holds === side) to++;
    parts.push(to === from ? tried[from]!.name : `${tried[from]!.name}-${tried[to]!.name}`);
    from = to;
  }
  return parts.join(', ');
}
