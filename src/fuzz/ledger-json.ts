/** Ledgers of users, as JSON: a list of entries in the form of `LedgerEntry`. */
import { z } from 'zod';
import { InputError } from '../model/input-error.ts';
import { parseJsonText } from '../model/json-text.ts';
import { KERNEL_PROFILES } from '../model/profile.ts';
import { VERDICT_NAMES } from '../model/verdict.ts';
import type { LedgerEntry } from './ledger.ts';

const u32 = z
  .union([z.number(), z.string().regex(/^0x[0-9a-fA-F]{1,8}$/)])
  // -0 is 0.
  .transform((value) => Number(value) + 0)
  .pipe(z.number().int().min(0).max(0xffff_ffff));
/** Most entries of a ledger: every observation is looked up in them. */
const MAX_ENTRIES = 10_000;
const verdicts = z.array(z.enum(VERDICT_NAMES));

const ENTRY = z.strictObject({
  id: z.string().regex(/^[\w.-]{1,64}$/),
  title: z.string().min(1),
  owner: z.string().min(1),
  link: z.string().min(1),
  profiles: z.array(z.enum(KERNEL_PROFILES.map(({ id }) => id) as [string, ...string[]])),
  expires: z.iso.date(),
  kind: z.string().min(1),
  engines: z.array(z.string().min(1)).min(1),
  indices: z.tuple([u32, u32]).refine(([first, last]) => first <= last, 'end before they start'),
  type: z.enum(['read', 'write']).optional(),
  expected: verdicts.optional(),
  got: verdicts.optional(),
});

/** Throws InputError with the file and the field. */
export function readLedger(text: string, path: string): LedgerEntry[] {
  const parsed = z
    .array(ENTRY)
    .max(MAX_ENTRIES, `has more than ${MAX_ENTRIES} entries: split it`)
    .safeParse(parseJsonText(text, path));
  if (parsed.success) {
    const ids = new Set<string>();
    for (const { id } of parsed.data) {
      // Observations are counted by it.
      if (ids.has(id)) throw new InputError(`${path}: two entries have the id ${id}: give each its own`);
      ids.add(id);
    }
    return parsed.data as LedgerEntry[];
  }
  const issue = parsed.error.issues[0]!;
  const field = issue.path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  throw new InputError(`${path}: ${field.replace(/^\./, '') || 'the file'}: ${issue.message} (see docs/ledger.md)`);
}
