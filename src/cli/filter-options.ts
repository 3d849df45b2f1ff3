/** Options of the commands that work on filters, and the MSRs that users name. */
import { InvalidArgumentError, Option } from 'commander';
import { msrIndices, msrName, oneMsr } from '../model/catalogue.ts';
import {
  KVM_MSR_EXIT_REASON_FILTER,
  KVM_MSR_EXIT_REASON_INVAL,
  KVM_MSR_EXIT_REASON_UNKNOWN,
  KVM_MSR_EXIT_REASON_VALID_MASK,
} from '../model/filter.ts';
import { InputError } from '../model/input-error.ts';
import { KERNEL_PROFILES, type KernelProfile } from '../model/profile.ts';
import { APIC_MODE_NAMES } from '../model/scenario.ts';
import { profileValue } from './options.ts';

const REASONS: ReadonlyMap<string, number> = new Map([
  ['inval', KVM_MSR_EXIT_REASON_INVAL],
  ['unknown', KVM_MSR_EXIT_REASON_UNKNOWN],
  ['filter', KVM_MSR_EXIT_REASON_FILTER],
]);

/** `0x4`, `7` or `filter,unknown`. */
export function maskValue(text: string): number {
  const words = text.toLowerCase().split(',');
  const mask = /^(0x[0-9a-f]+|\d+)$/i.test(text)
    ? Number(text)
    : words.reduce((sum, word) => sum | (REASONS.get(word.trim()) ?? 8), 0);
  if (mask <= KVM_MSR_EXIT_REASON_VALID_MASK) return mask;
  throw new InvalidArgumentError('Give a mask from 0 to 7, or of inval, unknown and filter, separated by commas.');
}

export const maskOption = (what: string): Option => new Option('--mask <mask>', what).argParser(maskValue);

/** `all`, or profiles, each given once more. */
export const profilesOption = (what: string): Option =>
  new Option('--profile <name>', what).argParser((text: string, before: readonly KernelProfile[] | undefined) => {
    const chosen = text === 'all' ? KERNEL_PROFILES : [...(before ?? []), profileValue(text)];
    return KERNEL_PROFILES.filter((profile) => chosen.includes(profile));
  });

export const apicOption = (): Option =>
  new Option('--apic <mode>', 'APIC mode of the vCPU').choices(APIC_MODE_NAMES).default('x2apic');

/** Names that are shown where one is not known. */
const SUGGESTIONS = 4;

/** The MSR that an argument names, in the kernel's spelling too (MSR_EFER). Throws InputError with names that are near. */
export function msrArgument(text: string): number {
  const bare = text.trim().replace(/^MSR_/i, '');
  const index = oneMsr(text) ?? oneMsr(bare) ?? oneMsr(`IA32_${bare}`);
  if (index !== undefined) return index;
  if (/^(0x|\d)/i.test(bare)) throw new InputError(`MSR "${text}": an index is a number from 0 to 0xffffffff`);
  const near = msrIndices(bare.replace(/^IA32_/i, ''))
    .slice(0, SUGGESTIONS)
    .map(msrName);
  const mend = near.length > 0 ? `the catalogue has ${near.join(', ')}` : 'give its index, such as 0x174';
  throw new InputError(`MSR "${text}" is no name of the catalogue: ${mend}`);
}
