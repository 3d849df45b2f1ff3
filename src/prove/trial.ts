/** Engines side by side in the state that a proof is about: exit mask, APIC mode and filter set, nothing accessed yet. */
import type { Engine, EngineVm, VmConfig } from '../engines/contract.ts';
import type { Ledger } from '../fuzz/ledger.ts';
import { catalogueBase } from '../model/catalogue.ts';
import type { MsrFilter } from '../model/filter.ts';
import { InputError } from '../model/input-error.ts';
import { findProfile } from '../model/profile.ts';
import { ApicMode, type Scenario, type ScenarioEvent } from '../model/scenario.ts';
import { formatScenario } from '../model/scenario-json.ts';
import type { AccessType } from '../model/verdict.ts';
import { knownDifference, ledgerFor } from './known.ts';
import type { BruteForcePlan } from './plan.ts';

/** What the state is made of, besides the filter. */
export type TrialPlan = Pick<BruteForcePlan, 'profile' | 'mask' | 'apic'>;

/** What the engines answered when the filter was set. */
export type Installed =
  | { readonly kind: 'accepted' }
  /** All refuse it, with the same errno. */
  | { readonly kind: 'refused'; readonly errno: number }
  /** They do not agree, or one threw: scenario JSON without an access. */
  | { readonly kind: 'disproved'; readonly scenario: string };

export class Trial {
  readonly engines: readonly Engine[];
  readonly config: VmConfig;
  /** One per engine, in order; valid once a filter has been accepted, until the next one. */
  readonly vms: EngineVm[] = [];
  private readonly setup: readonly ScenarioEvent[];
  private readonly ledger: Ledger;
  private filter: MsrFilter = { flags: 0, ranges: [] };

  /** @throws InputError if the profile is unknown or an engine cannot be brought to the state */
  constructor({ profile: id, mask, apic }: TrialPlan, engines: readonly Engine[]) {
    const profile = findProfile(id);
    if (!profile) throw new InputError(`profile "${id}" is unknown: \`msrdiff engines\` lists them`);
    this.config = { profile, base: catalogueBase() };
    this.engines = engines;
    const setup: ScenarioEvent[] = [];
    if (mask !== 0) setup.push({ kind: 'cap', mask: BigInt(mask) });
    if (apic !== ApicMode.NONE) setup.push({ kind: 'apic', mode: apic });
    this.setup = setup;
    this.ledger = ledgerFor(profile.id);
    for (const { name, kernel, capabilities } of engines) {
      if (kernel) throw new InputError(`${name} is a real kernel: proofs are about engines that take any base`);
      const missing = setup.find(({ kind }) => !capabilities.events.includes(kind));
      if (missing) throw new InputError(`engine ${name} does not run ${missing.kind} events: leave that option out`);
    }
  }

  /** Sets the filter in all engines, in VMs in their initial state. */
  install(filter: MsrFilter): Installed {
    this.filter = filter;
    let errno = 0;
    for (const [number, engine] of this.engines.entries()) {
      let answer: number;
      try {
        const vm = this.fresh(engine, this.vms[number]);
        this.vms[number] = vm;
        answer = this.prepare(vm, filter);
      } catch {
        return { kind: 'disproved', scenario: this.scenario() };
      }
      if (number === 0) errno = answer;
      else if (answer !== errno) return { kind: 'disproved', scenario: this.scenario() };
    }
    return errno === 0 ? { kind: 'accepted' } : { kind: 'refused', errno };
  }

  /** A VM of its own with the same filter. Throws what the engine throws. */
  another(number: number): EngineVm {
    const vm = this.fresh(this.engines[number]!, undefined);
    this.prepare(vm, this.filter);
    return vm;
  }

  /** The scenario of these accesses in this state, as JSON; of the filter that is installed, unless another is given. */
  scenario(indices: ArrayLike<number> = [], types: ArrayLike<number> = [], filter = this.filter): string {
    const events: ScenarioEvent[] = [...this.setup, { kind: 'filter', filter }];
    if (indices.length > 0) {
      const batch = { indices: Uint32Array.from(indices), types: Uint8Array.from(types) };
      events.push({ kind: 'access', batch });
    }
    const scenario: Scenario = { events };
    return formatScenario(scenario);
  }

  /** Id of the ledger's entry that knows that this engine and engine 0 answer so; undefined if none does. */
  known(number: number, index: number, type: AccessType, first: number, other: number): string | undefined {
    const [own, engine] = [this.engines[0]!.name, this.engines[number]!.name];
    return knownDifference(this.ledger, [own, first], [engine, other], index, type);
  }

  private fresh(engine: Engine, used: EngineVm | undefined): EngineVm {
    if (!used?.reset) return engine.createVm(this.config);
    used.reset();
    return used;
  }

  /** 0, or the errno of the ioctl that failed. */
  private prepare(vm: EngineVm, filter: MsrFilter): number {
    for (const event of this.setup) {
      if (event.kind === 'apic') vm.setApicMode!(event.mode);
      else if (event.kind === 'cap') {
        const errno = vm.enableCap!(event);
        if (errno !== 0) return errno;
      }
    }
    return vm.setFilter(filter, 'normal');
  }
}

/** Sets the filter of a plan. @returns the scenario on which the engines disagree, if they do @throws InputError if all refuse it */
export function installOrReject(trial: Trial, filter: MsrFilter): string | undefined {
  const installed = trial.install(filter);
  if (installed.kind === 'refused') {
    const { title, id } = trial.config.profile;
    throw new InputError(`profile ${id} (${title}) refuses the filter: errno ${installed.errno}`);
  }
  return installed.kind === 'disproved' ? installed.scenario : undefined;
}
