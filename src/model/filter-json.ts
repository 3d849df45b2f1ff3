/** Filters as JSON that people read and write. */
import {
  KVM_MSR_FILTER_DEFAULT_ALLOW,
  KVM_MSR_FILTER_DEFAULT_DENY,
  KVM_MSR_FILTER_MAX_NMSRS,
  KVM_MSR_FILTER_MAX_RANGES,
  KVM_MSR_FILTER_READ,
  KVM_MSR_FILTER_WRITE,
  type MsrFilter,
  type MsrFilterRange,
} from './filter.ts';
import { bytesToHex, hexToBytes } from './hex-bytes.ts';
import {
  at,
  hex,
  type JsonPlace,
  readArray,
  readObject,
  readU32,
  reject,
  show,
  toU32,
  U32_FORM,
} from './json-fields.ts';
import { compactJson } from './json-text.ts';

/** MSR indices ("0x174") and ranges of them ("0x10-0x1f"), not bit numbers. */
export type IndexListJson = readonly (string | number)[];

/**
 * `null`: a pointer to unmapped memory. A string: the bytes in memory order as hex digits. A list: the
 * `ceil(nmsrs / 64) * 8` bytes that the kernel reads, in which the MSRs listed have bit 1 (`allow`) or 0
 * (`deny`), the other MSRs of the range the opposite, and bits from nmsrs on are 0.
 */
export type BitmapJson = null | string | { readonly allow: IndexListJson } | { readonly deny: IndexListJson };

export interface RangeJson {
  /** "r", "w", "rw", or the u32. */
  readonly flags: string | number;
  readonly base: string | number;
  readonly nmsrs: string | number;
  readonly bitmap: BitmapJson;
}

/** The JSON form of {@link MsrFilter}. u32 fields are numbers or "0x" hex strings. */
export interface FilterJson {
  /** "allow", "deny", or the u32. */
  readonly flags: string | number;
  /** At most 16, in slot order. */
  readonly ranges: readonly RangeJson[];
}

/** Most bytes of a bitmap. A kernel reads 1,536; more are there to show that it does not look at them. */
export const BITMAP_MAX_BYTES = 1 << 16;

const FILTER_FLAG_WORDS = new Map([
  ['allow', KVM_MSR_FILTER_DEFAULT_ALLOW],
  ['deny', KVM_MSR_FILTER_DEFAULT_DENY],
]);
const RANGE_FLAG_WORDS = new Map([
  ['r', KVM_MSR_FILTER_READ],
  ['w', KVM_MSR_FILTER_WRITE],
  ['rw', KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE],
]);

/**
 * Reads a filter. Any u32 is accepted in any field: the ioctl decides what is valid.
 *
 * @param where the file that the JSON comes from, for messages
 * @throws InputError that names the field
 */
export function parseFilter(json: unknown, where: string): MsrFilter {
  return readFilter(json, { where, path: '' });
}

/** {@link parseFilter} for a filter that is a field of another document. */
export function readFilter(json: unknown, place: JsonPlace): MsrFilter {
  const object = readObject(json, place, ['flags', 'ranges']);
  const rangesPlace = at(place, 'ranges');
  return {
    flags: readFlags(object.flags, at(place, 'flags'), FILTER_FLAG_WORDS),
    ranges: readArray(object.ranges, rangesPlace, KVM_MSR_FILTER_MAX_RANGES).map((range, slot) =>
      readRange(range, at(rangesPlace, slot)),
    ),
  };
}

function readRange(json: unknown, place: JsonPlace): MsrFilterRange {
  const object = readObject(json, place, ['flags', 'base', 'nmsrs', 'bitmap']);
  const flags = readFlags(object.flags, at(place, 'flags'), RANGE_FLAG_WORDS);
  const base = readU32(object.base, at(place, 'base'));
  const nmsrs = readU32(object.nmsrs, at(place, 'nmsrs'));
  return { flags, nmsrs, base, bitmap: readBitmap(object.bitmap, at(place, 'bitmap'), base, nmsrs) };
}

function readFlags(value: unknown, place: JsonPlace, words: ReadonlyMap<string, number>): number {
  const flags = words.get(value as string) ?? toU32(value);
  if (flags !== undefined) return flags;
  return reject(place, `expected one of ${[...words.keys()].join(', ')}, or ${U32_FORM}; found ${show(value)}`);
}

function readBitmap(value: unknown, place: JsonPlace, base: number, nmsrs: number): Uint8Array | null {
  if (value === null) return null;
  if (typeof value === 'string') return readHexBytes(value, place);
  if (typeof value !== 'object') {
    reject(place, `expected null, hex bytes, {"allow": [...]} or {"deny": [...]}; found ${show(value)}`);
  }
  const object = readObject(value, place, [], ['allow', 'deny']);
  const [word, ...more] = Object.keys(object);
  if (word === undefined || more.length > 0) reject(place, 'give exactly one of allow and deny');
  if (nmsrs > KVM_MSR_FILTER_MAX_NMSRS) {
    reject(
      place,
      `a list stands for at most ${KVM_MSR_FILTER_MAX_NMSRS} MSRs, nmsrs is ${nmsrs}; give hex bytes or null`,
    );
  }
  return readIndexList(object[word], at(place, word), base, nmsrs, word === 'allow' ? 1 : 0);
}

