/** Divergences as the library hands them out. */
import type { FoundDivergence } from '../fuzz/findings.ts';
import { parseJsonText } from '../model/json-text.ts';
import { resultName } from '../model/result-name.ts';
import type { ScenarioJson } from '../model/scenario-json.ts';

/** A way in which engines do not agree, or one breaks a rule by itself, with the smallest scenario that shows it. */
export interface Divergence {
  /** Hash of kind, engine, profile and scenario, hexadecimal: the same for every run that finds it. */
  readonly id: string;
  /**
   * `verdict`, `errno`, `completion` or `nested`: engines answer differently. `bitmap:RULE`: an intercept bitmap
   * breaks a rule. `metamorphic:RELATION`: an equivalent filter decides differently. `engine-error`: the engine threw,
   * or gave no answer. `engine-timeout`: it did not return.
   */
  readonly kind: string;
  /** Name of the engine that stands against the others. */
  readonly engine: string;
  /** Id of the kernel profile whose rules applied. */
  readonly profile: string;
  /** What happens in the VM, reduced; the JSON form of docs/formats.md. */
  readonly scenario: ScenarioJson;
  /** What each engine answers, by name: `allow`, `gp`, `filter`, `-EINVAL` ...; `-` where it takes no part. */
  readonly results: Readonly<Record<string, string>>;
  /** Index of the MSR, u32; null where it is about no single one. */
  readonly msr: number | null;
  /** Whether the access is a WRMSR; null where it is about no single access. */
  readonly write: boolean | null;
  /** Names of the rules that the engine breaks; several where nothing tells them apart, none where none explains it. */
  readonly rules: readonly string[];
  /** What an engine threw, or that it did not return; empty for other kinds. */
  readonly message: string;
  /** Part of its re-runs in which it showed, 0 to 1. */
  readonly reliability: number;
}

/** What `FoundDivergence` has and a probe's finding has too. */
type Found = Pick<
  FoundDivergence,
  'id' | 'kind' | 'subject' | 'profile' | 'scenario' | 'vector' | 'msr' | 'write' | 'rules' | 'message' | 'reliability'
>;

export function divergenceOf(found: Omit<Found, 'kind'> & { readonly kind: string }): Divergence {
  const { id, kind, subject, profile, scenario, vector, msr, write, rules, message, reliability } = found;
  const results = Object.fromEntries(
    Object.entries(vector).map(([engine, value]) => [engine, resultName(kind, value)]),
  );
  return {
    ...{ id, kind, engine: subject, profile, scenario: parseJsonText(scenario, 'scenario') as ScenarioJson, results },
    ...{ msr, write, rules, message, reliability },
  };
}
