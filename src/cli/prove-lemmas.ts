/** `msrdiff prove --lemmas`. */
import { InputError } from '../model/input-error.ts';

export async function proveLemmas(_options: { readonly smt2?: string; readonly json?: boolean }): Promise<number> {
  throw new InputError('later');
}
