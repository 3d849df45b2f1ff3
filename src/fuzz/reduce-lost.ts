/**
 * Reduction of a scenario from which an engine does not come back. Every attempt that succeeds costs a time-out, so
 * it begins with what is true of most engines: that one access is enough, wherever it comes. Otherwise it is a plain
 * halving of events and accesses with a small budget; there is no normal form.
 */
import { type AccessEvent, SCENARIO_MAX_EVENTS, type Scenario, type ScenarioEvent } from '../model/scenario.ts';
import { pick, withEvent, withoutEvents } from './reduce/edit.ts';

/** Attempts of one reduction. */
const MAX_PROBES = 40;

/** Number of the event in which the engine is lost; undefined: it comes back. What it says is only a hint. */
export type LostAt = (scenario: Scenario) => Promise<number | undefined>;

export async function reduceLost(scenario: Scenario, lostAt: LostAt): Promise<Scenario> {
  return new LostReduction(scenario, lostAt).run();
}

class LostReduction {
  private current: Scenario;
  private readonly lostAt: LostAt;
  private probes = 0;

  constructor(scenario: Scenario, lostAt: LostAt) {
    this.current = scenario;
    this.lostAt = lostAt;
  }

  async run(): Promise<Scenario> {
    await this.shortestPrefix();
    await this.fewestEvents();
    await this.fewestAccesses();
    return this.current;
  }

  private async place(candidate: Scenario): Promise<number | undefined> {
    if (this.probes >= MAX_PROBES) return undefined;
    this.probes++;
    return this.lostAt(candidate);
  }

  private async attempt(candidate: Scenario): Promise<boolean> {
    if ((await this.place(candidate)) === undefined) return false;
    this.current = candidate;
    return true;
  }

  private async shortestPrefix(): Promise<void> {
    const { events } = this.current;
    const place = await this.place(this.current);
    if (place === undefined) return;
    let enough = events.length;
    let tooFew = 0;
    if (await this.attempt({ events: events.slice(0, place + 1) })) {
      enough = place + 1;
      if (place > 0 && (await this.attempt({ events: events.slice(0, place) }))) enough = place;
      else tooFew = place;
    }
    while (enough - tooFew > 1) {
      const middle = (enough + tooFew) >>> 1;
      if (await this.attempt({ events: events.slice(0, middle) })) enough = middle;
      else tooFew = middle;
    }
  }

  /** The last one stays. */
  private async fewestEvents(): Promise<void> {
    const { events } = this.current;
    if (events.length > 1 && (await this.attempt({ events: events.slice(-1) }))) return;
    for (let number = events.length - 2; number >= 0; number--) {
      await this.attempt(withoutEvents(this.current, (i) => i === number));
    }
  }

  /** Of the last event. */
  private async fewestAccesses(): Promise<void> {
    const last = this.current.events.length - 1;
    const event = this.current.events[last];
    if (event?.kind !== 'access') return;
    while (await this.onePart(last)) {}
    for (let half = lengthOf(this.current, last) >>> 1; half >= 1; half >>>= 1) await this.halve(last, half);
  }

  /** With as many events in the place of the last one as there can be, the event says in which accesses it is lost. */
  private async onePart(last: number): Promise<boolean> {
    const event = this.current.events[last] as AccessEvent;
    const { length } = event.batch.indices;
    if (length < 2) return false;
    const before = this.current.events.slice(0, last);
    const size = Math.ceil(length / (SCENARIO_MAX_EVENTS - last));
    const parts: ScenarioEvent[] = [];
    for (let from = 0; from < length; from += size) parts.push(withAccesses(event, numbersFrom(from, size, length)));
    const place = await this.place({ events: [...before, ...parts] });
    const part = place === undefined ? undefined : parts[place - last];
    return part !== undefined && (await this.attempt({ events: [...before, part] }));
  }

  private async halve(last: number, half: number): Promise<void> {
    for (const from of [half, 0]) {
      const event = this.current.events[last] as AccessEvent;
      const { length } = event.batch.indices;
      const shorter = withEvent(this.current, last, withAccesses(event, numbersFrom(from, half, length)));
      if (length > half && (await this.attempt(shorter))) return;
    }
  }
}

function withAccesses(event: AccessEvent, numbers: readonly number[]): ScenarioEvent {
  return { ...event, batch: pick(event.batch, numbers) };
}

/** `count` of them, but none from `end` on. */
function numbersFrom(from: number, count: number, end: number): number[] {
  return Array.from({ length: Math.min(count, end - from) }, (_, i) => from + i);
}

function lengthOf(scenario: Scenario, number: number): number {
  const event = scenario.events[number];
  return event?.kind === 'access' ? event.batch.indices.length : 0;
}