function readHexBytes(value: string, place: JsonPlace): Uint8Array {
  const digits = /^0x/i.test(value) ? value.slice(2) : value;
  if (!/^[0-9a-f]*$/i.test(digits)) reject(place, `expected hex digits, found ${show(value)}`);
  if (digits.length > BITMAP_MAX_BYTES * 2) {
    reject(place, `${digits.length >>> 1} bytes, and at most ${BITMAP_MAX_BYTES} are read: no kernel looks at them`);
  }
  if (digits.length % 2 !== 0) reject(place, `${digits.length} hex digits; a byte has two`);
  return hexToBytes(digits);
}

const INDEX_RANGE = /^(0x[0-9a-f]+)-(0x[0-9a-f]+)$/i;

function readIndexList(value: unknown, place: JsonPlace, base: number, nmsrs: number, listed: 0 | 1): Uint8Array {
  // Where ranges that are listed begin and end, so that the time does not grow with how often an MSR is listed.
  const steps = new Int32Array(nmsrs + 1);
  for (const [position, entry] of readArray(value, place).entries()) {
    const ends = typeof entry === 'string' ? INDEX_RANGE.exec(entry) : null;
    const first = toU32(ends ? ends[1] : entry);
    const last = toU32(ends ? ends[2] : entry);
    const entryPlace = at(place, position);
    if (first === undefined || last === undefined) {
      reject(entryPlace, `expected an MSR index ("0x10") or a range of them ("0x10-0x1f"), found ${show(entry)}`);
    }
    if (first > last) reject(entryPlace, `${show(entry)} ends before it starts`);
    if (first < base || last >= base + nmsrs) {
      const covered = nmsrs === 0 ? 'no MSR, nmsrs is 0' : `${hex(base)} to ${hex(base + nmsrs - 1)}`;
      reject(entryPlace, `${show(entry)} is outside the range, which covers ${covered}`);
    }
    steps[first - base]!++;
    steps[last - base + 1]!--;
  }
  const bitmap = new Uint8Array(bitmapBytes(nmsrs));
  for (let bit = 0, open = 0; bit < nmsrs; bit++) {
    open += steps[bit]!;
    if (open > 0 === (listed === 1)) bitmap[bit >>> 3]! |= 1 << (bit & 7);
  }
  return bitmap;
}

/** Bytes that the kernel reads for that many MSRs: BITS_TO_LONGS on a 64-bit kernel. */
function bitmapBytes(nmsrs: number): number {
  return Math.ceil(nmsrs / 64) * 8;
}

/** The JSON form of a filter: words for known flags, and lists for bitmaps that have a short one. */
export function filterToJson(filter: MsrFilter): FilterJson {
  return {
    flags: flagsToJson(filter.flags, FILTER_FLAG_WORDS),
    ranges: filter.ranges.map((range) => ({
      flags: flagsToJson(range.flags, RANGE_FLAG_WORDS),
      base: hex(range.base),
      nmsrs: range.nmsrs,
      bitmap: bitmapToJson(range),
    })),
  };
}

/**
 * The filter as JSON text, one range per line, ending in a newline. Equal filters give equal text, and
 * `parseFilter` gives back the same filter, byte for byte.
 */
export function formatFilter(filter: MsrFilter): string {
  const { flags, ranges } = filterToJson(filter);
  const lines = ranges.map((range) => `\n    ${compactJson(range)}`).join(',');
  return `{\n  "flags": ${JSON.stringify(flags)},\n  "ranges": [${lines}${lines === '' ? '' : '\n  '}]\n}\n`;
}

function flagsToJson(flags: number, words: ReadonlyMap<string, number>): string {
  for (const [word, value] of words) if (value === flags) return word;
  return hex(flags);
}

const LIST_MAX_ENTRIES = 16;

function bitmapToJson(range: MsrFilterRange): BitmapJson {
  const { bitmap } = range;
  if (bitmap === null) return null;
  const allow = indexList(range, bitmap, 1);
  const deny = indexList(range, bitmap, 0);
  if (allow && (!deny || allow.length <= deny.length)) return { allow };
  if (deny) return { deny };
  return bytesToHex(bitmap);
}

/** Index ranges of the MSRs whose bit is `listed`; undefined if a list would be too long or lose bytes. */
function indexList({ base, nmsrs }: MsrFilterRange, bitmap: Uint8Array, listed: 0 | 1): string[] | undefined {
  if (nmsrs > KVM_MSR_FILTER_MAX_NMSRS || bitmap.length !== bitmapBytes(nmsrs)) return undefined;
  const bitAt = (bit: number) => (bitmap[bit >>> 3]! >>> (bit & 7)) & 1;
  for (let bit = nmsrs; bit < bitmap.length * 8; bit++) if (bitAt(bit) !== 0) return undefined;
  const entries: string[] = [];
  for (let bit = 0; bit < nmsrs; bit++) {
    if (bitAt(bit) !== listed) continue;
    const first = base + bit;
    while (bit + 1 < nmsrs && bitAt(bit + 1) === listed) bit++;
    const last = base + bit;
    // A range can run past the last MSR there is; what lies beyond has no index to list.
    if (last > 0xffff_ffff || entries.length === LIST_MAX_ENTRIES) return undefined;
    entries.push(first === last ? hex(first) : `${hex(first)}-${hex(last)}`);
  }
  return entries;
}
