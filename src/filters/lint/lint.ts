/** All that there is to say of a filter to who wrote it. */
import type { MsrFilter } from '../../model/filter.ts';
import { Analysis } from './analysis.ts';
import { checkPast, checkSelftestMask, checkUnread } from './check-bytes.ts';
import { checkEffect, checkOff, checkWidth } from './check-effect.ts';
import { checkBeyond, checkPassthrough } from './check-hardware.ts';
import { checkEmptyDeny, checkFilterFlags, checkRanges } from './check-ioctl.ts';
import { checkEmptySlots, checkMatching, checkX2apic } from './check-matching.ts';
import { checkOpen } from './check-open.ts';
import { checkMask, checkMsrLists, checkTscDeadline, checkUnfiltered } from './check-paths.ts';
import { checkDecisions, checkHalfBuilt, checkRefusals } from './check-profiles.ts';
import { LINT_CODES, type LintCode, SEVERITIES } from './codes.ts';
import type { Finding } from './finding.ts';
import { type Check, type LintOptions, RELEASED_PROFILES } from './subject.ts';

const CHECKS: readonly Check[] = [
  checkFilterFlags,
  checkEmptyDeny,
  checkRanges,
  checkEmptySlots,
  checkMatching,
  checkEffect,
  checkWidth,
  checkPast,
  checkUnread,
  checkSelftestMask,
  checkOff,
  checkX2apic,
  checkMask,
  checkTscDeadline,
  checkUnfiltered,
  checkMsrLists,
  checkOpen,
  checkPassthrough,
  checkBeyond,
  checkRefusals,
  checkDecisions,
  checkHalfBuilt,
];

const CODE_ORDER = Object.keys(LINT_CODES) as LintCode[];

/** Findings, the worst first, then by code and slot. */
export function lint(filter: MsrFilter, options: LintOptions = {}): Finding[] {
  const { profiles = RELEASED_PROFILES, vendors = ['vmx', 'svm'], mask } = options;
  const analysis = new Analysis(filter, profiles.at(-1)!);
  const subject = { filter, profiles, vendors, mask, analysis };
  const rank = ({ code, severity, where }: Finding): number =>
    (SEVERITIES.indexOf(severity) * CODE_ORDER.length + CODE_ORDER.indexOf(code)) * 32 + (where.range ?? -1);
  return CHECKS.flatMap((check) => check(subject)).sort((a, b) => rank(a) - rank(b));
}
