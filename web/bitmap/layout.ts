/**
 * Where the bits of an MSR are in the intercept page of the hardware; 1 intercepts.
 * Sources: Intel SDM vol. 3C, 26.6.9 "MSR-Bitmap Address"; AMD APM vol. 2, 15.11 "MSR Intercepts".
 */
import type { Vendor } from '../../src/model/catalogue.ts';

export interface BitPlace {
  /** Offset in the page, and bit in that byte. */
  readonly byte: number;
  readonly bit: number;
}

export interface MsrBit {
  readonly index: number;
  readonly write: boolean;
}

/** Consecutive bits of the page that belong together. Bytes [first, end). */
export interface Area {
  readonly name: string;
  readonly first: number;
  readonly end: number;
  /** MSR of its first bit. */
  readonly base: number;
}

/** MSRs that one area of either vendor covers. */
const WINDOW_MSRS = 0x2000;
const HIGH = 0xc000_0000;
const AMD = 0xc001_0000;

export const AREAS: Readonly<Record<Vendor, readonly Area[]>> = {
  vmx: [
    { name: 'read, low: 0x0-0x1fff', first: 0x000, end: 0x400, base: 0 },
    { name: 'read, high: 0xc0000000-0xc0001fff', first: 0x400, end: 0x800, base: HIGH },
    { name: 'write, low: 0x0-0x1fff', first: 0x800, end: 0xc00, base: 0 },
    { name: 'write, high: 0xc0000000-0xc0001fff', first: 0xc00, end: 0x1000, base: HIGH },
  ],
  svm: [
    { name: '0x0-0x1fff, two bits each', first: 0x000, end: 0x800, base: 0 },
    { name: '0xc0000000-0xc0001fff, two bits each', first: 0x800, end: 0x1000, base: HIGH },
    { name: '0xc0010000-0xc0011fff, two bits each', first: 0x1000, end: 0x1800, base: AMD },
  ],
};

/** Windows of MSRs that the page covers, [first, end). What is outside is always intercepted. */
export const WINDOWS: Readonly<Record<Vendor, readonly (readonly [first: number, end: number])[]>> = {
  vmx: [
    [0, WINDOW_MSRS],
    [HIGH, HIGH + WINDOW_MSRS],
  ],
  svm: [
    [0, WINDOW_MSRS],
    [HIGH, HIGH + WINDOW_MSRS],
    [AMD, AMD + WINDOW_MSRS],
  ],
};

/** Undefined for an MSR that the page does not cover. */
export function placeOf(vendor: Vendor, { index, write }: MsrBit): BitPlace | undefined {
  const halves = vendor === 'vmx' ? AREAS.vmx.slice(write ? 2 : 0, write ? 4 : 2) : AREAS.svm;
  const area = halves.find(({ base }) => index >= base && index < base + WINDOW_MSRS);
  if (!area) return undefined;
  const offset = index - area.base;
  const bit = vendor === 'vmx' ? offset : offset * 2 + (write ? 1 : 0);
  return { byte: area.first + (bit >>> 3), bit: bit & 7 };
}

/** What a bit stands for; undefined in the part of SVM's map that is reserved. */
export function msrOf(vendor: Vendor, { byte, bit }: BitPlace): MsrBit | undefined {
  const number = AREAS[vendor].findIndex(({ first, end }) => byte >= first && byte < end);
  const area = AREAS[vendor][number];
  if (!area) return undefined;
  const offset = (byte - area.first) * 8 + bit;
  if (vendor === 'vmx') return { index: area.base + offset, write: number >= 2 };
  return { index: area.base + (offset >>> 1), write: (offset & 1) === 1 };
}

/** Whether the page has the access intercepted. A byte that the page does not have counts as one that intercepts. */
export function isIntercepted(page: Uint8Array, { byte, bit }: BitPlace): boolean {
  return (((page[byte] ?? 0xff) >>> bit) & 1) === 1;
}
