/** What becomes of one access under a filter: by every built-in engine and kernel profile, with what decided. */
import { EXEMPT_RULE, NO_FILTER_RULE, ReferenceVm } from '../../engines/reference.ts';
import { builtIn, DEFAULT_ENGINES } from '../../engines/registry.ts';
import { runAll } from '../../fuzz/run-all.ts';
import type { AccessOutcome, EngineVerdict } from '../../fuzz/run-outcome.ts';
import type { BaseOutcome, BaseTable } from '../../model/base.ts';
import { catalogueBase, msrName, msrRow, passthroughCandidates, type Vendor } from '../../model/catalogue.ts';
import type { MsrFilter } from '../../model/filter.ts';
import type { KernelProfile } from '../../model/profile.ts';
import type { ApicMode, MsrPassthrough, Scenario } from '../../model/scenario.ts';
import { AccessType } from '../../model/verdict.ts';
import { unfilteredInstructions } from '../unfiltered-accesses.ts';
import type { DecidedBy } from './rules.ts';

export interface ExplainRequest {
  readonly filter: MsrFilter;
  readonly indices: readonly number[];
  readonly type: AccessType;
  /** `KVM_CAP_X86_USER_SPACE_MSR` args[0]. */
  readonly mask: number;
  readonly apic: ApicMode;
  readonly profiles: readonly KernelProfile[];
}

/** What the filter says of the access, as the reference finds it. */
export interface Decision {
  readonly by: DecidedBy;
  readonly allows: boolean;
  /** For `range`: its slot and the number of the bit. */
  readonly range?: number;
  readonly bit?: number;
}

export interface HardwarePath {
  /** Whether this kernel can pass the access to the processor: in every guest, or when the vCPU's state asks for it. */
  readonly candidate: 'always' | 'dynamic' | 'never';
  /** `passthrough`, `intercepted` or `fastpath`; with a dynamic candidate: as long as the vCPU does not ask. */
  readonly route: string;
  /** With a dynamic candidate: once the vCPU asks for it. */
  readonly routeIfAsked?: string;
  /** The engine's own words. */
  readonly rule: string;
}

export interface ProfileAnswer {
  readonly profile: string;
  /** Result of KVM_X86_SET_MSR_FILTER: `0` or the errno. */
  readonly ioctl: string;
  /** Answer of each engine, by name. */
  readonly engines: Readonly<Record<string, EngineVerdict>>;
  readonly decision: Decision;
  readonly vmx: HardwarePath;
  readonly svm: HardwarePath;
}

export interface Explained {
  readonly index: number;
  readonly name: string | null;
  readonly write: boolean;
  /** What KVM does with the access where no filter denies it, and where the catalogue has that from. */
  readonly base: 'handled' | 'unknown' | 'invalid';
  readonly baseSource: string;
  /** Instructions that do the same and are never filtered. */
  readonly unfiltered: readonly string[];
  readonly profiles: readonly ProfileAnswer[];
}

const BASE_NAMES = ['handled', 'unknown', 'invalid'] as const;
const UNLISTED = 'not in the catalogue';

/** One entry per index, in the order of the request. */
export function explain(request: ExplainRequest): Explained[] {
  const base = catalogueBase();
  const runs = request.profiles.map((profile) => runProfile(request, profile, base));
  return request.indices.map((index, i) => {
    const outcome: BaseOutcome = base.outcome(index, request.type, request.apic);
    return {
      index,
      name: msrName(index) ?? null,
      write: request.type === AccessType.WRITE,
      base: BASE_NAMES[outcome],
      baseSource: msrRow(index)?.source ?? UNLISTED,
      unfiltered: unfilteredInstructions(index, request.type),
      profiles: runs.map((run) => profileAnswer(run, i, request.type)),
    };
  });
}

interface ProfileRun {
  readonly profile: KernelProfile;
  readonly ioctl: string;
  /** One per index. */
  readonly decisions: readonly Decision[];
  readonly plain: readonly AccessOutcome[];
  /** The same, once KVM wishes to pass through whatever it can. */
  readonly asked: readonly AccessOutcome[];
}

function runProfile(request: ExplainRequest, profile: KernelProfile, base: BaseTable): ProfileRun {
  const engines = DEFAULT_ENGINES.map(builtIn);
  const { filter, mask, apic, indices, type } = request;
  const batch = { indices: Uint32Array.from(indices), types: new Uint8Array(indices.length).fill(type) };
  const changes = indices.map((index): MsrPassthrough => ({ index, read: true, write: true }));
  const scenario: Scenario = {
    events: [
      { kind: 'cap', mask: BigInt(mask) },
      { kind: 'apic', mode: apic },
      { kind: 'filter', filter },
      { kind: 'access', batch },
      { kind: 'candidates', changes },
      { kind: 'access', batch },
    ],
  };
  const [, , set, plain, , asked] = runAll(scenario, engines, { profile, base }).events;
  return {
    profile,
    ioctl: set!.results!.reference!,
    decisions: decide(request, profile, base),
    plain: plain!.accesses!,
    asked: asked!.accesses!,
  };
}

/** Asked apart from the verdicts, of which #GP does not say whether it is the filter's. */
function decide({ filter, indices, type }: ExplainRequest, profile: KernelProfile, base: BaseTable): Decision[] {
  const vm = new ReferenceVm({ profile, base });
  vm.setFilter(filter, 'normal');
  return indices.map((index) => {
    const { rule, range, bit } = vm.explain(index, type);
    const allows = vm.allows(index, type);
    if (range !== undefined && bit !== undefined) return { by: 'range', allows, range, bit };
    return { by: rule === EXEMPT_RULE ? 'exemption' : rule === NO_FILTER_RULE ? 'none' : 'default', allows };
  });
}

function profileAnswer(run: ProfileRun, place: number, type: AccessType): ProfileAnswer {
  const { profile, ioctl, plain, asked, decisions } = run;
  const { index, verdicts } = plain[place]!;
  const byName = (answers: readonly EngineVerdict[]): Record<string, EngineVerdict> =>
    Object.fromEntries(DEFAULT_ENGINES.map((name, i) => [name, answers[i]!]));
  const engines = byName(verdicts);
  const later = byName(asked[place]!.verdicts);
  const path = (vendor: Vendor): HardwarePath => {
    const candidate = candidateOf(vendor, profile, index, type);
    const { route = '-', rule = '' } = engines[vendor]!;
    return {
      candidate,
      route,
      ...(candidate === 'dynamic' ? { routeIfAsked: later[vendor]!.route ?? '-' } : {}),
      rule,
    };
  };
  return { profile: profile.id, ioctl, engines, decision: decisions[place]!, vmx: path('vmx'), svm: path('svm') };
}

function candidateOf(
  vendor: Vendor,
  profile: KernelProfile,
  index: number,
  type: AccessType,
): HardwarePath['candidate'] {
  const candidate = passthroughCandidates(vendor, profile).find((entry) => entry.index === index);
  if (!candidate || !(type === AccessType.READ ? candidate.read : candidate.write)) return 'never';
  return candidate.always ? 'always' : 'dynamic';
}
