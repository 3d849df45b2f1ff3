/** Accesses that a hardware bitmap lets through: those whose bit is 0. */
import type { Vendor } from '../model/catalogue.ts';
import type { AccessType } from '../model/verdict.ts';
import type { Place } from './compare-runs.ts';

/** MSRs of one window. */
const WINDOW = 0x2000;
/** First index of the windows, in the order of the layout. */
const WINDOWS = {
  /** SDM vol. 3C, 26.6.9: read-low, read-high, write-low, write-high, one bit per MSR. */
  vmx: [0, 0xc000_0000],
  /** APM vol. 2, 15.11: two bits per MSR, the even one for RDMSR; the fourth quarter is reserved. */
  svm: [0, 0xc000_0000, 0xc001_0000],
} as const;

/** First indices of the vendors' windows, and what follows their ends. */
export const WINDOW_EDGES: readonly number[] = [...WINDOWS.vmx, ...WINDOWS.svm].flatMap((first) => [
  first,
  first + WINDOW,
]);

/** Every access whose bit is 0. */
export function passedThrough(vendor: Vendor, bytes: Uint8Array): Place[] {
  const found: Place[] = [];
  const windows = WINDOWS[vendor];
  const used = (windows.length * WINDOW * 2) / 8;
  for (let byte = 0; byte < used && byte < bytes.length; byte++) {
    if (bytes[byte] === 0xff) continue;
    for (let bit = byte * 8; bit < byte * 8 + 8; bit++) {
      if (((bytes[byte]! >>> (bit & 7)) & 1) === 0) found.push(vendor === 'vmx' ? vmxPlace(bit) : svmPlace(bit));
    }
  }
  return found;
}

function vmxPlace(bit: number): Place {
  const quarter = Math.floor(bit / WINDOW);
  return { index: WINDOWS.vmx[quarter & 1]! + (bit % WINDOW), type: (quarter >>> 1) as AccessType };
}

function svmPlace(bit: number): Place {
  const msr = bit >>> 1;
  return { index: WINDOWS.svm[Math.floor(msr / WINDOW)]! + (msr % WINDOW), type: (bit & 1) as AccessType };
}
