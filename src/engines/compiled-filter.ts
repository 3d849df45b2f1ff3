/**
 * A filter as an engine has compiled it, as plain data: what `EngineVm.compiled` returns. Each kind has one lookup,
 * stated here, that takes nothing but the data to decide any of the 2^33 accesses; so two engines can be compared over
 * all of them by comparing data (src/prove/runs.ts), which is complete if the engine does what it says.
 *
 * `type` is an `AccessType`: 0 RDMSR, 1 WRMSR. Arrays are the engine's own: not to be written to, valid until the next
 * call that changes the VM. A bit that is 1 allows.
 */
import type { Vendor } from '../model/catalogue.ts';
import type { AccessType } from '../model/verdict.ts';

/** Indices from the first to the last are allowed whatever the filter says; undefined: there are none. */
export type Exemption = readonly [number, number] | undefined;

/**
 * The first of `count` ranges with start <= index < end and flag 1 << type: bit index - start of its bitmap, which is
 * numbered from the least significant bit of byte 0. No such range: the default.
 */
export interface ScanForm {
  readonly kind: 'scan';
  readonly count: number;
  readonly start: Uint32Array;
  readonly end: Uint32Array;
  readonly flags: Uint32Array;
  readonly bitmaps: readonly Uint8Array[];
  readonly defaultAllow: boolean;
  readonly exempt: Exemption;
}

/**
 * Bit index & 31 of word page * 256 + type * 128 + (index >>> 5 & 127) of `pages`, where page is
 * directory[index >>> 12].
 */
export interface PagesForm {
  readonly kind: 'pages';
  /** 2^20 bytes. */
  readonly directory: Uint8Array;
  readonly pages: Uint32Array;
}

/**
 * Not active: all is allowed. Else a binary search: from low = 0 and n = `segments`, while n > 1, half = n >>> 1;
 * low += half if cuts[low + half] <= index; n -= half. The slot is owner[low * 2 + type]: bit index - bases[slot] of its
 * bitmap, numbered from the least significant bit of byte 0; without a bitmap, the default.
 */
export interface SegmentsForm {
  readonly kind: 'segments';
  readonly active: boolean;
  readonly segments: number;
  readonly cuts: Uint32Array;
  readonly owner: Uint8Array;
  readonly bases: ArrayLike<number>;
  readonly bitmaps: readonly (Uint8Array | undefined)[];
  readonly defaultAllow: boolean;
  readonly exempt: Exemption;
}

/**
 * Not active: all is allowed. Else the lowest slot that is in slotsOfBlock[(index >>> 12 ^ index >>> 20) & 4095] and in
 * slotsOfType[type], both sets of slots by bit, and has 0 <= index - base < nmsrs: bit index - base of the `stride`
 * bytes of `bits` from slot * stride on. No such slot: the default.
 */
export interface SlotsForm {
  readonly kind: 'slots';
  readonly active: boolean;
  readonly slotsOfBlock: Uint16Array;
  readonly slotsOfType: Uint16Array;
  readonly base: Uint32Array;
  readonly nmsrs: Uint32Array;
  readonly bits: Uint8Array;
  readonly stride: number;
  readonly defaultAllow: boolean;
  readonly exempt: Exemption;
}

export type FilterForm = ScanForm | PagesForm | SegmentsForm | SlotsForm;

/** All that decides a native access besides the base table and the APIC mode. */
export interface CompiledFilter {
  readonly filter: FilterForm;
  /** What long batches are answered from, if that is something else. It must decide the same. */
  readonly batches?: PagesForm | undefined;
  /** Verdict of an access that is denied, and of an allowed one that is handled, unknown or invalid. */
  readonly verdicts: readonly [number, number, number, number];
  /** The hardware's bitmap, in its layout: an access whose bit is 0 completes before all else. */
  readonly bitmap?: { readonly vendor: Vendor; readonly bytes: Uint8Array };
  /** Accesses that complete before the filter is asked. */
  readonly fastpath?: readonly { readonly index: number; readonly type: AccessType }[];
}
