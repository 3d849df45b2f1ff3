/** Every filter with up to so many ranges, up to isomorphism: the real engines on concrete filters of every class. */
import type { Engine, EngineVm } from '../engines/contract.ts';
import type { Ledger } from '../fuzz/ledger.ts';
import { catalogueBase, passthroughCandidates } from '../model/catalogue.ts';
import type { MsrFilter } from '../model/filter.ts';
import { KVM_MSR_EXIT_REASON_VALID_MASK } from '../model/filter.ts';
import { InputError } from '../model/input-error.ts';
import { findProfile, type KernelProfile } from '../model/profile.ts';
import { type AccessBatch, ApicMode, type Scenario, type ScenarioEvent } from '../model/scenario.ts';
import { formatScenario } from '../model/scenario-json.ts';
import type { AccessType } from '../model/verdict.ts';
import { isVerdict, UNWRITTEN } from './answers.ts';
import { ClassMaker, ordersOf, type Unit, unitName, unitsOf } from './classes.ts';
import { Digest } from './digest.ts';
import { knownDifference, ledgerFor } from './known.ts';
import { type Order, orderHash } from './orders.ts';
import type { RangesPlan, ShardProof, ShardProver } from './plan.ts';

const MAX_ACCESSES = 256;
export function rangesShards(plan: RangesPlan): number {
  const last = unitsOf(plan, profileOf(plan)).at(-1)!;
  return last.firstShard + last.shards;
}

function profileOf(plan: RangesPlan): KernelProfile {
  return findProfile(plan.profile)!;
}

function unitOf(plan: RangesPlan, shard: number): Unit {
  return unitsOf(plan, profileOf(plan)).find((unit) => shard < unit.firstShard + unit.shards)!;
}

/** Orders of the shard; the array given to `visit` is reused. */
function ordersOfShard(unit: Unit, shard: number, visit: (order: Order) => void): void {
  const from = (shard - unit.firstShard) * unit.parentsPerShard;
  ordersOf(unit, from, Math.min(from + unit.parentsPerShard, unit.parents), visit);
}

/** Events that bring a VM into the state of the unit's frame. */
function stateOf({ frame }: Unit, profile: KernelProfile): ScenarioEvent[] {
  const events: ScenarioEvent[] = [{ kind: 'cap', mask: BigInt(KVM_MSR_EXIT_REASON_VALID_MASK) }];
  if (frame.apic !== ApicMode.NONE) events.push({ kind: 'apic', mode: frame.apic });
  if (frame.vendor) {
    // Every bit that may be clear is: a denial has to set it again.
    const changes = passthroughCandidates(frame.vendor, profile).map(({ index, read, write }) => ({
      index,
      read,
      write,
    }));
    events.push({ kind: 'candidates', changes });
  }
  return events;
}

/** One engine in the frame's state. */
class Subject {
  readonly engine: Engine;
  readonly vm: EngineVm;
  readonly verdicts = new Uint8Array(MAX_ACCESSES);
  readonly words = new Int32Array(this.verdicts.buffer);
  private readonly routes = new Uint8Array(MAX_ACCESSES);

  constructor(engine: Engine, profile: KernelProfile, state: readonly ScenarioEvent[]) {
    this.engine = engine;
    this.vm = engine.createVm({ profile, base: catalogueBase() });
    for (const event of state) {
      if (!engine.capabilities.events.includes(event.kind) && event.kind !== 'candidates') {
        throw new InputError(
          `engine ${engine.name} does not run ${event.kind} events: it cannot be proven by --ranges`,
        );
      }
      if (event.kind === 'cap') this.vm.enableCap!(event);
      else if (event.kind === 'apic') this.vm.setApicMode!(event.mode);
      else if (event.kind === 'candidates') this.vm.setCandidates?.(event.changes);
    }
  }

  /** Errno of the filter; verdicts are in `verdicts`. */
  run(filter: MsrFilter, batch: AccessBatch): number {
    const errno = this.vm.setFilter(filter, 'normal');
    this.verdicts.fill(UNWRITTEN, 0, batch.indices.length);
    this.vm.access(batch, this.verdicts, this.routes);
    return errno;
  }
}

interface Found {
  /** Place in the batch; -1: the errno, or it threw. */
  readonly at: number;
}

/** Compares engines 1.. with engine 0 on single filters. */
class Comparison {
  readonly known: Record<string, number> = {};
  readonly digest: Digest;
  private readonly subjects: readonly Subject[];
  private readonly ledger: Ledger;

