/** Options of the library, checked: what is wrong with them is said in one line. */
import { z } from 'zod';
import { InputError } from '../model/input-error.ts';
import { findProfile, KERNEL_PROFILES } from '../model/profile.ts';
import { schemaProblem } from '../model/schema-problem.ts';

/** Node's longest timer, in seconds. */
const MAX_SECONDS = Math.floor((2 ** 31 - 1) / 1000);

const seconds = z
  .number('give a number of seconds')
  .positive('give a number of seconds greater than 0')
  .max(MAX_SECONDS);
export const count = z.int('give a whole number from 1 on').positive('give a whole number from 1 on');
export const flag = z.boolean('give true or false');
const signal = z.custom<AbortSignal>((value) => value instanceof AbortSignal, 'give an AbortSignal');
const callback = z.custom<(progress: never) => void>((value) => typeof value === 'function', 'give a function');
export const seed = z
  .union([z.number(), z.bigint(), z.string()], 'give a number, a bigint or a text')
  .refine(isU64, 'give a whole number from 0 to 2^64 - 1, as bigint or text if it is above 2^53')
  .transform((value) => BigInt(value));
/** The id of a kernel profile, or `newest`; its id comes out. */
const profile = z
  .string('give the id of a kernel profile')
  .refine((id) => findProfile(id) !== undefined, {
    error: `no such kernel profile; known are ${KERNEL_PROFILES.map(({ id }) => id).join(', ')} and newest`,
  })
  .transform((id) => findProfile(id)!.id)
  .default(findProfile('newest')!.id);

/** What everything has that runs engines. */
const running = {
  profile,
  timeout: seconds.default(10),
};

/** What can be ended early, and watched. */
export const lasting = {
  ...running,
  seconds: seconds.optional(),
  signal: signal.optional(),
  workers: count.default(1),
  onProgress: callback.optional(),
};

/** About one scenario. */
export const QUESTION = z.strictObject({ ...running, ledger: flag.default(true) });

function isU64(value: number | bigint | string): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0;
  if (typeof value === 'string' && !/^(0x[0-9a-fA-F]+|\d+)$/.test(value)) return false;
  return BigInt(value) >= 0n && BigInt(value) < 1n << 64n;
}

/** `whose`: the function or matcher, for messages. Throws InputError. */
export function checked<T extends z.ZodType>(schema: T, value: unknown, whose: string): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new InputError(`${whose}: ${schemaProblem(parsed.error, 'options')} (see docs/library.md)`);
}
