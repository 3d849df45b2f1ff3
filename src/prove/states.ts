/**
 * Every sequence of state changes up to a length, over a small alphabet: filter, pass-through candidates, exit mask,
 * APIC mode, entry into L2. After each change all engines are asked about the MSRs that the alphabet touches, and the
 * vendors' bitmaps are audited whole, so that a longest sequence stands for all its beginnings.
 */

import type { Observation } from '../fuzz/compare.ts';
import { Evaluator } from '../fuzz/evaluate.ts';
import { digestTrace } from '../fuzz/trace-digest.ts';
import { catalogueBase } from '../model/catalogue.ts';
import { KVM_MSR_EXIT_REASON_FILTER, KVM_MSR_EXIT_REASON_VALID_MASK, type MsrFilterRange } from '../model/filter.ts';
import { InputError } from '../model/input-error.ts';
import { findProfile } from '../model/profile.ts';
import { ApicMode, type ScenarioEvent } from '../model/scenario.ts';
import { formatScenario } from '../model/scenario-json.ts';
import { ledgerFor } from './known.ts';
import type { ShardProof, ShardProver, StatesPlan } from './plan.ts';

/** A candidate that is passed through from vCPU creation on, on both vendors; one that depends on the vCPU's state. */
const ALWAYS = 0xc000_0100;
const DYNAMIC = 0x48;
/** The one x2APIC MSR that kvm_intel passes through without APICv. */
const TPR = 0x808;
const NEVER = 0x10a;
const UNKNOWN = 0x1234;

function range(flags: number, base: number, allow: boolean): MsrFilterRange {
  return { flags, base, nmsrs: 1, bitmap: new Uint8Array(8).fill(allow ? 1 : 0) };
}

function filter(flags: number, ...ranges: MsrFilterRange[]): ScenarioEvent {
  return { kind: 'filter', filter: { flags, ranges } };
}

function candidate(index: number, on: boolean): ScenarioEvent {
  return { kind: 'candidates', changes: [{ index, read: on, write: on }] };
}

/** Each change, and what certificates call it. */
export const ALPHABET: readonly (readonly [name: string, event: ScenarioEvent])[] = [
  ['filter off', filter(0)],
  [
    'filter: WRMSR of the always and RDMSR of the dynamic candidate denied',
    filter(0, range(2, ALWAYS, false), range(1, DYNAMIC, false)),
  ],
  ['filter: RDMSR of the always candidate and TPR denied', filter(0, range(1, ALWAYS, false), range(3, TPR, false))],
  [
    'filter: all denied but RDMSR of the always and WRMSR of the dynamic candidate',
    filter(1, range(1, ALWAYS, true), range(2, DYNAMIC, true)),
  ],
  ['filter with a second range that is refused', filter(1, range(3, ALWAYS, false), range(0, DYNAMIC, false))],
  ['dynamic candidate wished', candidate(DYNAMIC, true)],
  ['dynamic candidate not wished', candidate(DYNAMIC, false)],
  ['always candidate wished', candidate(ALWAYS, true)],
  ['always candidate not wished', candidate(ALWAYS, false)],
  ['exit mask 0', { kind: 'cap', mask: 0n }],
  ['exit mask FILTER', { kind: 'cap', mask: BigInt(KVM_MSR_EXIT_REASON_FILTER) }],
  ['exit mask INVAL, UNKNOWN, FILTER', { kind: 'cap', mask: BigInt(KVM_MSR_EXIT_REASON_VALID_MASK) }],
  ['no APIC', { kind: 'apic', mode: ApicMode.NONE }],
  ['xAPIC mode', { kind: 'apic', mode: ApicMode.XAPIC }],
  ['x2APIC mode', { kind: 'apic', mode: ApicMode.X2APIC }],
  [
    'entry into L2 with an unchanged L1 bitmap',
    {
      kind: 'nested',
      bitmaps: true,
      mapped: true,
      clean: true,
      passthrough: [
        { index: ALWAYS, read: true, write: true },
        { index: DYNAMIC, read: true, write: true },
      ],
    },
  ],
];

