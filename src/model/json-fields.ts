/** Readers of fields in parsed JSON. Each checks one value and names the field in its InputError. */
import { InputError } from './input-error.ts';

/** A field: where the document comes from, and the path in it ("" for the document itself). */
export interface JsonPlace {
  readonly where: string;
  readonly path: string;
}

/** The place of a member or an element. */
export function at(place: JsonPlace, step: string | number): JsonPlace {
  if (typeof step === 'number') return { where: place.where, path: `${place.path}[${step}]` };
  return { where: place.where, path: place.path === '' ? step : `${place.path}.${step}` };
}

/** @throws InputError always */
export function reject(place: JsonPlace, problem: string): never {
  throw new InputError(`${place.where}: ${place.path === '' ? '' : `${place.path}: `}${problem}`);
}

const SHOWN_CHARACTERS = 40;

/** A value as messages quote it. */
export function show(value: unknown): string {
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}...` : text;
}

/** An object that has every required key, and no key that is neither required nor optional. */
export function readObject(
  value: unknown,
  place: JsonPlace,
  required: readonly string[],
  optional: readonly string[] = [],
): Record<string, unknown> {
  const object = readAnyObject(value, place);
  for (const key of Object.keys(object)) {
    if (!required.includes(key) && !optional.includes(key)) {
      reject(at(place, key), `unknown key; known here: ${[...required, ...optional].join(', ')}`);
    }
  }
  for (const key of required) {
    if (!Object.hasOwn(object, key)) reject(at(place, key), 'missing; every key of the form must be given');
  }
  return object;
}

/** An object with any keys. */
export function readAnyObject(value: unknown, place: JsonPlace): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    reject(place, `expected an object, found ${show(value)}`);
  }
  return value as Record<string, unknown>;
}

/** An array of at most `most` elements. */
export function readArray(value: unknown, place: JsonPlace, most = Number.POSITIVE_INFINITY): readonly unknown[] {
  if (!Array.isArray(value)) reject(place, `expected an array, found ${show(value)}`);
  if (value.length > most) reject(place, `${value.length} entries; at most ${most} are possible`);
  return value;
}

/** A string. */
export function readString(value: unknown, place: JsonPlace): string {
  return typeof value === 'string' ? value : reject(place, `expected a string, found ${show(value)}`);
}

/** `true` or `false`. */
export function readBoolean(value: unknown, place: JsonPlace): boolean {
  return typeof value === 'boolean' ? value : reject(place, `expected true or false, found ${show(value)}`);
}

/** One of the words; returns its position, which is the value of the enumerations of this project. */
export function readWord(value: unknown, place: JsonPlace, words: readonly string[]): number {
  const position = words.indexOf(value as string);
  return position >= 0 ? position : reject(place, `expected one of ${words.join(', ')}; found ${show(value)}`);
}

/** A JSON number that is an integer from `least` to `most`. */
export function readInteger(value: unknown, place: JsonPlace, least: number, most: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value + 0;
  return reject(place, `expected an integer from ${least} to ${most}, found ${show(value)}`);
}

const U32_MAX = 0xffff_ffff;
const U32_HEX = /^0x0*[0-9a-f]{1,8}$/i;
const U64_HEX = /^0x0*[0-9a-f]{1,16}$/i;

/** A u32 given as a number or a "0x" hex string; undefined if the value is neither. */
export function toU32(value: unknown): number | undefined {
  if (typeof value === 'number') {
    // >>> also turns -0 into 0.
    return Number.isInteger(value) && value >= 0 && value <= U32_MAX ? value >>> 0 : undefined;
  }
  return typeof value === 'string' && U32_HEX.test(value) ? Number(value) : undefined;
}

/** A u64 given as a number below 2^53 or a "0x" hex string; undefined if the value is neither. */
export function toU64(value: unknown): bigint | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? BigInt(value) : undefined;
  return typeof value === 'string' && U64_HEX.test(value) ? BigInt(value) : undefined;
}

/** A u32 as in {@link toU32}. */
export function readU32(value: unknown, place: JsonPlace): number {
  return toU32(value) ?? reject(place, `expected ${U32_FORM}, found ${show(value)}`);
}

/** A u64 as in {@link toU64}. */
export function readU64(value: unknown, place: JsonPlace): bigint {
  return toU64(value) ?? reject(place, `expected ${U64_FORM}, found ${show(value)}`);
}

/** How messages describe a u32. */
export const U32_FORM = 'a number from 0 to 4294967295 or a hex string such as "0x174"';
/** How messages describe a u64. */
export const U64_FORM = 'a hex string of at most 16 digits such as "0x1234", or a number below 2^53';

/** The hex string of a u32 or u64, as all writers give indices and values. */
export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
