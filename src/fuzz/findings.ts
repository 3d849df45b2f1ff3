/** The divergences of one shard among one list of engines: collected, minimized, grouped by normal form. */
import { createHash } from 'node:crypto';
import type { Engine, VmConfig } from '../engines/contract.ts';
import { NOT_APPLICABLE } from '../engines/runner.ts';
import type { Scenario } from '../model/scenario.ts';
import { formatScenario } from '../model/scenario-json.ts';
import { copyScenario } from './case.ts';
import type { DivergenceKind, Observation } from './compare.ts';
import type { Ledger } from './ledger.ts';
import type { Minimizer } from './reduce/minimize.ts';
import { sizeOf } from './reduce/order.ts';
import { signatureOf } from './signature.ts';

/** Reductions per shard, one per signature, or one per engine if those are more: the campaign must go on. */
const MAX_REDUCTIONS_PER_SHARD = 96;

/** A divergence in its normal form, found in a shard. */
export interface FoundDivergence {
  /** Hash of kind, subject, profile and normal form. */
  readonly id: string;
  readonly kind: DivergenceKind;
  /** Name of the engine that stands against the others. */
  readonly subject: string;
  /** Id of the profile whose rules applied. */
  readonly profile: string;
  /** Normal form, canonical JSON. */
  readonly scenario: string;
  /** Result by engine name; null where the engine takes no part. */
  readonly vector: Readonly<Record<string, number | null>>;
  readonly expected: number;
  readonly got: number;
  readonly message: string;
  readonly firstCase: number;
  /** Cases of this shard that showed it (attributed by signature beyond the first). */
  readonly cases: number;
  readonly size: number;
  readonly evaluations: number;
  readonly reliability: number;
}

interface Pending {
  readonly observation: Observation;
  readonly scenario: Scenario;
  readonly firstCase: number;
  readonly cases: Set<number>;
}

export class Findings {
  /** Observations by ledger entry. */
  readonly known: Record<string, number> = {};
  private readonly engines: readonly Engine[];
  private readonly profile: string;
  private readonly ledger: Ledger;
  private readonly pending = new Map<string, Pending>();

  constructor(engines: readonly Engine[], vm: VmConfig, ledger: Ledger) {
    this.engines = engines;
    this.profile = vm.profile.id;
    this.ledger = ledger;
  }

  /** True if the ledger knows it; such an observation is counted and explains nothing else. */
  note(seen: Observation, scenario: Scenario, number: number): boolean {
    const subject = this.engines[seen.subject]!.name;
    const entry = this.ledger.match(seen, subject);
    if (entry) {
      this.known[entry.id] = (this.known[entry.id] ?? 0) + 1;
      return true;
    }
    const key = signatureOf(seen, subject);
    const earlier = this.pending.get(key);
    if (!earlier) {
      const copy = copyScenario(scenario);
      this.pending.set(key, { observation: seen, scenario: copy, firstCase: number, cases: new Set([number]) });
    } else earlier.cases.add(number);
    return false;
  }

  /**
   * Minimizes what was found, by turns of the engines, in order of appearance, and groups it by normal form.
   * `onCase` is called with the number of the case at hand.
   */
  reduce(minimizer: Minimizer, onCase: (number: number) => void): FoundDivergence[] {
    const found = new Map<string, { divergence: FoundDivergence; cases: Set<number> }>();
    const limit = Math.max(MAX_REDUCTIONS_PER_SHARD, this.engines.length);
    for (const { observation, scenario, firstCase, cases } of byTurns(this.pending.values()).slice(0, limit)) {
      onCase(firstCase);
      const divergence = this.describe(minimizer, observation, scenario, firstCase);
      const same = found.get(divergence.id);
      if (!same) found.set(divergence.id, { divergence, cases });
      else for (const number of cases) same.cases.add(number);
    }
    return [...found.values()].map(({ divergence, cases }) => ({ ...divergence, cases: cases.size }));
  }

  private describe(
    minimizer: Minimizer,
    observation: Observation,
    scenario: Scenario,
    firstCase: number,
  ): FoundDivergence {
    const reduction = minimizer.minimize(scenario, observation);
    const last = reduction?.observation ?? observation;
    const smallest = reduction?.scenario ?? scenario;
    const text = formatScenario(smallest);
    const subject = this.engines[observation.subject]!.name;
    // What has not been reduced at all has no normal form: one identity per message.
    const identity = reduction?.evaluations === 0 ? last.message : text;
    return {
      id: divergenceId(last.kind, subject, this.profile, identity),
      kind: last.kind,
      subject,
      profile: this.profile,
      scenario: text,
      vector: vectorByName(this.engines, last.vector),
      expected: last.expected,
      got: last.got,
      message: last.message,
      firstCase,
      cases: 1,
      size: sizeOf(smallest),
      evaluations: reduction?.evaluations ?? 0,
      reliability: reduction?.reliability ?? 0,
    };
  }
}

/** The first of each engine, then the second of each, ...: one that diverges in many ways leaves room for others. */
function byTurns(pending: Iterable<Pending>): Pending[] {
  const turns: Pending[][] = [];
  const seen = new Map<number, number>();
  for (const entry of pending) {
    const turn = seen.get(entry.observation.subject) ?? 0;
    seen.set(entry.observation.subject, turn + 1);
    turns[turn] ??= [];
    turns[turn].push(entry);
  }
  return turns.flat();
}

export function vectorByName(engines: readonly Engine[], vector: readonly number[]): Record<string, number | null> {
  return Object.fromEntries(
    engines.map(({ name }, i) => [name, vector[i] === NOT_APPLICABLE ? null : (vector[i] ?? null)]),
  );
}

/** The identity of a divergence: 16 hex digits. */
export function divergenceId(kind: string, subject: string, profile: string, scenario: string): string {
  return createHash('sha256')
    .update(JSON.stringify([kind, subject, profile, scenario]))
    .digest('hex')
    .slice(0, 16);
}
