/** What is linted, and for whom. */
import type { Vendor } from '../../model/catalogue.ts';
import type { MsrFilter } from '../../model/filter.ts';
import { KERNEL_PROFILES, type KernelProfile } from '../../model/profile.ts';
import type { Analysis } from './analysis.ts';
import type { Finding } from './finding.ts';

export interface LintOptions {
  /** Kernels that the filter is for, oldest first; default: all that were released. */
  readonly profiles?: readonly KernelProfile[];
  readonly vendors?: readonly Vendor[];
  /** The exit mask that goes with the filter; without it, nothing is said of it. */
  readonly mask?: number | undefined;
}

export interface LintSubject {
  readonly filter: MsrFilter;
  readonly profiles: readonly KernelProfile[];
  readonly vendors: readonly Vendor[];
  readonly mask: number | undefined;
  /** Under the newest of the profiles. */
  readonly analysis: Analysis;
}

export type Check = (subject: LintSubject) => Finding[];

const FIRST_RELEASE = 5010;
/** The commit that introduced filtering was in no release by itself. */
export const RELEASED_PROFILES: readonly KernelProfile[] = KERNEL_PROFILES.filter(
  ({ release }) => release >= FIRST_RELEASE,
);
