/** MSR indices and other u32 numbers as people type them. */
import { toU32 } from '../../src/model/json-fields.ts';

/** "0x174", "372"; undefined if it is neither or greater than a u32. */
export function readNumber(text: string): number | undefined {
  const trimmed = text.trim();
  return toU32(/^\d+$/.test(trimmed) ? Number(trimmed) : trimmed.toLowerCase());
}

/** A number, or the name of an MSR. */
export function readIndex(
  text: string,
  indexOf: ((name: string) => number | undefined) | undefined,
): number | undefined {
  return readNumber(text) ?? indexOf?.(text.trim());
}
