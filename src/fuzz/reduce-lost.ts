/**
 * Reduction of a scenario from which an engine does not come back. Every attempt that succeeds costs a time-out, so
 * it is a plain halving of events and accesses with a small budget; there is no normal form.
 */
import type { AccessEvent, Scenario } from '../model/scenario.ts';
import { pick, withEvent, withoutEvents } from './reduce/edit.ts';

/** Attempts of one reduction. */
const MAX_PROBES = 40;

/** Whether the engine is lost on the scenario too. */
export type IsLost = (scenario: Scenario) => Promise<boolean>;

export async function reduceLost(scenario: Scenario, isLost: IsLost): Promise<Scenario> {
  let current = scenario;
  let probes = 0;
  const attempt = async (candidate: Scenario): Promise<boolean> => {
    if (probes >= MAX_PROBES) return false;
    probes++;
    if (!(await isLost(candidate))) return false;
    current = candidate;
    return true;
  };
  // The shortest prefix, by halving.
  let enough = current.events.length;
  let tooFew = 0;
  while (enough - tooFew > 1) {
    const middle = (enough + tooFew) >>> 1;
    if (await attempt({ events: scenario.events.slice(0, middle) })) enough = middle;
    else tooFew = middle;
  }
  for (let number = current.events.length - 2; number >= 0; number--) {
    await attempt(withoutEvents(current, (i) => i === number));
  }
  const last = current.events.length - 1;
  for (let half = lengthOf(current, last) >>> 1; half >= 1; half >>>= 1) {
    for (const from of [half, 0]) {
      const event = current.events[last] as AccessEvent;
      const { length } = event.batch.indices;
      const numbers = Array.from({ length: Math.min(half, length - from) }, (_, i) => from + i);
      const shorter = withEvent(current, last, { ...event, batch: pick(event.batch, numbers) });
      if (length > half && (await attempt(shorter))) break;
    }
  }
  return current;
}

function lengthOf(scenario: Scenario, number: number): number {
  const event = scenario.events[number];
  return event?.kind === 'access' ? event.batch.indices.length : 0;
}
