/** Why a stored divergence is one: runs its engines again, in a thread of their own. */
import type { EngineSpec } from '../../engines/registry.ts';
import { InputError } from '../../model/input-error.ts';
import { SHIPPED_LEDGER } from '../ledger.ts';
import { probe, probeTimeout } from '../probe.ts';
import { permittedEngines } from '../stored-engines.ts';
import type { ProbeRequest } from '../worker-protocol.ts';
import type { DivergenceExplanation } from './explain.ts';

/** The part of a stored divergence that running it again takes. */
export interface StoredCase {
  readonly kind: string;
  readonly subject: string;
  readonly profile: string;
  readonly scenario: string;
  readonly message: string;
  readonly vector: Readonly<Record<string, number | null>>;
  readonly engines: readonly unknown[];
}

export interface StoredExplanation {
  /** Null with `refused` or `lost` set, if it no longer diverges, and for an engine that does not come back. */
  readonly explanation: DivergenceExplanation | null;
  /** The same as lines. */
  readonly text: readonly string[];
  /** Why it was not tried. */
  readonly refused?: string;
  /** An engine that did not come back. */
  readonly lost?: string;
}

/**
 * The stored engines that are to be run again: those that are commands only if `commands` has them too, and kernels
 * only if they had a part in the divergence. Throws InputError.
 */
export function enginesOfStored(
  { engines, vector }: Pick<StoredCase, 'engines' | 'vector'>,
  commands: readonly string[] = [],
): readonly EngineSpec[] {
  const permitted = permittedEngines(engines as readonly EngineSpec[], commands);
  return permitted.filter((spec) => spec.kind !== 'kernel' || spec.name in vector);
}

/** What does not come back cannot be asked why. */
function isSilent({ kind, message }: StoredCase): boolean {
  return kind === 'engine-timeout' || message.startsWith('took its worker down');
}

/**
 * `choose` gives the engines; the InputError that it may throw becomes `refused`. Throws EngineUnavailable.
 */
export async function explainStored(
  found: StoredCase,
  choose: () => readonly EngineSpec[],
): Promise<StoredExplanation> {
  const none = { explanation: null, text: [] };
  if (isSilent(found)) return { ...none, refused: 'an engine that does not come back cannot be asked why' };
  let engines: readonly EngineSpec[];
  try {
    engines = choose();
  } catch (error) {
    // What is stored can be shown without running anything.
    if (!(error instanceof InputError)) throw error;
    return { ...none, refused: error.message };
  }
  const request: ProbeRequest = {
    scenario: found.scenario,
    profile: found.profile,
    engines,
    ledger: SHIPPED_LEDGER,
    day: new Date().toISOString().slice(0, 10),
    action: 'explain',
    target: { kind: found.kind, subject: found.subject },
  };
  const reply = await probe(request, probeTimeout(request));
  if (reply.kind === 'explained') return { explanation: reply.explanation, text: reply.text };
  return { ...none, ...(reply.kind === 'lost' ? { lost: reply.message } : {}) };
}
