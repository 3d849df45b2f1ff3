/** A changelog as plain data, and the words of its parts. */

import type { Generation } from '../engines/history/generations.ts';
import { type Announcement, announcementsOf, RULE_TEXTS, ruleText } from '../engines/history/rule-texts.ts';
import type { RuleName } from '../engines/history/rules.ts';
import { resultName } from '../model/result-name.ts';
import type { Scenario } from '../model/scenario.ts';
import { formatScenario } from '../model/scenario-json.ts';
import type { Changelog, Witness } from './changelog.ts';
import { witnessText } from './witness.ts';

export interface WitnessReport {
  /** `software`, `calls` (what only one of them has a call for), `vmx` or `svm`. */
  readonly view: string;
  readonly text: string;
  /** The form that `msrdiff replay` takes. */
  readonly scenario: unknown;
  readonly kind: string;
  readonly before: string;
  readonly after: string;
}

export interface ChangeReport {
  readonly rule: RuleName;
  /** Rules without which it does not show. */
  readonly together: readonly RuleName[];
  /** Rules that nothing around the witness tells from it. */
  readonly ambiguous: readonly RuleName[];
  readonly before: string;
  readonly after: string;
  readonly announced: readonly Announcement[];
  readonly witness: WitnessReport;
  readonly firstCase: number;
  /** Cases of one run that show it. */
  readonly cases: number;
}

export interface ChangelogReport {
  readonly from: string;
  readonly to: string;
  readonly changes: readonly ChangeReport[];
  readonly unexplained: readonly WitnessReport[];
  readonly unseen: readonly { readonly rule: RuleName; readonly why: string }[];
  readonly cases: number;
  readonly totalCases: number;
}

const NOT_SHOWN = 'no case showed it';
const NOT_MODELLED = 'the intercept bitmaps of one of them are not modelled';
/** Rules that only intercept bitmaps and fastpaths show. */
const HARDWARE_RULES: ReadonlySet<RuleName> = new Set<RuleName>([
  'intercepts',
  'fastpathVmx',
  'fastpathSvm',
  'nestedHonoursFilterForBases',
  'candidatesVmx',
  'candidatesSvm',
]);

export function reportOf(log: Changelog, from: Generation, to: Generation): ChangelogReport {
  const isModelled = from.hasHardware && to.hasHardware;
  const whyUnseen = (rule: RuleName): string =>
    HARDWARE_RULES.has(rule) && !isModelled ? NOT_MODELLED : (RULE_TEXTS[rule].invisible ?? NOT_SHOWN);
  return {
    from: log.from,
    to: log.to,
    changes: log.changes.map(({ rule, together, ambiguous, witness, firstCase, cases }) => ({
      rule,
      together,
      ambiguous,
      before: ruleText(rule, from.rules),
      after: ruleText(rule, to.rules),
      announced: announcementsOf(rule, to.rules),
      witness: witnessReport(witness),
      firstCase,
      cases,
    })),
    unexplained: log.unexplained.map(witnessReport),
    unseen: log.unseen.map((rule) => ({ rule, why: whyUnseen(rule) })),
    cases: log.cases,
    totalCases: log.totalCases,
  };
}

function witnessReport(witness: Witness): WitnessReport {
  const { view, scenario, observation } = witness;
  const { kind } = observation;
  const { before, after } = answers(witness);
  return { view, text: witnessText(witness), scenario: plain(scenario), kind, before, after };
}

/** Of a bitmap, the audit by the later rules says what is wrong with the earlier one's. */
function answers({ observation: { kind, expected, got } }: Witness): { before: string; after: string } {
  if (kind.startsWith('bitmap:')) return { before: kind, after: 'ok' };
  return { before: resultName(kind, expected), after: resultName(kind, got) };
}

function plain(scenario: Scenario): unknown {
  return JSON.parse(formatScenario(scenario));
}
