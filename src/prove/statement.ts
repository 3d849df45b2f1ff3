/** Proofs in words: exactly what is shown, and what is not. */
import { findProfile } from '../model/profile.ts';
import { APIC_MODE_NAMES } from '../model/scenario.ts';
import { unitName, unitsOf } from './classes.ts';
import type { ProofPlan } from './plan.ts';
import { ALPHABET } from './states.ts';

/** What a proof by segments takes for granted. */
const SEGMENTS =
  'Between the accesses that were run ("tied"), that an engine counted as "compiled" does what its compiled form says, ' +
  'and that one counted as "assumed" does the same throughout a segment.';

/** One line each. `names` are the engines', in order. */
export function statementOf(plan: ProofPlan, names: readonly string[]): string[] {
  const agree = `${names.slice(1).join(', ')} ${names.length > 2 ? 'agree' : 'agrees'} with ${names[0]}`;
  const title = findProfile(plan.profile)!.title;
  const under = `under the rules of profile ${plan.profile} (${title})`;
  switch (plan.kind) {
    case 'brute-force':
      return [
        `${agree} on the verdict of RDMSR and WRMSR of all 2^32 MSR indices with the filter below, ${under}, ${stateText(plan)}.`,
        'Every one of the 2^33 accesses was run in each engine.',
        `Filter: ${plan.filter}`,
      ];
    case 'partition':
      return [
        `${agree} on the verdict of RDMSR and WRMSR of all 2^32 MSR indices with the filter below, ${under}, ${stateText(plan)}.`,
        'Shown by elementary segments: between two ends of ranges, windows and base-table rows nothing changes but bits of ' +
          'bitmaps, and each of those is compared. The counts say for which engines the first was checked on their compiled ' +
          'form, and for which it is assumed.',
        `Filter: ${plan.filter}`,
      ];
    case 'random':
      return [
        `${agree} on the verdict of RDMSR and WRMSR of all 2^32 MSR indices with each of ${plan.filters} random filters of ` +
          `16 ranges (seed ${plan.seed}), ${under}, ${stateText(plan)}. Shown by elementary segments.`,
      ];
    case 'ranges':
      return [
        `${agree} on the errno of KVM_X86_SET_MSR_FILTER, and on the verdict of RDMSR and WRMSR at the MSRs next to, at and ` +
          `between range ends, with a filter of every class below, ${under}.`,
        'A class is one relative order of the ends of its ranges, and of the fixed boundary, times the flags (R, W, RW) of ' +
          'each range, in slot order. Each is run with as many bitmaps as it takes to give every bit that an access ' +
          'consults, and the default, a code word of its own, so that the verdicts say which of them was consulted.',
        ...unitsOf(plan, findProfile(plan.profile)!).map(({ frame, ranges }) => {
          const mode = frame.apic === 0 ? '' : `, APIC mode ${APIC_MODE_NAMES[frame.apic]}`;
          return `${unitName({ frame, ranges })}: ${frame.title}${mode}.`;
        }),
      ];
    case 'states':
      return [
        `${agree} on every errno and on the verdict of RDMSR and WRMSR of five MSRs after each of ${plan.length} changes of ` +
          `state, for all sequences of changes, ${under}. After each change the intercept bitmaps of vmx and svm, where ` +
          'these take part, were compared bit by bit with what the rules call for.',
        ...ALPHABET.map(([name]) => `Change: ${name}.`),
      ];
  }
}

export function limitsOf(plan: ProofPlan): string[] {
  const profile = "Other kernel profiles, and base outcomes other than the catalogue's.";
  switch (plan.kind) {
    case 'brute-force':
      return ['Other filters, exit masks, APIC modes, and what happened in the VM before.', profile];
    case 'partition':
      return ['Other filters, exit masks, APIC modes, and what happened in the VM before.', SEGMENTS, profile];
    case 'random':
      return ['Other filters than the random ones.', SEGMENTS, profile];
    case 'ranges':
      return [
        'An engine whose answer depends on more than the order of ends and the bits, such as alignment or distance, beyond ' +
          'what the frames vary: each class is run at one place per frame.',
        'Two fixed boundaries near each other, other than the two ends of one window.',
        `Filters with more than ${plan.ranges} ranges that overlap or touch; "slots" shows that ranges elsewhere do not matter ` +
          'for up to 2 of them.',
        'Filters that the ioctl refuses, exit masks other than INVAL, UNKNOWN, FILTER, and state from before the filter.',
        profile,
      ];
    case 'states':
      return [`Longer sequences, changes that are not in the alphabet, other MSRs.`, profile];
  }
}

function stateText({ mask, apic }: { readonly mask: number; readonly apic: number }): string {
  return `exit mask ${mask}, APIC mode ${APIC_MODE_NAMES[apic]}`;
}
