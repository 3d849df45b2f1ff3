/** Flags of ranges and filters. */
import { KVM_MSR_FILTER_READ, KVM_MSR_FILTER_WRITE } from '../../model/filter.ts';
import * as interval from './formulas/interval.ts';
import * as reference from './formulas/reference.ts';
import * as svm from './formulas/svm.ts';
import * as vmx from './formulas/vmx.ts';
import type { Lemma } from './lemma.ts';
import { and, bvand, bvule, distinct, eq, iff, implies, variable } from './term.ts';

const flags = variable('flags', 32);
const type = variable('type', 1);

const rangeType: Lemma = {
  id: 'range-type',
  title: 'the engines agree on which ranges name an access type',
  statement:
    'For flags 1 to 3, flags & flag != 0, flags & (1 << type), the sets by type and (flags >>> type) & 1 agree; the ' +
    'flag is KVM_MSR_FILTER_READ for RDMSR and KVM_MSR_FILTER_WRITE for WRMSR (api.rst, KVM_X86_SET_MSR_FILTER).',
  code:
    'src/engines/reference.ts decidingRange(), interval-map.ts compile(), vmx.ts VmxFilter.add(), ' +
    'svm.ts SvmFilter.install()',
  variables: [flags, type],
  assumptions: [bvule(flags, 3), distinct(flags, 0)],
  goal: and(
    iff(reference.namesType(flags, type), interval.namesType(flags, type)),
    iff(reference.namesType(flags, type), vmx.namesType(flags, type)),
    iff(reference.namesType(flags, type), svm.namesType(flags, type)),
    implies(eq(type, 0), iff(reference.namesType(flags, type), distinct(bvand(flags, KVM_MSR_FILTER_READ), 0))),
    implies(eq(type, 1), iff(reference.namesType(flags, type), distinct(bvand(flags, KVM_MSR_FILTER_WRITE), 0))),
  ),
};

const rangeFlags: Lemma = {
  id: 'range-flags',
  title: 'the engines agree on which flags of a range are valid',
  statement:
    'For all u32 flags: 0 and anything beyond KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE is rejected ' +
    '(kvm_add_msr_filter(), arch/x86/kvm/x86.c).',
  code: 'src/engines/reference.ts checkRange(), interval.ts setFilter(), vmx.ts validate(), svm.ts rangeError()',
  variables: [flags],
  assumptions: [],
  goal: and(
    iff(reference.badFlags(flags), interval.badFlags(flags)),
    iff(reference.badFlags(flags), vmx.badFlags(flags)),
    iff(reference.badFlags(flags), svm.badFlags(flags)),
  ),
};

const filterFlags: Lemma = {
  id: 'filter-flags',
  title: 'the engines read the flags of the filter alike',
  statement:
    'For all u32 flags, the engines agree on whether there are bits other than KVM_MSR_FILTER_DEFAULT_DENY, and on ' +
    'whether the default denies (kvm_vm_ioctl_set_msr_filter()).',
  code: 'src/engines/reference.ts, interval.ts, vmx.ts, svm.ts setFilter()',
  variables: [flags],
  assumptions: [],
  goal: and(
    iff(reference.unknownFilterFlags(flags), interval.unknownFilterFlags(flags)),
    iff(reference.unknownFilterFlags(flags), vmx.unknownFilterFlags(flags)),
    iff(reference.unknownFilterFlags(flags), svm.unknownFilterFlags(flags)),
    iff(reference.denies(flags), interval.denies(flags)),
    iff(reference.denies(flags), vmx.denies(flags)),
    iff(reference.denies(flags), svm.denies(flags)),
  ),
};

export const FLAG_LEMMAS: readonly Lemma[] = [rangeType, rangeFlags, filterFlags];
