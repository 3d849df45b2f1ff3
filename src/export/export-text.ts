/** A scenario in the forms that it is handed over in. */
import { reference } from '../engines/reference.ts';
import { countAccesses, Runner } from '../engines/runner.ts';
import { catalogueBase } from '../model/catalogue.ts';
import type { KernelProfile } from '../model/profile.ts';
import type { Scenario } from '../model/scenario.ts';
import { Verdict } from '../model/verdict.ts';
import { cProgram } from './c-program.ts';

/** `c`: a program for /dev/kvm; `json`: the scenario. */
export const EXPORT_FORMATS = ['c', 'json'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export interface ExportSource {
  /** What it reproduces. */
  readonly title: string;
  readonly scenario: Scenario;
  /** The scenario as it was given or stored, JSON. */
  readonly text: string;
  /** Whose rules apply. */
  readonly profile: KernelProfile;
}

/** Throws InputError if the format has no way to say what the scenario does. */
export function exportText(format: ExportFormat, { title, scenario, text, profile }: ExportSource): string {
  if (format === 'json') return `${text.trimEnd()}\n`;
  return cProgram(scenario, {
    title: `${title}, rules of profile ${profile.id}`,
    expected: denials(scenario, profile),
  });
}

/**
 * What the rules say of denied accesses; the outcome of others is the kernel's own. -1 where anything may come out.
 */
function denials(scenario: Scenario, profile: KernelProfile): number[] {
  const accesses = countAccesses(scenario);
  const runner = new Runner(reference, { profile, base: catalogueBase() });
  const verdicts = Array.from(runner.run(scenario, accesses).verdicts.subarray(0, accesses));
  // With FILTER deflected as well, a denial cannot be taken for another fault.
  const deflected = scenario.events.map((event) =>
    event.kind === 'cap' ? { ...event, mask: event.mask | 4n } : event,
  );
  const all: Scenario = { events: [{ kind: 'cap', mask: 4n }, ...deflected] };
  const denied = runner.run(all, accesses).verdicts;
  return verdicts.map((verdict, i) => (denied[i] === Verdict.EXIT_FILTER ? verdict : -1));
}
