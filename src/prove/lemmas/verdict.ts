/** What an access ends in, once the filter has decided. */
import * as interval from './formulas/interval.ts';
import * as reference from './formulas/reference.ts';
import * as svm from './formulas/svm.ts';
import * as vmx from './formulas/vmx.ts';
import type { Lemma } from './lemma.ts';
import { and, bvule, bvult, eq, proposition, variable } from './term.ts';

const allowed = proposition('allowed');
const outcome = variable('outcome', 2);
const mask = variable('mask', 32);
const ignoreMsrs = proposition('ignoreMsrs');
const expected = reference.verdict(allowed, outcome, mask, ignoreMsrs);

const verdict: Lemma = {
  id: 'verdict',
  title: "the engines' tables of verdicts agree",
  statement:
    "For every decision of the filter, base outcome, exit mask and ignore_msrs, the engines' verdicts agree: one " +
    'reason by what failed, an exit to user space if the mask has it, else #GP (kvm_msr_user_space(); api.rst, ' +
    'KVM_CAP_X86_USER_SPACE_MSR).',
  code:
    'src/engines/reference.ts judge(), interval.ts tabulate(), vmx.ts updateOutcomes(), emulate(), ' +
    'svm.ts updateEndings(), intercepted()',
  variables: [allowed, outcome, mask, ignoreMsrs],
  assumptions: [bvule(outcome, 2), bvult(mask, 8)],
  goal: and(
    eq(expected, interval.verdict(allowed, outcome, mask, ignoreMsrs)),
    eq(expected, vmx.verdict(allowed, outcome, mask, ignoreMsrs)),
    eq(expected, svm.verdict(allowed, outcome, mask, ignoreMsrs)),
  ),
};

export const VERDICT_LEMMAS: readonly Lemma[] = [verdict];
