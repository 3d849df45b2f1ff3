/** What an engine's process fails at is minimized at a bounded number of restarts. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Engine } from '../../src/engines/contract.ts';
import { reference } from '../../src/engines/reference.ts';
import type { Observation } from '../../src/fuzz/compare.ts';
import { Evaluator } from '../../src/fuzz/evaluate.ts';
import { Findings } from '../../src/fuzz/findings.ts';
import { Ledger, SHIPPED_LEDGER } from '../../src/fuzz/ledger.ts';
import { Minimizer } from '../../src/fuzz/reduce/minimize.ts';
import { NOTHING_REDUCED } from '../../src/fuzz/reductions.ts';
import type { Scenario } from '../../src/model/scenario.ts';
import { formatScenario } from '../../src/model/scenario-json.ts';
import { CONFIG, faultyCommand, generated, scratchFolder, start } from './support.ts';

const folder = scratchFolder();
const SYSENTER_CS = 0x174;
const ledger = new Ledger(SHIPPED_LEDGER, CONFIG.profile.id, '2026-01-01');

/** A case in which the MSR is accessed. */
const CASE = generated(8, 40, 512).find(({ events }) =>
  events.some((event) => event.kind === 'access' && event.batch.indices.includes(SYSENTER_CS)),
)!;

/** An engine that fails at the MSR, and how often its process has been started. */
function failing(fault: string, timeoutMs?: number): { engine: Engine; starts: () => number } {
  const log = join(folder, fault);
  const engine = start(`echo >> ${log}; ${faultyCommand(fault, `on=${SYSENTER_CS}`)}`, timeoutMs);
  return { engine, starts: () => readFileSync(log).length };
}

/** What the engine does in the case. */
function observation(engines: readonly Engine[]): Observation {
  const evaluator = new Evaluator(engines, CONFIG, ledger);
  const found: Observation[] = [];
  expect(evaluator.run(CASE)).toBe(false);
  evaluator.observe((seen) => found.push(seen) < 0);
  expect(found).toMatchObject([{ kind: 'engine-error', subject: 1 }]);
  return found[0]!;
}

test('a process that ends at an access: to that access, at some tens of restarts', () => {
  const { engine, starts } = failing('exit');
  const engines = [reference, engine];
  const seen = observation(engines);
  const before = starts();
  const { scenario, reliability, evaluations } = new Minimizer(engines, CONFIG, ledger).minimize(CASE, seen)!;
  expect(JSON.parse(formatScenario(scenario))).toEqual({ events: [{ access: [['0x174', 'r']] }] });
  expect(reliability).toBe(1);
  expect(evaluations).toBeGreaterThan(5);
  // Two for each of 24 failures.
  expect(starts() - before).toBeLessThanOrEqual(48);
});

test('a process that is silent: not at all, for each attempt takes two time-outs', () => {
  const { engine, starts } = failing('hang', 3_000);
  const engines = [reference, engine];
  const seen = observation(engines);
  expect(seen.message).toBe('threw Error: no answer to ACCESS within 3 s');
  const before = starts();
  expect(new Minimizer(engines, CONFIG, ledger).minimize(CASE, seen)).toEqual({
    scenario: CASE,
    observation: seen,
    evaluations: 0,
    reliability: 1,
  });
  expect(starts()).toBe(before);
});

test('silence has one identity, whichever case it hits', () => {
  const engines = [reference, failing('hang', 3_000).engine];
  const seen = observation(engines);
  const idOf = (scenario: Scenario): string => {
    const findings = new Findings(engines, CONFIG, ledger);
    findings.note(seen, scenario, 3);
    const minimizer = new Minimizer(engines, CONFIG, ledger);
    const [found] = findings.reduce(minimizer, () => {}, NOTHING_REDUCED, 0).divergences;
    expect(found).toMatchObject({ message: seen.message, scenario: formatScenario(scenario), reliability: 1 });
    return found!.id;
  };
  expect(idOf({ events: CASE.events.slice(1) })).toBe(idOf(CASE));
});
