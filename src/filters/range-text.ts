/** Ranges and indices of filters in words. */
import type { MsrFilterRange } from '../model/filter.ts';
import { hex } from '../model/json-fields.ts';

const DIRECTIONS: Readonly<Record<number, string>> = { 1: 'r', 2: 'w', 3: 'rw' };

/** `rw 0x174-0x176`; a range that wraps ends in the sum, which is no index. */
export function rangeText({ flags, base, nmsrs }: MsrFilterRange): string {
  return `${DIRECTIONS[flags] ?? `flags ${hex(flags)}`} ${nmsrs === 0 ? `${hex(base)}, nmsrs 0` : spanText(base, base + nmsrs - 1)}`;
}

/** `0x174` or `0x174-0x176`. */
export function spanText(first: number, last: number): string {
  return first === last ? hex(first) : `${hex(first)}-${hex(last)}`;
}
