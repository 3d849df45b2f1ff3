/** Filters in every form that they come in. */
import type { MsrFilter } from '../../model/filter.ts';
import { decodeFilter } from '../../model/filter-binary.ts';
import { parseFilter } from '../../model/filter-json.ts';
import { InputError } from '../../model/input-error.ts';
import { parseJsonText } from '../../model/json-text.ts';
import { NEWEST_PROFILE } from '../../model/profile.ts';
import { compile } from '../compile/compile-policy.ts';
import { policyDecisions } from '../policy/policy.ts';
import { readC } from './c-reader.ts';
import { readList } from './list.ts';
import { FILTER_IOCTL, readStrace } from './strace-reader.ts';

export const SOURCE_FORMATS = ['json', 'binary', 'c', 'strace', 'list'] as const;
export type SourceFormat = (typeof SOURCE_FORMATS)[number];

export interface SourceOptions {
  /** For C with several filters: which. */
  readonly name?: string | undefined;
}

/**
 * The filter in a file's bytes. A list is compiled: the smallest filter that does what it says.
 *
 * @throws InputError, for text forms with the line
 */
export function readFilterBytes(
  bytes: Uint8Array,
  format: SourceFormat,
  where: string,
  { name }: SourceOptions = {},
): MsrFilter {
  if (format === 'binary') return decodeFilter(bytes, where);
  const text = textOf(bytes, where);
  switch (format) {
    case 'json':
      return parseFilter(parseJsonText(text, where), where);
    case 'c':
      return readC(text, where, name);
    case 'strace':
      return readStrace(text, where);
    case 'list':
      return compiledList(text, where);
  }
}

function compiledList(text: string, where: string): MsrFilter {
  const policy = readList(text, where);
  const compiled = compile(policyDecisions(policy), policy.default === 'allow' ? 0 : 1, NEWEST_PROFILE);
  if (compiled.kind === 'filter') return compiled.filter;
  throw new InputError(`${where}: no filter does this; msrdiff compile with the same rules as a policy says why`);
}

/**
 * The form that bytes are in, by what only it has: the struct has zeros, which text has not; JSON starts with a brace
 * and a key; a trace has the ioctl; C has the struct's name or its fields; a list starts with its default.
 */
export function formatOf(bytes: Uint8Array, where: string): SourceFormat {
  if (bytes.includes(0)) return 'binary';
  const text = textOf(bytes, where);
  if (/^\s*(?:\{\s*["}]|[["])/.test(text)) return 'json';
  if (text.split('\n').some((line) => FILTER_IOCTL.test(line) && /\)\s*=/.test(line))) return 'strace';
  if (/\bkvm_msr_filter\b|^\s*\{\s*\./.test(text)) return 'c';
  // What is left is a list, or JSON with a mistake at its start.
  return /^\s*\{/.test(text) || text.trim() === '' ? 'json' : 'list';
}

/** @throws InputError if the bytes are not UTF-8 */
export function textOf(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new InputError(`${where} is neither text (UTF-8) nor a struct kvm_msr_filter: check the file`);
  }
}
