/**
 * The boundary cases of MSR filtering, numbered 1-78: what a generator must be able to reach. Derived from
 * kvm_vm_ioctl_set_msr_filter(), kvm_msr_allowed() and kvm_msr_user_space() in arch/x86/kvm/x86.c, the layout of the
 * two intercept bitmaps (SDM 26.6.9, APM 15.11), and the commits that mended them. For the rules of newest kernels.
 */
import { BITMAP_CASES } from './boundary-bitmaps.ts';
import { DECISION_CASES } from './boundary-decision.ts';
import { INDEX_CASES } from './boundary-indices.ts';
import { IOCTL_CASES } from './boundary-ioctl.ts';
import { PATH_CASES } from './boundary-path.ts';
import type { BoundaryCase } from './boundary-view.ts';

/** Ascending by id. */
export const BOUNDARY_CASES: readonly BoundaryCase[] = [
  ...IOCTL_CASES,
  ...INDEX_CASES,
  ...DECISION_CASES,
  ...PATH_CASES,
  ...BITMAP_CASES,
];
