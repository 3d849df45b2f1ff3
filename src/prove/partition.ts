/**
 * Proof of one filter by its elementary segments. The engines' compiled filters are compared over all indices as data
 * (compare-runs.ts), and what ties that data to the engines is run: real accesses at the ends and in the middle of every
 * segment, and at every bit of every bitmap. Engines without a compiled form are run there, and assumed to be constant
 * inside of segments that no bitmap decides.
 */
import type { CompiledFilter } from '../engines/compiled-filter.ts';
import type { MsrFilter } from '../model/filter.ts';
import { X2APIC_FIRST, X2APIC_LAST } from '../model/filter.ts';
import { parseFilter } from '../model/filter-json.ts';
import type { AccessBatch, ApicMode } from '../model/scenario.ts';
import { AccessType, Verdict } from '../model/verdict.ts';
import { Agreement } from './agreement.ts';
import { BATCH } from './answers.ts';
import { BaseSegments } from './base-segments.ts';
import { type Form, firstDifference, formOf, type Place } from './compare-runs.ts';
import { Digest } from './digest.ts';
import { passedThrough, WINDOW_EDGES } from './hardware-bitmap.ts';
import type { Heartbeat, PartitionPlan, ShardProof, ShardProver } from './plan.ts';
import { INDICES } from './runs.ts';
import { installOrReject, Trial } from './trial.ts';

export function partitionShards(_plan: PartitionPlan): number {
  return 1;
}

/**
 * `counts`: `compiled:ENGINE` or `assumed:ENGINE` for each engine, the number of filters for which its compiled form was
 * checked, or it had none; `tied`, the number of accesses that were run in every engine; `contradicted:ENGINE`, that the
 * disproof is an access to which the engine does not answer what its compiled form says.
 * `accesses` are 2^33 for each engine but the first whose compiled form was compared, and all that were run.
 *
 * @throws InputError if the filter is none, or all engines refuse it
 */
export const proveByPartition: ShardProver<PartitionPlan> = (plan, shard, engines, beat): ShardProof => {
  const filter = parseFilter(JSON.parse(plan.filter), 'the filter of the plan');
  const trial = new Trial(plan, engines);
  const partition = new Partition(trial, plan.apic, shard, beat);
  const disproof = installOrReject(trial, filter) ?? partition.check(everyPoint(filter, partition.base));
  return partition.result(disproof);
};

/** Compares the engines of a trial, filter by filter. */
export class Partition {
  readonly base: BaseSegments;
  private readonly trial: Trial;
  private readonly shard: number;
  private readonly beat: Heartbeat;
  private readonly agreement: Agreement;
  private readonly digest: Digest;
  /** Filters by engine: with a compiled form, and without. */
  private readonly compiled: number[];
  private readonly assumed: number[];
  private tied = 0;
  private contradicted: string | undefined;
  private filters = 0;
  private complete = 0;

  constructor(trial: Trial, apic: ApicMode, shard: number, beat: Heartbeat) {
    this.trial = trial;
    this.shard = shard;
    this.digest = new Digest(shard);
    this.base = new BaseSegments(trial.config.base, apic);
    this.beat = beat;
    this.agreement = new Agreement(trial);
    this.compiled = trial.engines.map(() => 0);
    this.assumed = trial.engines.map(() => 0);
  }

  /**
   * Whether the engines agree on the filter that the trial has installed. Scenario JSON if not.
   *
   * @param points indices at which the engines are run, both directions
   */
  check(points: Uint32Array): string | undefined {
    this.beat(this.filters);
    this.filters++;
    const forms: (Direct | undefined)[] = [];
    for (const [engine, vm] of this.trial.vms.entries()) {
      try {
        const compiled = vm.compiled?.();
        forms.push(compiled && { ...formOf(compiled), direct: directOf(compiled) });
      } catch {
        // It threw, or what it gave is no compiled filter.
        this.contradicted = this.trial.engines[engine]!.name;
        return this.trial.scenario();
      }
    }
    for (const [engine, form] of forms.entries()) {
      const which = form ? this.compiled : this.assumed;
      which[engine]!++;
    }
    const others = fastpaths(forms).filter((index) => !points.includes(index));
    // The digest is of what engine 0 answers at the points that the filter asks for, whoever is compared with it.
    return this.tie(points, forms, true) ?? this.tie(others, forms, false) ?? this.compare(forms);
  }

  result(disproof: string | undefined): ShardProof {
    const { agreement, contradicted, shard, tied } = this;
    const counts: Record<string, number> = { tied };
    for (const [engine, { name }] of this.trial.engines.entries()) {
      if (this.compiled[engine]! > 0) counts[`compiled:${name}`] = this.compiled[engine]!;
      if (this.assumed[engine]! > 0) counts[`assumed:${name}`] = this.assumed[engine]!;
    }
    if (contradicted !== undefined) counts[`contradicted:${contradicted}`] = 1;
    return {
      shard,
      cases: this.filters,
      accesses: this.complete * 2 * INDICES + agreement.accesses,
      digest: this.digest.text(),
      counts,
      known: agreement.known,
      disproof: disproof ?? null,
    };
  }

