/** Which rule an engine breaks: the named variants that behave like it at a divergence and all around it. */
import type { Engine, VmConfig } from '../../engines/contract.ts';
import { countAccesses, NOT_APPLICABLE, Runner, type Trace } from '../../engines/runner.ts';
import type { Scenario } from '../../model/scenario.ts';
import { type AccessType, VERDICT_NAMES } from '../../model/verdict.ts';
import type { AuditRule } from '../audit.ts';
import type { DivergenceKind, Observation } from '../compare.ts';
import type { Ledger } from '../ledger.ts';
import { neighbourhood } from './neighbourhood.ts';
import { RULE_VARIANTS, type RuleVariant } from './rule-variants.ts';

/** A rule that is broken, by name. */
export interface BrokenRule {
  readonly name: string;
  readonly sentence: string;
  /** Where the rule is documented. */
  readonly source: string;
}

const VMX = 'Intel SDM vol. 3C, 26.6.9 "MSR-Bitmap Address"; vmx_recalc_msr_intercepts()';
const SVM = 'AMD APM vol. 2, 15.11 "MSR Intercepts"; svm_recalc_msr_intercepts()';
const NESTED = 'nested_vmx_prepare_msr_bitmap(), nested_svm_merge_msrpm()';

const AUDIT_RULES: Readonly<Record<AuditRule, BrokenRule>> = {
  'denied-passthrough': {
    name: 'denied-passthrough',
    sentence: 'the intercept bitmap lets the guest reach an MSR that the filter denies: no one is asked',
    source: `${VMX}; ${SVM}`,
  },
  'unwanted-passthrough': {
    name: 'unwanted-passthrough',
    sentence: 'the intercept bitmap passes an access through that the filter allows and KVM does not want passed',
    source: `${VMX}; ${SVM}`,
  },
  'needless-intercept': {
    name: 'needless-intercept',
    sentence: 'the intercept bitmap still intercepts an access that KVM wants to pass through and the filter allows',
    source: `${VMX}; ${SVM}`,
  },
  'nested-entry': {
    name: 'nested-entry',
    sentence: 'L2 is not entered as L1 asked: with the merged bitmap, without one, or not at all',
    source: NESTED,
  },
  'nested-denied-passthrough': {
    name: 'nested-denied-passthrough',
    sentence: 'the bitmap of L2 passes through what the bitmap of L0 or the one of L1 intercepts',
    source: NESTED,
  },
  'nested-needless-intercept': {
    name: 'nested-needless-intercept',
    sentence: 'the bitmap of L2 intercepts what the bitmaps of L0 and L1 both pass through',
    source: NESTED,
  },
};

/** Kinds that a rule variant can reproduce: it has no intercept bitmap and never throws. */
const REPRODUCIBLE: ReadonlySet<DivergenceKind> = new Set(['verdict', 'errno', 'completion']);

/**
 * The rules that explain what the engine does: for kinds `verdict`, `errno` and `completion`, the named variants
 * whose results equal the engine's on the scenario and on every scenario of its neighbourhood; for `bitmap:*`, the
 * rule of the audit. Several: they differ from each other nowhere around this divergence. Undefined: none does it.
 *
 * What the ledger expects of the engine is left out of the comparison: it is known, and no rule of the filter.
 */
export function explainRule(
  scenario: Scenario,
  observation: Pick<Observation, 'kind' | 'event' | 'index'>,
  subject: Engine,
  config: VmConfig,
  ledger: Ledger,
  variants: readonly RuleVariant[] = RULE_VARIANTS,
): BrokenRule[] | undefined {
  const { kind } = observation;
  if (kind.startsWith('bitmap:')) return [AUDIT_RULES[kind.slice('bitmap:'.length) as AuditRule]];
  if (!REPRODUCIBLE.has(kind)) return undefined;
  const own = new Runner(subject, config);
  let left = variants.map((variant) => ({ variant, runner: new Runner(variant.engine, config) }));
  for (const near of neighbourhood(scenario, observation)) {
    const accesses = countAccesses(near);
    const trace = own.run(near, accesses);
    const expected = (index: number, type: AccessType, got: number): boolean =>
      ledger.expects(subject.name, 'verdict', index, type, got);
    left = left.filter(({ runner }) => sameTrace(near, trace, runner.run(near, accesses), expected));
    if (left.length === 0) return undefined;
  }
  return left.map(({ variant: { name, sentence, source } }) => ({ name, sentence, source }));
}

/** Whether two engines did the same, as far as the first can be compared; `known` accesses aside. */
function sameTrace(
  { events }: Scenario,
  subject: Trace,
  variant: Trace,
  known: (index: number, type: AccessType, got: number) => boolean,
): boolean {
  let at = 0;
  for (const [number, event] of events.entries()) {
    if (number >= subject.comparableEvents || number >= variant.comparableEvents) return true;
    if (event.kind === 'access') {
      const { indices, types } = event.batch;
      for (let i = 0; i < indices.length; i++, at++) {
        const got = subject.verdicts[at]!;
        if (got !== variant.verdicts[at] && !known(indices[i]!, types[i] as AccessType, got)) return false;
        if (got >= VERDICT_NAMES.length) return false;
      }
    } else {
      const [a, b] = [subject.codes[number]!, variant.codes[number]!];
      if (a !== b && a !== NOT_APPLICABLE && b !== NOT_APPLICABLE) return false;
    }
  }
  return true;
}
