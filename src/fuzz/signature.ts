/** A cheap look at an observation: two with the same signature are likely, not surely, the same bug. */
import type { Observation } from './compare.ts';

const REGION_NAMES = ['low', 'high', 'top', 'x2apic'] as const;
export const REGIONS = REGION_NAMES.length;

/** Roughly where an MSR is, as a number below REGIONS. */
export function regionOf(index: number): number {
  if (index >>> 8 === 8) return 3;
  return index >= 0xffff_0000 ? 2 : index >= 0x8000_0000 ? 1 : 0;
}

/** `subject`: the engine's name. */
export function signatureOf(seen: Observation, subject: string): string {
  const { kind, expected, got, index, type, message } = seen;
  return [kind, subject, expected, got, REGION_NAMES[regionOf(index)], type, message.replace(/\d+/g, '#')].join('|');
}
