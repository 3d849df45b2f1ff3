/** Sensitive MSRs that the filter leaves to KVM. */
import { msrName } from '../../model/catalogue.ts';
import { hex } from '../../model/json-fields.ts';
import { finding } from './finding.ts';
import { SENSITIVE_MSRS } from './sensitive-msrs.ts';
import type { Check } from './subject.ts';

export const checkOpen: Check = ({ analysis, vendors }) => {
  if (!analysis.complete) return [];
  return SENSITIVE_MSRS.flatMap(({ index, access, vendor, reason }) => {
    const open = analysis.decisions[access === 'r' ? 0 : 1].has(index);
    if (!open || (vendor !== 'both' && !vendors.includes(vendor))) return [];
    const name = msrName(index)!;
    return [
      finding('sensitive-open', {
        where: { msrs: [index, index], name, access, ...(vendor === 'both' ? {} : { vendors: [vendor] }) },
        message: `${access === 'r' ? 'RDMSR' : 'WRMSR'} ${name} (${hex(index)}) is allowed: ${reason}`,
        mend: 'deny it if the guest has no need of it',
      }),
    ];
  });
};
