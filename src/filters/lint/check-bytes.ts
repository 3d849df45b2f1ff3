/** Bytes and bits of bitmaps that decide nothing. */
import { catalogueBase, msrName } from '../../model/catalogue.ts';
import { KVM_MSR_FILTER_MAX_NMSRS } from '../../model/filter.ts';
import { hex } from '../../model/json-fields.ts';
import { bitsPast, bytesRead } from './bytes.ts';
import { finding } from './finding.ts';
import type { Check } from './subject.ts';

export const checkPast: Check = ({ filter }) =>
  filter.ranges.flatMap(({ nmsrs, bitmap }, slot) => {
    if (bitmap === null || nmsrs === 0 || nmsrs > KVM_MSR_FILTER_MAX_NMSRS) return [];
    const bits = bitsPast(nmsrs, bitmap);
    if (bits.length === 0) return [];
    const where = { range: slot, bits: [bits[0]!, bits.at(-1)!] as const };
    const message = `nmsrs is ${nmsrs}, but bits up to ${bits.at(-1)} are set: they are copied and never looked at`;
    return [
      finding('bits-past-nmsrs', { where, message, mend: 'clear them, or raise nmsrs if those MSRs are meant too' }),
    ];
  });

export const checkUnread: Check = ({ filter }) =>
  filter.ranges.flatMap(({ nmsrs, bitmap }, slot) => {
    if (bitmap === null || nmsrs === 0 || bitmap.length <= bytesRead(nmsrs)) return [];
    const [size, read] = [bitmap.length, bytesRead(nmsrs)];
    const message = `${size} bytes at the bitmap, of which the kernel reads ${read} for nmsrs ${nmsrs}`;
    const mend = 'nothing is wrong if other data follows; nmsrs counts MSRs, not bytes';
    return [finding('bytes-never-read', { where: { range: slot }, message, mend })];
  });

/** deny_msr() of the selftest takes `msr & (0x600 - 1)` for the number of the bit. */
const SELFTEST_MASK = KVM_MSR_FILTER_MAX_NMSRS / 8 - 1;
/** More denied bits in one window are a pattern of their own. */
const FEW = 3;
const NAMED = 3;

/**
 * Bits that the selftest's mask would clear by mistake. All that a filter shows is a full window that denies an MSR which
 * nobody knows, at the place where the mask would put one that is known.
 */
export const checkSelftestMask: Check = ({ filter }) => {
  const known = catalogueBase().rows();
  return filter.ranges.flatMap(({ base, nmsrs, bitmap }, slot) => {
    if (nmsrs !== KVM_MSR_FILTER_MAX_NMSRS || bitmap === null || bitmap.length < bytesRead(nmsrs)) return [];
    const denied: number[] = [];
    for (let bit = 0; bit < nmsrs && denied.length <= FEW; bit++) {
      if (((bitmap[bit >>> 3]! >>> (bit & 7)) & 1) === 0) denied.push(bit);
    }
    if (denied.length > FEW) return [];
    return denied.flatMap((bit) => {
      const meant = known
        .map(({ index }) => index)
        .filter((index) => index >= base && index < base + nmsrs && index !== base + bit)
        .filter((index) => (index & SELFTEST_MASK) === bit && msrName(index) !== undefined);
      if (msrName(base + bit) !== undefined || meant.length === 0) return [];
      const names = meant.slice(0, NAMED).map((index) => `${msrName(index)} (${hex(index)})`);
      const where = { range: slot, bits: [bit, bit] as const, msrs: [base + bit, base + bit] as const };
      const message = `${hex(base + bit)} is denied, which the catalogue does not know; & 0x5ff it is ${names.join(' or ')}`;
      const mend = 'a guess: if one of these was meant, the bit is index - base; 0x600 - 1 is no mask of low bits';
      return [finding('suspicious-bit', { where, message, mend })];
    });
  });
};
