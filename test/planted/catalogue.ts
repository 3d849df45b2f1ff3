/** Every planted bug: realistic mistakes that a campaign must find and reduce. */
import { BIT_BUGS } from './bits.ts';
import { DEFLECTION_BUGS } from './deflection.ts';
import { EXEMPTION_BUGS, PROFILE_EXEMPTION_BUGS } from './exemption.ts';
import { IOCTL_BUGS } from './ioctl.ts';
import { LOOKUP_BUGS } from './lookup.ts';
import { NESTED_BUGS } from './nested.ts';
import { PROFILE_IOCTL_BUGS, REPLACEMENT_BUGS } from './replacement.ts';
import { REPLY_BUGS } from './reply.ts';
import { STATE_BUGS } from './state.ts';
import type { PlantedBug } from './support.ts';
import { PROFILE_SVM_BUGS, SVM_BUGS } from './svm.ts';
import { VMX_BUGS } from './vmx.ts';

export const PLANTED_BUGS: readonly PlantedBug[] = [
  ...LOOKUP_BUGS,
  ...EXEMPTION_BUGS,
  ...BIT_BUGS,
  ...IOCTL_BUGS,
  ...REPLACEMENT_BUGS,
  ...DEFLECTION_BUGS,
  ...REPLY_BUGS,
  ...VMX_BUGS,
  ...SVM_BUGS,
  ...NESTED_BUGS,
  ...STATE_BUGS,
  ...PROFILE_EXEMPTION_BUGS,
  ...PROFILE_IOCTL_BUGS,
  ...PROFILE_SVM_BUGS,
];
