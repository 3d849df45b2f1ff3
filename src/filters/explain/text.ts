/** An explained access as text: a table of verdicts, then what decided, once for all profiles where it is the same. */
import {
  KVM_MSR_EXIT_REASON_FILTER,
  KVM_MSR_EXIT_REASON_INVAL,
  KVM_MSR_EXIT_REASON_UNKNOWN,
  type MsrFilter,
} from '../../model/filter.ts';
import { hex } from '../../model/json-fields.ts';
import { profileNames } from '../profile-names.ts';
import { rangeText } from '../range-text.ts';
import type { Decision, Explained, HardwarePath, ProfileAnswer } from './explain.ts';
import { DECISION_RULES, FASTPATH_RULE, OUTCOME_RULES } from './rules.ts';

const COLUMNS = ['reference', 'interval', 'vmx', 'svm'] as const;
const REASONS = [
  [KVM_MSR_EXIT_REASON_INVAL, 'INVAL'],
  [KVM_MSR_EXIT_REASON_UNKNOWN, 'UNKNOWN'],
  [KVM_MSR_EXIT_REASON_FILTER, 'FILTER'],
] as const;

/** `0x4 (FILTER)` */
export function maskText(mask: number): string {
  const names = REASONS.filter(([bit]) => (mask & bit) !== 0).map(([, name]) => name);
  return `${hex(mask)} (${names.length === 0 ? 'no exits' : names.join(', ')})`;
}

/** Rows of the verdict table, the first one its head; profiles that answer the same share a row. */
export function verdictRows({ profiles }: Explained): string[][] {
  const groups = grouped(profiles, (answer) => [answer.ioctl, ...COLUMNS.map((name) => cell(answer, name))].join('|'));
  return [
    ['profile', 'ioctl', ...COLUMNS],
    ...groups.map((group) => {
      const answer = group[0]!;
      return [namesOf(group), answer.ioctl, ...COLUMNS.map((name) => cell(answer, name))];
    }),
  ];
}

function cell({ engines }: ProfileAnswer, name: (typeof COLUMNS)[number]): string {
  const { verdict, route, note } = engines[name]!;
  return verdict === '-' ? (note ?? '-') : route === undefined ? verdict : `${verdict}, ${route}`;
}

/** `what  text` pairs, in blocks: one per group of profiles whose words are the same. */
export function reasonBlocks(explained: Explained, filter: MsrFilter): { title: string; rows: string[][] }[] {
  const blocks = explained.profiles.map((answer) => ({ answer, rows: reasons(answer, explained, filter) }));
  const groups = grouped(blocks, ({ rows }) => JSON.stringify(rows));
  return groups.map((group) => ({
    title: groups.length === 1 ? '' : namesOf(group.map(({ answer }) => answer)),
    rows: group[0]!.rows,
  }));
}

function reasons(answer: ProfileAnswer, explained: Explained, filter: MsrFilter): string[][] {
  const { decision, engines, ioctl } = answer;
  const rule = DECISION_RULES[decision.by];
  const outcome = OUTCOME_RULES[engines.reference!.verdict];
  const fastpath = answer.vmx.route === 'fastpath' || answer.svm.route === 'fastpath';
  const rows = [
    ['filter', decisionText(decision, filter, ioctl)],
    ['rule', rule.text],
    ['', rule.source],
    ['without filter', `${explained.base} (${explained.baseSource})`],
  ];
  if (outcome) {
    const handled = engines.reference!.verdict === 'gp' && decision.allows;
    const unless = fastpath ? ', unless the fastpath has completed it' : '';
    rows.push(['outcome', handled ? `${outcome.text} (allowed, but KVM does not handle it)` : outcome.text + unless]);
    rows.push(['', outcome.source]);
  }
  rows.push(['VMX', pathText(answer.vmx, decision)], ['SVM', pathText(answer.svm, decision)]);
  if (fastpath) {
    rows.push(['fastpath', FASTPATH_RULE.text], ['', FASTPATH_RULE.source]);
  }
  const { unfiltered } = explained;
  if (unfiltered.length > 0) rows.push(['never filtered', `${unfiltered.join(', ')}: the same without RDMSR or WRMSR`]);
  return rows;
}

function decisionText(decision: Decision, filter: MsrFilter, ioctl: string): string {
  const says = decision.allows ? 'allows' : 'denies';
  switch (decision.by) {
    case 'range': {
      const text = `range ${decision.range} (${rangeText(filter.ranges[decision.range!]!)}), bit ${decision.bit} is ${decision.allows ? 1 : 0}: ${says}`;
      return ioctl === '0' ? text : `${text}; the ioctl failed half way, the ranges before are in force`;
    }
    case 'default':
      return `no range matches, the default ${says}`;
    case 'exemption':
      return 'x2APIC MSR: the filter is not asked';
    case 'none':
      return ioctl === '0' ? 'no range, no filter' : `the ioctl is refused (${ioctl}): no filter is in force`;
  }
}

const ROUTES: Readonly<Record<string, string>> = {
  passthrough: 'passed through to the processor: no exit, no emulation',
  intercepted: 'intercepted',
  fastpath: 'intercepted, completed by the exit fastpath',
};

function pathText({ candidate, route, routeIfAsked, rule }: HardwarePath, { allows }: Decision): string {
  const text = `${ROUTES[route] ?? route} (${rule})`;
  // Not a candidate, as it follows the APIC mode and not the filter: vmx_update_msr_bitmap_x2apic().
  if (candidate === 'never') return route === 'passthrough' ? text : `${text}; KVM never passes it through`;
  if (candidate === 'always') {
    return route === 'passthrough' || allows
      ? text
      : `${text}; KVM would pass it through, the filter keeps it from that`;
  }
  const then = routeIfAsked === 'passthrough' ? 'it is passed through' : 'it stays intercepted, because of the filter';
  return `${text}; once the vCPU's state asks for it ${then}`;
}

const namesOf = (group: readonly ProfileAnswer[]): string => profileNames(group.map(({ profile }) => profile));

/** Items of equal key together, in order of the first of each. */
function grouped<T>(items: readonly T[], key: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group) group.push(item);
    else groups.set(key(item), [item]);
  }
  return [...groups.values()];
}
