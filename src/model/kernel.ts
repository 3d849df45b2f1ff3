/** What is measured on a real kernel before anything is compared with it. */
import type { BaseRow } from './base.ts';
import type { AccessForm } from './scenario.ts';
import type { AccessType } from './verdict.ts';

/** An access whose outcome depends on more than index, direction and APIC mode. */
export interface UnsteadyAccess {
  readonly index: number;
  readonly type: AccessType;
  /** Only of this form; absent: of every. */
  readonly form?: AccessForm;
}

/** Plain data, stored with a campaign: the campaign's results belong to it. */
export interface MeasuredKernel {
  /** What runs, such as "Linux 6.12.115+deb12-cloud-amd64, kvm_amd". */
  readonly description: string;
  /** Id of the profile whose rules the release has. */
  readonly profile: string;
  /** Outcomes with no filter, where they are not the default (unknown; in 0x800-0x8ff invalid). */
  readonly rows: readonly BaseRow[];
  /**
   * Left out of comparisons: measured once more, in the opposite order, in every APIC mode and through the emulator,
   * they came out otherwise.
   */
  readonly unsteady: readonly UnsteadyAccess[];
}

/** The accesses of one form that are unsteady, as index * 2 + type. */
export function unsteadyKeys(unsteady: readonly UnsteadyAccess[], form: AccessForm): Set<number> {
  const here = unsteady.filter((access) => access.form === undefined || access.form === form);
  return new Set(here.map(({ index, type }) => index * 2 + type));
}
