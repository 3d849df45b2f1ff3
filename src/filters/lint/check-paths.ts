/** Denied accesses that do not end as they seem to, or are made in other ways. */
import { msrName, type Vendor } from '../../model/catalogue.ts';
import { KVM_MSR_EXIT_REASON_FILTER, MSR_IA32_TSC_DEADLINE } from '../../model/filter.ts';
import { hex } from '../../model/json-fields.ts';
import { AccessType } from '../../model/verdict.ts';
import { profileNames } from '../profile-names.ts';
import { UNFILTERED_ACCESSES } from '../unfiltered-accesses.ts';
import { type Analysis, DIRECTIONS } from './analysis.ts';
import { finding } from './finding.ts';
import type { Check } from './subject.ts';

export const VENDOR_NAMES: Readonly<Record<Vendor, string>> = { vmx: 'VMX', svm: 'SVM' };

export const checkMask: Check = ({ mask, analysis }) => {
  if (mask === undefined || (mask & KVM_MSR_EXIT_REASON_FILTER) !== 0) return [];
  if (!analysis.complete || !deniesSomething(analysis)) return [];
  const message = `the exit mask ${hex(mask)} lacks KVM_MSR_EXIT_REASON_FILTER: denied accesses are #GP in the guest`;
  const mend = 'enable KVM_CAP_X86_USER_SPACE_MSR with 4 (FILTER) in the mask, if user space is to answer';
  // With no reason at all it may well be meant.
  return [finding('mask-lacks-filter', { where: {}, message, mend, severity: mask === 0 ? 'note' : 'warning' })];
};

function deniesSomething({ decisions }: Analysis): boolean {
  return decisions.some((set) => !set.complement().empty);
}

/** Whether a denial is one that the filter's author wrote down as a bit. */
function byRange(analysis: Analysis, index: number, type: AccessType): boolean {
  return analysis.denied('range', type).has(index);
}

export const checkTscDeadline: Check = ({ analysis, profiles, vendors }) => {
  const [index, type] = [MSR_IA32_TSC_DEADLINE, AccessType.WRITE];
  if (!analysis.complete || analysis.decisions[type].has(index)) return [];
  const passing = vendors
    .map((vendor) => ({
      vendor,
      ids: profiles.filter(({ tscDeadlineFastpath }) => tscDeadlineFastpath[vendor]).map(({ id }) => id),
    }))
    .filter(({ ids }) => ids.length > 0);
  if (passing.length === 0) return [];
  const explicit = byRange(analysis, index, type);
  const places = passing.map(({ vendor, ids }) => `${VENDOR_NAMES[vendor]} on ${profileNames(ids)}`).join(', ');
  const how = explicit ? 'WRMSR TSC_DEADLINE (0x6e0) is denied' : 'the default denies WRMSR TSC_DEADLINE (0x6e0)';
  return [
    finding('tsc-deadline-fastpath', {
      where: { msrs: [index, index], name: msrName(index)!, access: 'w', vendors: passing.map(({ vendor }) => vendor) },
      message: `${how}, but the exit fastpath completes it before the filter is asked: ${places}`,
      mend: 'hide TSC_DEADLINE in CPUID; without an in-kernel APIC the write has no effect',
      severity: explicit ? 'warning' : 'note',
    }),
  ];
};

export const checkUnfiltered: Check = ({ analysis }) => {
  if (!analysis.complete) return [];
  return UNFILTERED_ACCESSES.flatMap(({ index, type, instructions }) => {
    if (analysis.decisions[type].has(index)) return [];
    const explicit = byRange(analysis, index, type);
    const [name, verb] = [msrName(index)!, type === AccessType.READ ? 'RDMSR' : 'WRMSR'];
    const message = `${verb} ${name} (${hex(index)}) is denied; unfiltered ways to the same: ${instructions.join(', ')}`;
    return [
      finding('unfiltered-access', {
        where: { msrs: [index, index], name, access: type === AccessType.READ ? 'r' : 'w' },
        message,
        mend: 'do not rely on the filter for this register; KVM has no exit for these instructions',
        severity: explicit ? 'warning' : 'note',
      }),
    ];
  });
};

/** Releases that the 5.18 to 6.11 behaviour falls into. */
const LISTS_UNFILTERED = { since: 5018, before: 6012 };

/** VM-entry and VM-exit MSR lists of a guest hypervisor: ac8d6cad3c7b (5.18), 653ea4489e69 (6.12). */
export const checkMsrLists: Check = ({ analysis, profiles, vendors }) => {
  const ids = profiles
    .filter(({ release }) => release >= LISTS_UNFILTERED.since && release < LISTS_UNFILTERED.before)
    .map(({ id }) => id);
  const denies = DIRECTIONS.some((type) => !analysis.decisions[type].complement().empty);
  if (!vendors.includes('vmx') || ids.length === 0 || !analysis.complete || !denies) return [];
  return [
    finding('vmx-msr-lists', {
      where: { profiles: ids, vendors: ['vmx'] },
      message: 'from 5.18 to 6.11 a guest that may use VMX reaches denied MSRs by VM-entry and VM-exit MSR lists',
      mend: 'hide VMX in CPUID, or use 6.12, where denied MSRs fail the VM-entry and abort at the VM-exit',
    }),
  ];
};
