/** A kind of fault. */
import type { Trial } from './trial.ts';

export interface FaultKind {
  readonly id: string;
  /** What is done, as the table says it. */
  readonly fault: string;
  /** What a user sees, checked beside what is checked of every trial. */
  readonly shows: string;
  /** Why it cannot be injected here. */
  readonly missing?: () => string | undefined;
  /** From the first start of the campaign until nothing disturbs it any more. Throws Missed. */
  readonly inject: (trial: Trial) => Promise<void>;
}
