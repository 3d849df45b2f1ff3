/**
 * What reaches the contents of an MSR without RDMSR or WRMSR, and so without the filter. KVM filters the two
 * instructions alone from 5.18 on (ac8d6cad3c7b; api.rst, "KVM_X86_SET_MSR_FILTER"); before, the emulator's own use of
 * an MSR was filtered, but the same instructions executed by the processor never were.
 */
import { AccessType } from '../model/verdict.ts';

/** Instructions that do what one direction of one MSR does. */
export interface UnfilteredAccess {
  readonly index: number;
  readonly type: AccessType;
  readonly instructions: readonly string[];
  readonly source: string;
}

const SDM_2 = 'SDM vol. 2';
const FSGSBASE = `${SDM_2}, RDFSBASE/RDGSBASE, WRFSBASE/WRGSBASE, SWAPGS`;

export const UNFILTERED_ACCESSES: readonly UnfilteredAccess[] = [
  { index: 0x10, type: AccessType.READ, instructions: ['RDTSC', 'RDTSCP'], source: `${SDM_2}, RDTSC, RDTSCP` },
  { index: 0xc0000103, type: AccessType.READ, instructions: ['RDPID', 'RDTSCP'], source: `${SDM_2}, RDPID, RDTSCP` },
  { index: 0xc0000100, type: AccessType.READ, instructions: ['RDFSBASE'], source: FSGSBASE },
  { index: 0xc0000100, type: AccessType.WRITE, instructions: ['WRFSBASE', 'MOV to FS'], source: FSGSBASE },
  { index: 0xc0000101, type: AccessType.READ, instructions: ['RDGSBASE', 'SWAPGS'], source: FSGSBASE },
  { index: 0xc0000101, type: AccessType.WRITE, instructions: ['WRGSBASE', 'SWAPGS', 'MOV to GS'], source: FSGSBASE },
  { index: 0xc0000102, type: AccessType.READ, instructions: ['SWAPGS and RDGSBASE'], source: FSGSBASE },
  { index: 0xc0000102, type: AccessType.WRITE, instructions: ['WRGSBASE and SWAPGS'], source: FSGSBASE },
];

/** Instructions that do the same unfiltered; none for most MSRs. */
export function unfilteredInstructions(index: number, type: AccessType): readonly string[] {
  return UNFILTERED_ACCESSES.find((entry) => entry.index === index && entry.type === type)?.instructions ?? [];
}
