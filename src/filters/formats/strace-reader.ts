/**
 * `ioctl(KVM_X86_SET_MSR_FILTER)` in the output of strace. Version 6.1, and src/kvm.c of 2025, do not decode this
 * struct: they print its address, and there is nothing to import. What is read here is the ioctl with the struct written
 * in strace's style, as a patched strace or another tracer prints it.
 */
import type { MsrFilter } from '../../model/filter.ts';
import { InputError } from '../../model/input-error.ts';
import { stringBytes } from './c-reader.ts';
import { evaluate } from './expression.ts';
import { filterOfTree, knownName } from './filter-tree.ts';
import { InitializerReader, type Value } from './initializer.ts';
import { tokensOf } from './tokens.ts';

/** The command, by name and number (x86-64). */
export const FILTER_IOCTL = /ioctl\([^,]*,\s*(?:0x4188aec6\b|KVM_X86_SET_MSR_FILTER\b)[^,]*,\s*(.*)$/;

/**
 * The last filter that the trace sets.
 *
 * @throws InputError with the line
 */
export function readStrace(text: string, where: string): MsrFilter {
  const calls = text.split('\n').flatMap((line, i) => {
    const argument = FILTER_IOCTL.exec(line)?.[1];
    return argument === undefined ? [] : [{ argument, line: i + 1 }];
  });
  const call = calls.at(-1);
  if (!call) throw new InputError(`${where}: no ioctl(KVM_X86_SET_MSR_FILTER)`);
  if (!call.argument.startsWith('{')) {
    throw new InputError(
      `${where}:${call.line}: strace printed the address of the filter, not the filter; import the initializer (C) or ` +
        'the bytes (docs/formats.md) that the program passes',
    );
  }
  const tokens = tokensOf(call.argument, where, call.line);
  const tree = new InitializerReader(tokens, 0, where, true).value();
  const bitmap = (value: Value): Uint8Array | null => bitmapOf(value, where);
  return filterOfTree(tree, { where, names: (name) => (name === 'NULL' ? 0n : knownName(name)), bitmap });
}

/** A string, a list of bytes, or NULL. */
function bitmapOf(value: Value, where: string): Uint8Array | null {
  if (value.kind === 'list') {
    return Uint8Array.from(value.items, ({ value: byte }) => {
      const number = byte.kind === 'list' ? 256n : evaluate(byte.tokens, knownName, where);
      if (number > 255n) throw new InputError(`${where}:${byte.line}: a bitmap is a list of bytes, 0 to 0xff`);
      return Number(number);
    });
  }
  const [first, second] = value.tokens;
  if (first?.kind === 'string') {
    if (second)
      throw new InputError(`${where}:${value.line}: the bitmap is cut short (...): trace with strace -s 1536`);
    return Uint8Array.from(stringBytes(first.text));
  }
  if (first?.text === 'NULL') return null;
  throw new InputError(`${where}:${value.line}: the bitmap is an address, not its bytes: nothing to import`);
}
