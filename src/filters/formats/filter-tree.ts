/** From an initializer's tree to a filter. */
import { nearestMsrName, oneMsr } from '../../model/catalogue.ts';
import {
  KVM_MSR_FILTER_DEFAULT_ALLOW,
  KVM_MSR_FILTER_DEFAULT_DENY,
  KVM_MSR_FILTER_MAX_BITMAP_SIZE,
  KVM_MSR_FILTER_MAX_NMSRS,
  KVM_MSR_FILTER_MAX_RANGES,
  KVM_MSR_FILTER_READ,
  KVM_MSR_FILTER_WRITE,
  type MsrFilter,
  type MsrFilterRange,
} from '../../model/filter.ts';
import { BITMAP_MAX_BYTES } from '../../model/filter-json.ts';
import { InputError } from '../../model/input-error.ts';
import { evaluate, type NameValue } from './expression.ts';
import type { Item, Value } from './initializer.ts';

/** Names of the uapi header. */
const CONSTANTS: Readonly<Record<string, number>> = {
  KVM_MSR_FILTER_DEFAULT_ALLOW,
  KVM_MSR_FILTER_DEFAULT_DENY,
  KVM_MSR_FILTER_READ,
  KVM_MSR_FILTER_WRITE,
  KVM_MSR_FILTER_MAX_RANGES,
  KVM_MSR_FILTER_MAX_BITMAP_SIZE,
  KVM_MSR_FILTER_RANGE_MAX_BITS: KVM_MSR_FILTER_MAX_NMSRS,
};

/** A constant of the header, or an MSR as the kernel's msr-index.h names it: MSR_IA32_XSS, MSR_FS_BASE. */
export const knownName: NameValue = (name) => {
  if (Object.hasOwn(CONSTANTS, name)) return BigInt(CONSTANTS[name]!);
  const plain = name.replace(/^MSR_/, '');
  const index = [name, plain, `IA32_${plain}`].map((text) => oneMsr(text)).find((found) => found !== undefined);
  return index === undefined ? undefined : BigInt(index);
};

export interface TreeContext {
  readonly where: string;
  readonly names: NameValue;
  /** The bytes that a range's `bitmap` points to; null: NULL. */
  readonly bitmap: (value: Value) => Uint8Array | null;
}

const FIELDS = { filter: ['flags', 'ranges'], range: ['flags', 'nmsrs', 'base', 'bitmap'] } as const;

/** @throws InputError with the line */
export function filterOfTree(tree: Value, context: TreeContext): MsrFilter {
  const fields = fieldsOf(tree, FIELDS.filter, context);
  const ranges: MsrFilterRange[] = [];
  const list = fields.get('ranges');
  if (list) {
    if (list.kind !== 'list') throw new InputError(`${context.where}:${list.line}: ranges is no list`);
    let slot = 0;
    for (const { position, value } of list.items) {
      if (position) slot = Number(evaluate(position, context.names, context.where));
      if (slot >= KVM_MSR_FILTER_MAX_RANGES) {
        throw new InputError(`${context.where}:${value.line}: slot ${slot}; a filter has 16, from 0 to 15`);
      }
      while (ranges.length < slot) ranges.push(EMPTY);
      ranges[slot++] = rangeOf(value, context);
    }
  }
  return { flags: u32(fields.get('flags'), 'flags', context), ranges };
}

/** A slot that an initializer leaves out. */
const EMPTY: MsrFilterRange = { flags: 0, nmsrs: 0, base: 0, bitmap: null };

function rangeOf(value: Value, context: TreeContext): MsrFilterRange {
  // { 0 } is how C writes an empty one.
  const fields = fieldsOf(value, FIELDS.range, context);
  const bitmap = fields.get('bitmap');
  return {
    flags: u32(fields.get('flags'), 'flags', context),
    nmsrs: u32(fields.get('nmsrs'), 'nmsrs', context),
    base: u32(fields.get('base'), 'base', context),
    bitmap: bitmap ? bitmapOf(bitmap, context) : null,
  };
}

function bitmapOf(value: Value, { where, bitmap }: TreeContext): Uint8Array | null {
  const bytes = bitmap(value);
  if (bytes === null || bytes.length <= BITMAP_MAX_BYTES) return bytes;
  throw new InputError(
    `${where}:${value.line}: a bitmap of ${bytes.length} bytes, and at most ${BITMAP_MAX_BYTES} are read: no kernel does`,
  );
}

/** Fields by name; those without one by position, as C counts them. */
function fieldsOf(value: Value, names: readonly string[], { where }: TreeContext): Map<string, Value> {
  if (value.kind !== 'list')
    throw new InputError(`${where}:${value.line}: expected {, for the fields ${names.join(', ')}`);
  const fields = new Map<string, Value>();
  let next = 0;
  for (const item of value.items) {
    const name = item.name ?? names[next];
    const at = name === undefined ? -1 : names.indexOf(name);
    if (at < 0) throw new InputError(`${where}:${item.value.line}: ${unknownField(item, names)}`);
    next = at + 1;
    fields.set(name!, item.value);
  }
  return fields;
}

function unknownField({ name }: Item, names: readonly string[]): string {
  return `${name === undefined ? 'one value too many' : `unknown field ${name}`}; known here: ${names.join(', ')}`;
}

function u32(value: Value | undefined, field: string, { where, names }: TreeContext): number {
  if (!value) return 0;
  if (value.kind === 'list' || value.literal) throw new InputError(`${where}:${value.line}: ${field} is no number`);
  const number = evaluate(value.tokens, withHint(names, where, value.line), where);
  if (number <= 0xffff_ffffn) return Number(number);
  // -1 and ~0 are u32 values there.
  if (number >= 0xffff_ffff_0000_0000n) return Number(number & 0xffff_ffffn);
  throw new InputError(`${where}:${value.line}: ${field} is 0x${number.toString(16)}, which is no u32`);
}

/** Unknown MSRs are told the nearest known name. */
function withHint(names: NameValue, where: string, line: number): NameValue {
  return (name) => {
    const value = names(name);
    if (value !== undefined || !name.startsWith('MSR_')) return value;
    const nearest = nearestMsrName(name.replace(/^MSR_/, ''));
    throw new InputError(
      `${where}:${line}: ${name} is not known: #define it in the file; the nearest MSR is ${nearest}`,
    );
  };
}