  constructor(subjects: readonly Subject[], ledger: Ledger, digest: Digest) {
    this.subjects = subjects;
    this.ledger = ledger;
    this.digest = digest;
  }

  run(filter: MsrFilter, batch: AccessBatch): Found | undefined {
    const first = this.subjects[0]!;
    const { length } = batch.indices;
    try {
      const errno = first.run(filter, batch);
      this.digest.add(errno);
      this.digest.bytes(first.words, first.verdicts, length);
      // Classes are of filters that the ioctl accepts; two engines that refuse them agree on nothing else.
      if (errno !== 0) return { at: -1 };
      for (let at = 0; at < length; at++) if (!isVerdict(first.verdicts[at]!)) return { at };
      for (let i = 1; i < this.subjects.length; i++) {
        const other = this.subjects[i]!;
        if (other.run(filter, batch) !== errno) return { at: -1 };
        const words = length >>> 2;
        let same = true;
        for (let word = 0; word < words && same; word++) same = first.words[word] === other.words[word];
        for (let at = words * 4; at < length && same; at++) same = first.verdicts[at] === other.verdicts[at];
        const at = same ? -1 : this.firstDifference(other, batch);
        if (at >= 0) return { at };
      }
      return undefined;
    } catch {
      return { at: -1 };
    }
  }

  private firstDifference(other: Subject, { indices, types }: AccessBatch): number {
    const first = this.subjects[0]!;
    for (let at = 0; at < indices.length; at++) {
      const [a, b] = [first.verdicts[at]!, other.verdicts[at]!];
      if (a === b) continue;
      const index = indices[at]!;
      const type = types[at] as AccessType;
      const id = knownDifference(this.ledger, [first.engine.name, a], [other.engine.name, b], index, type);
      if (id === undefined) return at;
      this.known[id] = (this.known[id] ?? 0) + 1;
    }
    return -1;
  }
}

/** Proves one shard; stops at the first difference. */
export const proveRangesShard: ShardProver<RangesPlan> = (plan, shard, engines, beat): ShardProof => {
  const profile = profileOf(plan);
  const unit = unitOf(plan, shard);
  const state = stateOf(unit, profile);
  const subjects = engines.map((engine) => new Subject(engine, profile, state));
  const comparison = new Comparison(subjects, ledgerFor(profile.id), new Digest(shard));
  const maker = new ClassMaker(unit);
  let [orders, hash, filters, accesses] = [0, 0, 0, 0];
  let disproof: string | null = null;
  ordersOfShard(unit, shard, (order) => {
    if (disproof !== null) return;
    orders++;
    hash += orderHash(order);
    maker.make(order, (filter, batch) => {
      beat(filters++);
      accesses += batch.indices.length * (engines.length - 1);
      const found = comparison.run(filter, batch);
      if (!found) return true;
      disproof = formatScenario(scenarioOf(state, filter, batch, found.at));
      return false;
    });
  });
  const name = unitName(unit);
  const counts = { [`${name}: orders`]: orders, [`${name}: order hash`]: hash, [`${name}: filters`]: filters };
  const { known, digest } = comparison;
  return { shard, cases: filters, accesses, digest: digest.text(), counts, known, disproof };
};

/** What is run at a place of a shard, for an engine that did not come back from it. */
export function rangesScenarioAt(plan: RangesPlan, shard: number, place: number): string {
  const unit = unitOf(plan, shard);
  const state = stateOf(unit, profileOf(plan));
  const maker = new ClassMaker(unit);
  let filters = 0;
  let text: string | undefined;
  ordersOfShard(unit, shard, (order) => {
    if (text !== undefined) return;
    maker.make(order, (filter, batch) => {
      if (filters++ !== place) return true;
      text = formatScenario(scenarioOf(state, filter, batch, -1));
      return false;
    });
  });
  return text ?? formatScenario({ events: state });
}

/** All accesses of the batch, or the one at a place. */
function scenarioOf(state: readonly ScenarioEvent[], filter: MsrFilter, batch: AccessBatch, at: number): Scenario {
  const [from, to] = at < 0 ? [0, batch.indices.length] : [at, at + 1];
  const { indices, types } = batch;
  return {
    events: [
      ...state,
      { kind: 'filter', filter },
      { kind: 'access', batch: { indices: indices.slice(from, to), types: types.slice(from, to) } },
    ],
  };
}