  /** The compiled forms over all indices, each with the first engine's that has one. */
  private compare(forms: readonly (Direct | undefined)[]): string | undefined {
    const first = forms.find((form) => form !== undefined);
    for (const form of forms) {
      if (!form) continue;
      const place = this.wronglyPassed(form) ?? (form === first ? undefined : firstDifference(first!, form, this.base));
      if (place) return this.trial.scenario([place.index], [place.type]);
      const { batches } = form.compiled;
      const inBatch = batches && firstDifference(first!, formOf({ ...form.compiled, filter: batches }), this.base);
      if (inBatch) return this.trial.scenario(repeated(inBatch.index), repeated(inBatch.type));
    }
    const compared = forms.filter((form) => form !== undefined).length;
    if (compared > 1) this.complete += compared - 1;
    return undefined;
  }

  /** An access whose bit of the hardware's bitmap is clear although it is not simply allowed. */
  private wronglyPassed({ compiled, runs }: Form): Place | undefined {
    const { bitmap, verdicts } = compiled;
    if (!bitmap) return undefined;
    return passedThrough(bitmap.vendor, bitmap.bytes).find(({ index, type }) => {
      const allowed = runs[type].decision(index);
      return allowed === 0 || verdicts[1 + this.base.outcome(index, type)] !== Verdict.ALLOW;
    });
  }

  /** Runs the engines at the points, and compares them with each other and with what their compiled forms say. */
  private tie(points: Uint32Array, forms: readonly (Direct | undefined)[], digested: boolean): string | undefined {
    for (let from = 0; from < points.length; from += BATCH / 2) {
      this.beat(this.filters - 1);
      const batch = bothDirections(points.subarray(from, from + BATCH / 2));
      const verdicts = new Uint8Array(batch.indices.length);
      let contradicted = -1;
      const disproof = this.agreement.run(batch, verdicts, (engine, own) => {
        const form = forms[engine];
        const wrong = form ? own.findIndex((verdict, i) => verdict !== this.says(form, batch, i)) : invalid(own);
        if (wrong >= 0 && form) contradicted = engine;
        return wrong;
      });
      if (disproof !== undefined) {
        this.contradicted = this.trial.engines[contradicted]?.name;
        return disproof;
      }
      this.tied += verdicts.length;
      if (digested) for (let i = 0; i < verdicts.length; i++) this.digest.add(verdicts[i]!);
    }
    return undefined;
  }

  /** Verdict of an access by the compiled form. */
  private says({ compiled, runs, direct }: Direct, { indices, types }: AccessBatch, i: number): number {
    const index = indices[i]!;
    const type = types[i] as AccessType;
    if (direct.size > 0 && direct.has(index * 2 + type)) return Verdict.ALLOW;
    if (runs[type].decision(index) === 0) return compiled.verdicts[0];
    return compiled.verdicts[1 + this.base.outcome(index, type)]!;
  }
}

/** A form, and the accesses (index * 2 + type) that complete before the filter is asked. */
interface Direct extends Form {
  readonly direct: ReadonlySet<number>;
}

function directOf({ bitmap, fastpath = [] }: CompiledFilter): ReadonlySet<number> {
  const places = bitmap ? [...passedThrough(bitmap.vendor, bitmap.bytes), ...fastpath] : fastpath;
  return new Set(places.map(({ index, type }) => index * 2 + type));
}

/** Accesses that the filter is not asked about are decided by nothing that `compare` looks at: they are run. */
function fastpaths(forms: readonly (Direct | undefined)[]): Uint32Array {
  const indices = forms.flatMap((form) => form?.compiled.fastpath ?? []).map(({ index }) => index);
  return Uint32Array.from(new Set(indices));
}

function invalid(verdicts: Uint8Array): number {
  return verdicts.findIndex((verdict) => verdict > Verdict.EXIT_INVAL);
}

/** As many accesses as make an engine answer them as a long batch. */
function repeated(value: number): Uint32Array {
  return new Uint32Array(BATCH).fill(value);
}

/** Each index read, then written. */
function bothDirections(points: Uint32Array): AccessBatch {
  const indices = new Uint32Array(points.length * 2);
  const types = new Uint8Array(points.length * 2);
  for (let i = 0; i < points.length; i++) {
    indices[2 * i] = points[i]!;
    indices[2 * i + 1] = points[i]!;
    types[2 * i + 1] = AccessType.WRITE;
  }
  return { indices, types };
}

/** Where the filter may begin or cease to decide: starts of ranges, and their ends with and without u32 wrap. */
export function filterCuts(filter: MsrFilter): number[] {
  return filter.ranges.flatMap(({ base, nmsrs }) => [base, base + nmsrs, (base + nmsrs) >>> 0]);
}

/** First, last and middle index of every segment, and every index that a range's bitmap may decide; ascending. */
export function everyPoint(filter: MsrFilter, base: BaseSegments): Uint32Array {
  const cuts = [...filterCuts(filter), ...base.cuts, ...WINDOW_EDGES, X2APIC_FIRST, X2APIC_LAST + 1];
  const points = new Set([0, INDICES - 1]);
  const sorted = Float64Array.from(new Set([...cuts, 0x8000_0000, INDICES])).sort();
  for (const [i, from] of sorted.entries()) {
    const to = sorted[i + 1];
    if (to === undefined || from >= INDICES) break;
    points.add(from).add(Math.min(to, INDICES) - 1);
    points.add(Math.floor((from + Math.min(to, INDICES) - 1) / 2));
  }
  for (const { base: first, nmsrs } of filter.ranges) {
    for (let offset = 0; offset < nmsrs; offset++) points.add((first + offset) % INDICES);
  }
  return Uint32Array.from(points).sort();
}
