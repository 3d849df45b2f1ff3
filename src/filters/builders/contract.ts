/**
 * The contract of a filter builder: the code of a VMM that makes a filter of what its user configures.
 * docs/builders.md explains it.
 */
import type { MsrFilter } from '../../model/filter.ts';
import type { Policy } from '../policy/policy.ts';

export interface FilterBuilder {
  /** Letters, digits, `-`, `_` and `.`. */
  readonly name: string;
  /**
   * The filter that the VMM would hand to `KVM_X86_SET_MSR_FILTER`, bitmaps with the bytes that it allocates; or a
   * negative errno if it gives up. The policy is not to be changed.
   */
  build(policy: Policy): MsrFilter | number;
}
