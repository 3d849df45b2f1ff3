/** Scenarios as they come into the editor: from a file, from text, or as the one that it starts with. */

import { KVM_MSR_EXIT_REASON_FILTER, type MsrFilter } from '../../src/model/filter.ts';
import { decodeFilter } from '../../src/model/filter-binary.ts';
import { parseFilter } from '../../src/model/filter-json.ts';
import { parseJsonText } from '../../src/model/json-text.ts';
import { type AccessBatch, ApicMode, type Scenario, type ScenarioEvent } from '../../src/model/scenario.ts';
import { parseScenario } from '../../src/model/scenario-json.ts';
import { AccessType } from '../../src/model/verdict.ts';

/** SYSENTER MSRs may be read, not written; everything else is denied. */
export const FIRST_FILTER: MsrFilter = {
  flags: 1,
  ranges: [{ flags: 1, base: 0x174, nmsrs: 3, bitmap: Uint8Array.of(7, 0, 0, 0, 0, 0, 0, 0) }],
};

export function startScenario(): Scenario {
  return {
    events: [
      { kind: 'cap', mask: BigInt(KVM_MSR_EXIT_REASON_FILTER) },
      { kind: 'apic', mode: ApicMode.X2APIC },
      { kind: 'filter', filter: FIRST_FILTER },
      { kind: 'access', batch: edgeAccesses(FIRST_FILTER) },
    ],
  };
}

/** The text of a scenario, or of a filter, which then takes the place of the one in `current`. */
export function readText(text: string, where: string, current: Scenario): Scenario {
  const json = parseJsonText(text, where);
  const isFilter = typeof json === 'object' && json !== null && 'ranges' in json && !('events' in json);
  return isFilter ? withFilter(current, parseFilter(json, where)) : parseScenario(json, where);
}

/** A file: JSON begins with a brace, the struct with its flags, which are 0 or 1. */
export function readBytes(bytes: Uint8Array, where: string, current: Scenario): Scenario {
  const first = bytes.find((byte) => ![0x20, 0x09, 0x0a, 0x0d].includes(byte));
  if (first === '{'.charCodeAt(0)) return readText(new TextDecoder().decode(bytes), where, current);
  return withFilter(current, decodeFilter(bytes, where));
}

/** The first filter replaced, and the accesses by those at its edges; both added where there is none. */
export function withFilter({ events }: Scenario, filter: MsrFilter): Scenario {
  const batch = edgeAccesses(filter);
  const at = events.findIndex(({ kind }) => kind === 'filter');
  const accesses: ScenarioEvent[] = batch.indices.length > 0 ? [{ kind: 'access', batch }] : [];
  if (at < 0) return { events: [...events, { kind: 'filter', filter }, ...accesses] };
  const rest = events.slice(at + 1);
  const next = rest.findIndex(({ kind }) => kind === 'access');
  const after = next < 0 ? [...accesses, ...rest] : rest.with(next, { kind: 'access', batch });
  return { events: [...events.slice(0, at), { kind: 'filter', filter }, ...after] };
}

/** Reads and writes of the first and last MSR of each range, and of their neighbours outside. Ascending. */
export function edgeAccesses({ ranges }: MsrFilter): AccessBatch {
  const edges = ranges
    .filter(({ nmsrs }) => nmsrs > 0)
    .flatMap(({ base, nmsrs }) => [base - 1, base, base + nmsrs - 1, base + nmsrs]);
  const indices = [...new Set(edges)].filter((index) => index >= 0 && index < 2 ** 32).sort((a, b) => a - b);
  return {
    indices: Uint32Array.from(indices.flatMap((index) => [index, index])),
    types: Uint8Array.from(indices.flatMap(() => [AccessType.READ, AccessType.WRITE])),
  };
}