const INDICES = [ALWAYS, DYNAMIC, TPR, NEVER, UNKNOWN];
const PROBES: ScenarioEvent = {
  kind: 'access',
  batch: {
    indices: Uint32Array.from([...INDICES, ...INDICES]),
    types: Uint8Array.from(
      INDICES.flatMap(() => [0, 0]),
      (_, i) => (i < INDICES.length ? 0 : 1),
    ),
  },
};
const ACCESSES = INDICES.length * 2;
/** Changes that an engine cannot leave out; what is wished and L2 are nothing to those that have no bitmap. */
const DECISIVE = ['cap', 'apic'] as const;

/** Changes that tell shards apart: the first ones, so many that a shard takes no longer than seconds. */
function leading(length: number): number {
  return Math.min(length, Math.max(2, length - 3));
}

/** One shard for each choice of the first changes. */
export function statesShards({ length }: StatesPlan): number {
  return ALPHABET.length ** leading(length);
}

/** Sequence number `n` of the shard: the shard has the first changes, the number the others. */
function sequence({ length }: StatesPlan, shard: number, n: number): ScenarioEvent[] {
  const first = leading(length);
  const events: ScenarioEvent[] = [];
  for (const [digits, of] of [
    [first, shard],
    [length - first, n],
  ] as const) {
    for (let i = digits - 1; i >= 0; i--) {
      events.push(ALPHABET[Math.floor(of / ALPHABET.length ** i) % ALPHABET.length]![1], PROBES);
    }
  }
  return events;
}

/** Proves one shard; stops at the first difference, or bitmap that is wrong. */
export const proveStatesShard: ShardProver<StatesPlan> = (plan, shard, engines, beat): ShardProof => {
  const profile = findProfile(plan.profile)!;
  const ledger = ledgerFor(profile.id);
  const evaluator = new Evaluator(engines, { profile, base: catalogueBase() }, ledger);
  const known: Record<string, number> = {};
  const accesses = ACCESSES * plan.length;
  const cases = ALPHABET.length ** (plan.length - leading(plan.length));
  for (const { name, capabilities } of engines) {
    const missing = DECISIVE.find((kind) => !capabilities.events.includes(kind));
    if (missing) throw new InputError(`engine ${name} does not run ${missing} events: it cannot be proven by --states`);
  }
  const verdicts = [0, 0, 0, 0, 0];
  let digest = 0x811c9dc5 ^ shard;
  for (let n = 0; n < cases; n++) {
    beat(n);
    const scenario = { events: sequence(plan, shard, n) };
    const clean = evaluator.run(scenario, accesses);
    digest = digestTrace(digest, evaluator.traces[0]!, scenario.events.length, accesses, verdicts);
    if (clean) continue;
    let [unknown, seenAny] = [false, false];
    evaluator.observe((seen: Observation) => {
      seenAny = true;
      const id = ledger.match(seen, engines[seen.subject]!.name)?.id;
      if (id === undefined) unknown = true;
      else known[id] = (known[id] ?? 0) + 1;
      return id !== undefined;
    });
    if (!unknown && seenAny) continue;
    return result(shard, n + 1, accesses, engines.length, digest, known, formatScenario(scenario));
  }
  return result(shard, cases, accesses, engines.length, digest, known, null);
};

function result(
  shard: number,
  cases: number,
  accesses: number,
  engines: number,
  digest: number,
  known: Record<string, number>,
  disproof: string | null,
): ShardProof {
  return {
    shard,
    cases,
    accesses: cases * accesses * (engines - 1),
    digest: (digest >>> 0).toString(16).padStart(16, '0'),
    counts: { sequences: cases },
    known,
    disproof,
  };
}

/** What is run at a place of a shard, for an engine that did not come back from it. */
export function statesScenarioAt(plan: StatesPlan, shard: number, place: number): string {
  return formatScenario({ events: sequence(plan, shard, place) });
}
