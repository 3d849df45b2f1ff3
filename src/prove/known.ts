/** Differences that the ledger knows. */
import { Ledger, SHIPPED_LEDGER } from '../fuzz/ledger.ts';
import type { AccessType } from '../model/verdict.ts';

/** The ledger as proofs use it: nothing in it expires, so that a proof says the same on every day. */
export function ledgerFor(profile: string): Ledger {
  return new Ledger(SHIPPED_LEDGER, profile, '');
}

/** The ledger's id for a difference between two engines' verdicts, whichever of the two it is known of. */
export function knownDifference(
  ledger: Ledger,
  [nameA, a]: readonly [name: string, verdict: number],
  [nameB, b]: readonly [name: string, verdict: number],
  index: number,
  type: AccessType,
): string | undefined {
  const place = { kind: 'verdict', subject: 0, event: 0, access: 0, index, type, vector: [], message: '' } as const;
  const entry =
    ledger.match({ ...place, expected: a, got: b }, nameB) ?? ledger.match({ ...place, expected: b, got: a }, nameA);
  return entry?.id;
}
