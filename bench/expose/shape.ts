/**
 * The shape that the rival samplers draw: a prologue, a filter, accesses, and a few steps of one event and more
 * accesses. The generator's own cases have it too; what differs is how the values are drawn.
 */
import { allCandidates } from '../../src/fuzz/case.ts';
import type { KernelProfile } from '../../src/model/profile.ts';
import type { AccessForm, FilterDelivery } from '../../src/model/scenario.ts';

export const MAX_PROLOGUE = 3;
export const MAX_STEPS = 3;
/** Entries of a list of pass-through changes. */
export const MAX_CHANGES = 8;
/** Bytes that a bitmap is cut by, where it is too short. */
export const MAX_CUT = 8;
/** Of so many filters, exit masks and so on one is drawn from its whole type, invalid values included. */
export const ONE_IN = 8;

export const EVENT_KINDS = ['filter', 'cap', 'apic', 'candidates', 'reply', 'nested', 'ignoreMsrs'] as const;
export const OTHER_FORMS: readonly AccessForm[] = ['immediate', 'emulator', 'implicit', 'host'];
export const OTHER_DELIVERIES: readonly FilterDelivery[] = ['compat', 'short', 'padding', 'readonly', 'overwritten'];
/** How one thing in a filter is changed to something that is rare, or that the ioctl rejects. */
export const DAMAGES = ['filterFlags', 'noRange', 'rangeFlags', 'nmsrs', 'hole', 'short', 'unmapped'] as const;

/** The MSRs that a pass-through change can be about: without a list of them such events would do nothing. */
export function candidateIndices(profile: KernelProfile): number[] {
  return [...new Set(allCandidates(profile).map(({ index }) => index))];
}

/**
 * Whether a rival knows its input: which exit masks are valid, which MSRs pass-through is about, that one invalid thing
 * in a filter tells more than many, and that plain deliveries and plain RDMSR / WRMSR are worth half of the draws.
 */
export interface Knowledge {
  readonly informed: boolean;
}

/** What the kernel reads of a bitmap. */
export const bitmapBytes = (nmsrs: number): number => Math.ceil(nmsrs / 64) * 8;
