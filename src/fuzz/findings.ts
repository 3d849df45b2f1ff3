/** The divergences of one shard among one list of engines: collected, minimized, grouped by normal form. */
import { createHash } from 'node:crypto';
import type { Engine, VmConfig } from '../engines/contract.ts';
import { NOT_APPLICABLE } from '../engines/runner.ts';
import type { Scenario } from '../model/scenario.ts';
import { formatScenario } from '../model/scenario-json.ts';
import { AccessType } from '../model/verdict.ts';
import { copyScenario } from './case.ts';
import type { DivergenceKind, Observation } from './compare.ts';
import { explainRule } from './explain/blame.ts';
import type { Ledger } from './ledger.ts';
import type { Minimizer, Reduction } from './reduce/minimize.ts';
import { sizeOf } from './reduce/order.ts';
import { type KnownReductions, type Recurrence, type Reduced, turnOf } from './reductions.ts';
import { signatureOf } from './signature.ts';

/** Reductions of new signatures per shard, or one per engine if those are more: the campaign must go on. */
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
  /** Index of the MSR; null where it is about no single one. */
  readonly msr: number | null;
  /** Null where it is about no single access. */
  readonly write: boolean | null;
  /** Names of the broken rules, as `explainRule` gives them; none where none explains it, or for real kernels. */
  readonly rules: readonly string[];
}

interface Pending {
  readonly signature: string;
  readonly observation: Observation;
  readonly scenario: Scenario;
  readonly firstCase: number;
  readonly cases: Set<number>;
}

/** One divergence in the shard at hand; without `divergence` as long as it has not been reduced here. */
interface Met {
  readonly firstCase: number;
  readonly cases: Set<number>;
  divergence: FoundDivergence | undefined;
}

/** Rules by engine and normal form, which many signatures share: explaining one takes as long as reducing it. */
const RULES = new WeakMap<Engine, Map<string, readonly string[]>>();

export class Findings {
  /** Observations by ledger entry. */
  readonly known: Record<string, number> = {};
  private readonly engines: readonly Engine[];
  private readonly profile: string;
  private readonly vm: VmConfig;
  private readonly ledger: Ledger;
  private readonly scope: string;
  private readonly pending = new Map<string, Pending>();
  /** What was noted last, and its copy: signatures of one case share it. */
  private last: { readonly scenario: Scenario; readonly number: number; readonly copy: Scenario } | undefined;

  /** `scope` tells the signatures of one list of engines from those of another in the same campaign. */
  constructor(engines: readonly Engine[], vm: VmConfig, ledger: Ledger, scope = '') {
    this.engines = engines;
    this.scope = scope;
    this.profile = vm.profile.id;
    this.vm = vm;
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
    const key = this.scope + signatureOf(seen, subject);
    const earlier = this.pending.get(key);
    if (!earlier) {
      const copy = this.keep(scenario, number);
      const cases = new Set([number]);
      this.pending.set(key, { signature: key, observation: seen, scenario: copy, firstCase: number, cases });
    } else earlier.cases.add(number);
    return false;
  }

  private keep(scenario: Scenario, number: number): Scenario {
    if (this.last?.scenario !== scenario || this.last.number !== number) {
      this.last = { scenario, number, copy: copyScenario(scenario) };
    }
    return this.last.copy;
  }

  /**
   * Minimizes what was found, by turns of the engines, in order of appearance, and groups it by normal form. What is
   * known is taken for what its signature was reduced to, unless it is that signature's turn in this shard. `onCase`
   * is called with the number of the case at hand.
   */
  reduce(minimizer: Minimizer, onCase: (number: number) => void, known: KnownReductions, shard: number): Reduced {
    const found = new Map<string, Met>();
    const signatures: [string, string][] = [];
    const reductions = new Reductions(minimizer);
    const turn = turnOf(this.pending.keys(), known, shard);
    let left = Math.max(MAX_REDUCTIONS_PER_SHARD, this.engines.length);
    for (const { signature, observation, scenario, firstCase, cases } of byTurns(this.pending.values())) {
      let id = known.get(signature);
      let divergence: FoundDivergence | undefined;
      if (id === undefined || signature === turn) {
        if (id === undefined && left-- <= 0) continue;
        onCase(firstCase);
        divergence = this.describe(reductions, observation, scenario, firstCase);
        ({ id } = divergence);
        // What does not always show may be reduced to something else next time.
        if (divergence.reliability === 1) signatures.push([signature, id]);
      }
      const same = found.get(id);
      if (!same) found.set(id, { firstCase, cases, divergence });
      else {
        same.divergence ??= divergence;
        for (const number of cases) same.cases.add(number);
      }
    }
    const divergences: FoundDivergence[] = [];
    const again: Recurrence[] = [];
    for (const [id, { firstCase, cases, divergence }] of found) {
      if (divergence) divergences.push({ ...divergence, firstCase, cases: cases.size });
      else again.push({ id, firstCase, cases: cases.size });
    }
    return { divergences, again, signatures };
  }

  private describe(
    reductions: Reductions,
    observation: Observation,
    scenario: Scenario,
    firstCase: number,
  ): FoundDivergence {
    const reduction = reductions.of(scenario, observation);
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
      ...placeOf(last),
      rules: reduction?.reliability === 1 ? this.rulesOf(smallest, text, last) : [],
    };
  }

  /** A kernel or another process takes seconds for what an engine in this thread does in milliseconds. */
  private rulesOf(scenario: Scenario, text: string, observation: Observation): readonly string[] {
    const subject = this.engines[observation.subject]!;
    if (subject.kernel || subject.takeIncidents) return [];
    const explained = RULES.get(subject) ?? new Map<string, readonly string[]>();
    RULES.set(subject, explained);
    const key = `${observation.kind} ${this.profile} ${text}`;
    let names = explained.get(key);
    if (!names) {
      names = (explainRule(scenario, observation, subject, this.vm, this.ledger) ?? []).map(({ name }) => name);
      explained.set(key, names);
    }
    return names;
  }
}

/** Which MSR and direction it is about. */
export function placeOf({
  kind,
  access,
  index,
  type,
}: Pick<Observation, 'kind' | 'access' | 'index' | 'type'>): Pick<FoundDivergence, 'msr' | 'write'> {
  if (access < 0 && !kind.startsWith('bitmap:')) return { msr: null, write: null };
  return { msr: index, write: type === AccessType.WRITE };
}

/**
 * Reductions of one shard. The minimizer starts from the first place of a scenario with the result of the observation,
 * so observations of one case that differ in their place only are reduced once.
 */
class Reductions {
  private readonly minimizer: Minimizer;
  private readonly done = new Map<Scenario, Map<string, Reduction | undefined>>();

  constructor(minimizer: Minimizer) {
    this.minimizer = minimizer;
  }

  of(scenario: Scenario, observation: Observation): Reduction | undefined {
    let done = this.done.get(scenario);
    if (!done) {
      done = new Map();
      this.done.set(scenario, done);
    }
    const { kind, subject, expected, got, vector, message } = observation;
    const key = JSON.stringify([kind, subject, expected, got, vector, message]);
    if (!done.has(key)) done.set(key, this.minimizer.minimize(scenario, observation));
    return done.get(key);
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
