import { describe, expect, it } from 'vitest';
import type { Engine, Incident } from '../engines/contract.ts';
import { reference } from '../engines/reference.ts';
import type { Scenario } from '../model/scenario.ts';
import { formatScenario } from '../model/scenario-json.ts';
import { incidentFindings } from './incidents.ts';

const SCENARIO: Scenario = {
  events: [
    { kind: 'cap', mask: 7n },
    { kind: 'access', batch: { indices: Uint32Array.of(0x10), types: Uint8Array.of(0) } },
  ],
};
const DIED: Incident = { kind: 'died', message: 'the process was ended by SIGKILL' };

/** What happens to it is taken once. */
function engine(incidents: readonly Incident[], name = 'process'): Engine {
  const waiting = [...incidents];
  return { ...reference, name, takeIncidents: () => waiting.splice(0) };
}

const idOf = (incident: Incident, { name = 'process', profile = '6.1', number = 1 } = {}): string =>
  incidentFindings(engine([incident], name), profile, SCENARIO, number)[0]!.id;

describe('incidentFindings', () => {
  it('tells each incident once, with the case that was running', () => {
    const process = engine([DIED, { kind: 'hung', message: 'no answer to ACCESS within 10 s' }]);
    const found = incidentFindings(process, '6.1', SCENARIO, 12);
    expect(found.map(({ message }) => message)).toEqual([
      'the process was ended by SIGKILL (not again when the case was run once more)',
      'no answer to ACCESS within 10 s (not again when the case was run once more)',
    ]);
    expect(found[0]).toMatchObject({
      kind: 'engine-error',
      subject: 'process',
      profile: '6.1',
      scenario: formatScenario(SCENARIO),
      vector: { process: 1 },
      firstCase: 12,
      cases: 1,
      evaluations: 0,
      // It has been run once more, and did not happen.
      reliability: 0,
    });
    expect(incidentFindings(process, '6.1', SCENARIO, 13)).toEqual([]);
  });

  it('has nothing to tell of an engine without a process', () => {
    expect(incidentFindings(reference, '6.1', SCENARIO, 1)).toEqual([]);
  });

  it('gives one identity to one cause, whichever case it hits', () => {
    expect(idOf(DIED, { number: 99 })).toBe(idOf(DIED));
    const others = [
      idOf({ ...DIED, kind: 'error' }),
      idOf({ ...DIED, message: 'the process was ended by SIGSEGV' }),
      idOf(DIED, { name: 'another' }),
      idOf(DIED, { profile: '6.18' }),
    ];
    expect(new Set([idOf(DIED), ...others]).size).toBe(5);
  });
});
