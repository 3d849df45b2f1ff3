import { describe, expect, it } from 'vitest';
import type { Engine, EngineVm, VmConfig } from '../../engines/contract.ts';
import { interval } from '../../engines/interval.ts';
import { reference } from '../../engines/reference.ts';
import { vmx } from '../../engines/vmx.ts';
import { catalogueBase } from '../../model/catalogue.ts';
import { NEWEST_PROFILE } from '../../model/profile.ts';
import type { Scenario } from '../../model/scenario.ts';
import { Verdict } from '../../model/verdict.ts';
import { CaseGenerator, copyScenario } from '../case.ts';
import type { Observation } from '../compare.ts';
import { Evaluator } from '../evaluate.ts';
import { Ledger, SHIPPED_LEDGER } from '../ledger.ts';
import { caseChoices } from '../shard.ts';
import { Minimizer } from './minimize.ts';
import { sizeOf } from './order.ts';

const CONFIG: VmConfig = { profile: NEWEST_PROFILE, base: catalogueBase() };
const ledger = new Ledger(SHIPPED_LEDGER, CONFIG.profile.id, '2026-01-01');

/** The reference, but that it fails if any access of a batch exits for the filter. */
function failing(message: string, isProcess: boolean): { engine: Engine; failures: () => number } {
  let failures = 0;
  const engine: Engine = {
    ...reference,
    name: 'failing',
    createVm: (config): EngineVm => {
      const vm = reference.createVm(config);
      const access = vm.access.bind(vm);
      vm.access = (batch, verdicts, routes) => {
        access(batch, verdicts, routes);
        if (!verdicts.subarray(0, batch.indices.length).includes(Verdict.EXIT_FILTER)) return;
        failures++;
        throw new Error(message);
      };
      return vm;
    },
    ...(isProcess ? { takeIncidents: () => [] } : {}),
  };
  return { engine, failures: () => failures };
}

/** Generated cases in which the engine fails, and how. */
function observations(engines: readonly Engine[]): { scenario: Scenario; seen: Observation }[] {
  const evaluator = new Evaluator(engines, CONFIG, ledger);
  const generator = new CaseGenerator(CONFIG.profile, 512);
  return Array.from({ length: 60 }, (_, number) => copyScenario(generator.generate(caseChoices(4n, number)))).flatMap(
    (scenario) => {
      const found: Observation[] = [];
      if (!evaluator.run(scenario)) evaluator.observe((seen) => found.push(seen) < 0);
      return found.map((seen) => ({ scenario, seen }));
    },
  );
}

describe('Minimizer', () => {
  it('stops when a process has failed some twenty times, with what it has by then', () => {
    const { engine, failures } = failing('the process exited with code 1', true);
    const engines = [reference, interval, engine];
    const minimizer = new Minimizer(engines, CONFIG, ledger);
    const cases = observations(engines);
    expect(cases.length).toBeGreaterThan(3);
    for (const { scenario, seen } of cases) {
      const before = failures();
      const reduction = minimizer.minimize(scenario, seen)!;
      expect(failures() - before).toBeLessThanOrEqual(24);
      expect(reduction.observation).toMatchObject({ kind: 'engine-error', message: seen.message });
      expect(sizeOf(reduction.scenario)).toBeLessThan(sizeOf(scenario) / 4);
      expect(reduction.reliability).toBe(1);
    }
  });

  it('goes on to the normal form if failures cost nothing', () => {
    const { engine, failures } = failing('out of luck', false);
    const engines = [reference, interval, engine];
    const minimizer = new Minimizer(engines, CONFIG, ledger);
    const spent = observations(engines).map(({ scenario, seen }) => {
      const before = failures();
      const reduction = minimizer.minimize(scenario, seen)!;
      // Exit mask, filter, access.
      expect(reduction.scenario.events).toHaveLength(3);
      return failures() - before;
    });
    expect(Math.max(...spent)).toBeGreaterThan(24);
  });

  it('does not run again what a process did not answer', () => {
    const { engine, failures } = failing('no answer to ACCESS within 10 s', true);
    const engines = [reference, interval, engine];
    const [{ scenario, seen }] = observations(engines) as [ReturnType<typeof observations>[0]];
    const before = failures();
    const reduction = new Minimizer(engines, CONFIG, ledger).minimize(scenario, seen);
    expect(reduction).toEqual({ scenario, observation: seen, evaluations: 0, reliability: 1 });
    expect(failures()).toBe(before);
  });

  it('does not end in what the ledger knows', () => {
    // Wrong about 0x6e1 in long batches; about 0x6e0, as the real fastpath, in all of them.
    const engine: Engine = {
      ...vmx,
      createVm: (config): EngineVm => {
        const vm = vmx.createVm(config);
        const access = vm.access.bind(vm);
        vm.access = (batch, verdicts, routes) => {
          access(batch, verdicts, routes);
          const { indices } = batch;
          if (indices.length < 100) return;
          for (const [i, index] of indices.entries()) if (index === 0x6e1) verdicts[i] = Verdict.ALLOW;
        };
        return vm;
      },
    };
    const indices = new Uint32Array(200).map((_, i) => 0x6e0 + (i & 1));
    const deny = { flags: 3, base: 0x6e0, nmsrs: 2, bitmap: new Uint8Array(8) };
    const scenario: Scenario = {
      events: [
        { kind: 'filter', filter: { flags: 0, ranges: [deny] } },
        { kind: 'access', batch: { indices, types: new Uint8Array(200).fill(1) } },
      ],
    };
    const engines = [reference, interval, engine];
    const evaluator = new Evaluator(engines, CONFIG, ledger);
    const unknown: Observation[] = [];
    evaluator.run(scenario);
    evaluator.observe(
      (seen) => ledger.match(seen, engines[seen.subject]!.name) !== undefined || unknown.push(seen) < 0,
    );
    expect(unknown.length).toBeGreaterThan(0);
    const reduction = new Minimizer(engines, CONFIG, ledger).minimize(scenario, unknown[0]!)!;
    expect(ledger.match(reduction.observation, 'vmx')).toBe(undefined);
    expect(sizeOf(reduction.scenario)).toBeGreaterThan(100);
    expect(sizeOf(reduction.scenario)).toBeLessThan(110);
  });
});
