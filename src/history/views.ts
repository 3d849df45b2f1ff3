/**
 * What a difference between two generations can be seen on: verdicts and errno of what both have calls for, what only
 * one of them has a call for, and the intercept bitmaps and fastpaths of kvm_intel and kvm_amd (those generations that
 * are modelled with their hardware). Bitmaps are not compared with each other but audited, both by the rules of the later
 * generation.
 */
import type { Engine, EngineVm, VmConfig } from '../engines/contract.ts';
import { generationEngine } from '../engines/history/engines.ts';
import { HistoryVm } from '../engines/history/history-vm.ts';
import { inexpressible } from '../engines/history/mapping.ts';
import { type HistoryRules, type RuleName, withRule } from '../engines/history/rules.ts';
import { svm } from '../engines/svm.ts';
import { vmx } from '../engines/vmx.ts';
import type { Observation } from '../fuzz/compare.ts';
import { Evaluator } from '../fuzz/evaluate.ts';
import { Ledger } from '../fuzz/ledger.ts';
import { signatureOf } from '../fuzz/signature.ts';
import { catalogueBase, type Vendor } from '../model/catalogue.ts';
import { EOPNOTSUPP } from '../model/filter.ts';
import { type KernelProfile, NEWEST_PROFILE } from '../model/profile.ts';
import { ACCESS_FORMS, type Scenario } from '../model/scenario.ts';
import { Verdict } from '../model/verdict.ts';

export type ViewName = 'software' | 'calls' | Vendor;

/** Two rule sets as two engines that are to be compared. */
export interface Pair {
  readonly engines: readonly [Engine, Engine];
  readonly config: VmConfig;
}

export const NO_LEDGER = new Ledger([], '', '');
const BASE = catalogueBase();
const HARDWARE: Readonly<Record<Vendor, Engine>> = { vmx, svm };

/** The kernel profile that the rules amount to on one vendor's hardware. */
function profileOf(rules: HistoryRules, vendor: Vendor): KernelProfile {
  const { x2apicExempt, emptyDenyRejected, unknownFilterFlagsRejected, unknownMaskBitsRejected } = rules;
  const { rangeChecks, replacement, intercepts, nestedHonoursFilterForBases } = rules;
  return {
    id: 'history',
    title: '',
    release: vendor === 'vmx' ? rules.candidatesVmx : rules.candidatesSvm,
    ...{ x2apicExempt, emptyDenyRejected, unknownFilterFlagsRejected, unknownMaskBitsRejected },
    ...{ rangeChecks, replacement, intercepts, nestedHonoursFilterForBases },
    tscDeadlineFastpath: { vmx: rules.fastpathVmx, svm: rules.fastpathSvm },
  };
}

/** Says of every filter whether there is a call for it that succeeds, and nothing else. */
function callEngine(name: string, rules: HistoryRules): Engine {
  const createVm = (config: VmConfig): EngineVm => ({
    setFilter: (filter, delivery) => {
      const isAccepted = inexpressible(rules, { kind: 'filter', filter }) === '';
      return isAccepted && new HistoryVm(rules, config).setFilter(filter, delivery) === 0 ? 0 : EOPNOTSUPP;
    },
    enableCap: () => 0,
    setIgnoreMsrs: () => {},
    setApicMode: () => {},
    access: ({ indices }, verdicts) => void verdicts.fill(Verdict.ALLOW, 0, indices.length),
  });
  const events = ['filter', 'cap', 'ignoreMsrs', 'apic', 'access'] as const;
  return { name, capabilities: { events, forms: ACCESS_FORMS, routes: false }, createVm };
}

function hardwareEngine(name: string, rules: HistoryRules, vendor: Vendor): Engine {
  const profile = profileOf(rules, vendor);
  return { ...HARDWARE[vendor], name, createVm: ({ base }) => HARDWARE[vendor].createVm({ profile, base }) };
}

function engineOf(view: ViewName, name: string, rules: HistoryRules): Engine {
  if (view === 'software') return generationEngine({ name, rules });
  return view === 'calls' ? callEngine(name, rules) : hardwareEngine(name, rules, view);
}

export function pairOf(view: ViewName, from: HistoryRules, to: HistoryRules): Pair {
  const hasHardware = view === 'vmx' || view === 'svm';
  return {
    engines: [engineOf(view, 'from', from), engineOf(view, 'to', to)],
    config: { profile: hasHardware ? profileOf(to, view) : NEWEST_PROFILE, base: BASE },
  };
}

/** Compares two rule sets on scenarios. */
export class Comparison {
  readonly pair: Pair;
  private readonly evaluator: Evaluator;

  constructor(view: ViewName, from: HistoryRules, to: HistoryRules) {
    this.pair = pairOf(view, from, to);
    this.evaluator = new Evaluator(this.pair.engines, this.pair.config, NO_LEDGER);
  }

  /** Every way in which they diverge, as far as both take part. */
  divergences(scenario: Scenario): Observation[] {
    if (this.evaluator.run(scenario)) return [];
    const seen = new Map<string, Observation>();
    this.evaluator.observe((observation) => {
      const key = signatureOf(observation, this.pair.engines[observation.subject]!.name);
      if (!seen.has(key)) seen.set(key, observation);
      return false;
    });
    return [...seen.values()];
  }
}

/** Comparisons that are kept. */
const MAX_KEPT = 200;

/** Comparisons of a view by the pair of rule sets: attribution asks for the same few pairs over and over. */
export class Agreement {
  private readonly view: ViewName;
  private readonly comparisons = new Map<string, Comparison>();

  constructor(view: ViewName) {
    this.view = view;
  }

  /** Whether nothing tells the two apart on the scenario. */
  holds(from: HistoryRules, to: HistoryRules, scenario: Scenario): boolean {
    const key = JSON.stringify([from, to]);
    let comparison = this.comparisons.get(key);
    if (!comparison) {
      comparison = new Comparison(this.view, from, to);
      if (this.comparisons.size < MAX_KEPT) this.comparisons.set(key, comparison);
    }
    return comparison.divergences(scenario).length === 0;
  }
}

/** `from` with some of its rules as `to` has them. */
export function equalized(from: HistoryRules, to: HistoryRules, rules: Iterable<RuleName>): HistoryRules {
  let result = from;
  for (const rule of rules) result = withRule(result, rule, to);
  return result;
}
