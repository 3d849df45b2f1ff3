/**
 * The public entry `msrdiff`: engines, campaigns, minimization, proofs and filters for programs and test suites.
 * docs/library.md has examples of all of it; `msrdiff/vitest` has matchers made of it.
 *
 * Whatever is wrong with an argument is an {@link InputError}, or an {@link EngineUnavailable} where an engine is not
 * there or does not load: the message is one line. Rules and terms are those of the kernel's
 * Documentation/virt/kvm/api.rst, "KVM_X86_SET_MSR_FILTER" and "KVM_CAP_X86_USER_SPACE_MSR".
 */
import type { Engine } from './engines/contract.ts';
import { type DecisionModule, fromDecision as fromDecisionModule } from './engines/decision.ts';
import { EngineUnavailable } from './engines/engine-unavailable.ts';
import { builtIn, engineOf } from './engines/registry.ts';
import { formatExplanation } from './fuzz/explain/format.ts';
import { CAMPAIGN, type CampaignProgress, type CampaignReport, runCampaign as campaign } from './library/campaign.ts';
import type { Divergence } from './library/divergence.ts';
import { type AccessDecision, type EngineInput, engineList, oneEngine } from './library/engine-list.ts';
import { checked, QUESTION } from './library/options.ts';
import { explained, reduced } from './library/probing.ts';
import { PROOF, type ProofProgress, type ProofReport, runProof } from './library/proof.ts';
import { msrIndices as indicesOf, msrName as nameOf } from './model/catalogue.ts';
import type { MsrFilter, MsrFilterRange } from './model/filter.ts';
import { decodeFilter as decode, encodeFilter as encode } from './model/filter-binary.ts';
import { type FilterJson, formatFilter as filterText, parseFilter as readFilter } from './model/filter-json.ts';
import { InputError } from './model/input-error.ts';
import { parseJsonText } from './model/json-text.ts';
import { KERNEL_PROFILES, type KernelProfile } from './model/profile.ts';
import type { Scenario } from './model/scenario.ts';
import {
  parseScenario as readScenario,
  type ScenarioJson,
  formatScenario as scenarioText,
} from './model/scenario-json.ts';

export type {
  AccessDecision,
  CampaignProgress,
  CampaignReport,
  DecisionModule,
  Divergence,
  Engine,
  EngineInput,
  FilterJson,
  KernelProfile,
  MsrFilter,
  MsrFilterRange,
  ProofProgress,
  ProofReport,
  Scenario,
  ScenarioJson,
};
export { EngineUnavailable, InputError };

/** What every function that runs engines takes. */
export interface RunOptions {
  /** Id of the kernel profile whose rules apply, or `newest`, the default. See {@link kernelProfiles}. */
  readonly profile?: string;
  /**
   * Seconds, default 10: how long an engine may take for one case of a campaign, for one filter of a proof, or all of
   * them for one scenario. What does not return is a divergence of kind `engine-timeout`.
   */
  readonly timeout?: number;
}

/** What can be ended early, and watched. */
export interface LongRunOptions<Progress> extends RunOptions {
  /** Stop after so many seconds. */
  readonly seconds?: number;
  /** Ends it: the report has what was done until then. Looked at between shards, several times a second. */
  readonly signal?: AbortSignal;
  /** Worker threads, default 1. Without effect where an engine is an object: all run in the calling thread then. */
  readonly workers?: number;
  /** Called after each shard. */
  readonly onProgress?: (progress: Progress) => void;
}

/** Without `cases` and `seconds` a campaign takes 30 seconds. */
export interface CampaignOptions extends LongRunOptions<CampaignProgress> {
  /** Stop after so many cases. */
  readonly cases?: number;
  /** u64; above 2^53 as bigint or text. The same seed gives the same cases and divergences. Default: random. */
  readonly seed?: number | bigint | string;
  /** Accesses of one case. Default: that of `msrdiff fuzz`. */
  readonly accesses?: number;
  /** Whether divergences that the shipped ledger knows (docs/ledger.md) are counted and not reported. Default: true. */
  readonly ledger?: boolean;
  /** Whether it ends with the first shard, of 64 cases, that has a divergence. Default: false. */
  readonly stopAtFirst?: boolean;
}

/** The state in which a filter is proven. */
export interface FilterProofOptions extends LongRunOptions<ProofProgress> {
  /** Exit mask, `KVM_MSR_EXIT_REASON_*`: 1 INVAL, 2 UNKNOWN, 4 FILTER. Default: 7. */
  readonly mask?: number;
  /** APIC mode. Default: `none`. */
  readonly apic?: 'none' | 'xapic' | 'x2apic';
}

/** How a scenario is reduced. */
export interface MinimizeOptions extends RunOptions {
  /** Whether divergences that the shipped ledger knows are left out. Default: true. */
  readonly ledger?: boolean;
}

/**
 * An engine that msrdiff brings along.
 *
 * @param name `reference`, `interval`, `vmx`, `svm` or `canary` (README, "Concepts")
 * @throws EngineUnavailable for any other
 */
export function builtInEngine(name: string): Engine {
  return builtIn(name);
}

/**
 * Loads an engine into this thread, where one that does not return is ended only by the functions of this module.
 *
 * @param engine in any of the forms of {@link EngineInput}
 * @throws InputError, EngineUnavailable
 */
export function loadEngine(engine: EngineInput): Promise<Engine> {
  return oneEngine(engine);
}

/**
 * Makes an engine of one question, whether a filter allows an access. The rest of a VM is the reference's, so that a
 * divergence is always about the decision (docs/engines.md).
 *
 * @throws EngineUnavailable for a name that is none, or a decision that is no function
 */
export function fromDecision(name: string, allowed: AccessDecision): Engine {
  engineOf({ name, allowed }, 'engine');
  return fromDecisionModule({ name, allowed });
}

/**
 * Runs random cases through engines and compares everything that they answer.
 *
 * Engines that are names and paths are run in worker threads. As soon as one is an object or a function, all run in
 * this thread, which has its turn several times a second; one that does not return is ended there too, unless it
 * sleeps in native code.
 *
 * @param engines two or more
 * @throws InputError, EngineUnavailable; nothing that an engine does: that is a divergence
 */
export async function runCampaign(
  engines: readonly EngineInput[],
  options: CampaignOptions = {},
): Promise<CampaignReport> {
  const settings = checked(CAMPAIGN, options, 'runCampaign');
  return campaign(await engineList(engines), settings);
}

/**
 * Reduces a scenario to the normal form of each divergence in it. None: the engines agree on it.
 *
 * @param scenario JSON text or value, docs/formats.md
 * @param engines two or more
 * @param options `timeout` is by default 120 seconds
 * @throws InputError, EngineUnavailable
 */
export async function minimizeScenario(
  scenario: string | ScenarioJson,
  engines: readonly EngineInput[],
  options: MinimizeOptions = {},
): Promise<readonly Divergence[]> {
  const { profile, timeout, ledger } = checked(QUESTION, { timeout: 120, ...options }, 'minimizeScenario');
  const text = scenarioText(parseScenario(scenario));
  return reduced(await engineList(engines), { scenario: text, profile, ledger, timeoutMs: timeout * 1000 });
}

/**
 * Why a divergence is one, as lines for people: where the engines part, the rule that is broken and its source, what
 * decided in each engine, what does not matter.
 *
 * @param engines those that it was found with
 * @returns no line if it no longer diverges, or an engine did not come back
 * @throws InputError, EngineUnavailable
 */
export async function explainDivergence(
  { kind, engine, scenario, profile }: Divergence,
  engines: readonly EngineInput[],
  options: Pick<RunOptions, 'timeout'> = {},
): Promise<readonly string[]> {
  const { timeout } = checked(QUESTION, { profile, ...options }, 'explainDivergence');
  // What does not come back cannot be asked why.
  if (kind === 'engine-timeout') return [];
  const question = {
    scenario: scenarioText(parseScenario(scenario)),
    profile,
    ledger: true,
    timeoutMs: timeout * 1000,
  };
  const explanation = await explained(await engineList(engines), question, { kind, subject: engine });
  return explanation ? formatExplanation(explanation) : [];
}

/**
 * Proves that engines agree on all 2^33 accesses with one filter: RDMSR and WRMSR of every MSR index. docs/proofs.md
 *
 * @param filter JSON text or value
 * @throws InputError also for a filter that is none; EngineUnavailable
 */
export async function proveFilter(
  filter: string | FilterJson,
  engines: readonly EngineInput[],
  options: FilterProofOptions = {},
): Promise<ProofReport> {
  return prove('proveFilter', { ...options, filter: jsonOf(filter, 'filter') }, engines);
}

/**
 * Proves that engines agree on every filter with up to so many ranges, up to isomorphism; what that means, and what it
 * does not show, is in the report and in docs/proofs.md. 2 takes seconds, 3 half a minute.
 *
 * @param ranges 1 to 5
 * @throws InputError, EngineUnavailable
 */
export async function proveRanges(
  ranges: number,
  engines: readonly EngineInput[],
  options: LongRunOptions<ProofProgress> = {},
): Promise<ProofReport> {
  return prove('proveRanges', { ...options, ranges }, engines);
}

/**
 * Proves that engines agree after every sequence of so many changes of state: filters, exit masks, APIC modes and so on.
 *
 * @param length 1 to 6
 * @throws InputError, EngineUnavailable
 */
export async function proveStates(
  length: number,
  engines: readonly EngineInput[],
  options: LongRunOptions<ProofProgress> = {},
): Promise<ProofReport> {
  return prove('proveStates', { ...options, states: length }, engines);
}

async function prove(whose: string, options: object, engines: readonly EngineInput[]): Promise<ProofReport> {
  const settings = checked(PROOF, options, whose);
  return runProof(await engineList(engines), settings);
}

/**
 * Reads a filter from the JSON of docs/formats.md. Any u32 is accepted in any field: the ioctl decides what is valid.
 *
 * @param source JSON text or value
 * @param where what it is called in messages, such as its file
 * @throws InputError that names the field
 */
export function parseFilter(source: string | FilterJson, where = 'filter'): MsrFilter {
  return readFilter(jsonOf(source, where), where);
}

/** A filter as JSON text. Equal filters give equal text, and {@link parseFilter} gives the same filter back. */
export function formatFilter(filter: MsrFilter): string {
  return filterText(filter);
}

/**
 * Reads a filter from the x86-64 `struct kvm_msr_filter` (392 bytes) and the bitmaps behind it; each `bitmap` pointer
 * holds the offset of its bytes, 0 for unmapped memory. Source: arch/x86/include/uapi/asm/kvm.h
 *
 * @param where what it is called in messages, such as its file
 * @throws InputError if it is cut off, or an offset is outside
 */
export function decodeFilter(bytes: Uint8Array, where = 'filter'): MsrFilter {
  return decode(bytes, where);
}

/** The bytes that {@link decodeFilter} reads. @throws RangeError if there are more than 16 ranges */
export function encodeFilter(filter: MsrFilter): Uint8Array {
  return encode(filter);
}

/**
 * Reads a scenario from the JSON of docs/formats.md.
 *
 * @param source JSON text or value
 * @param where what it is called in messages, such as its file
 * @throws InputError that names the field
 */
export function parseScenario(source: string | ScenarioJson, where = 'scenario'): Scenario {
  return readScenario(jsonOf(source, where), where);
}

/** A scenario as canonical JSON text: equal scenarios give equal text. */
export function formatScenario(scenario: Scenario): string {
  return scenarioText(scenario);
}

/** The kernel profiles, oldest first: which rules each kernel release has. The last one is `newest`. */
export function kernelProfiles(): readonly KernelProfile[] {
  return KERNEL_PROFILES;
}

/**
 * Name of an MSR as the SDM, the APM or the kernel's msr-index.h has it; undefined if the catalogue has none.
 *
 * @param index u32
 */
export function msrName(index: number): string | undefined {
  return nameOf(index);
}

/**
 * Indices, ascending, that a text means: `0x174`, `372`, or part of a name in any case, as `sysenter`. At most 4,096;
 * none if the catalogue has no such name.
 */
export function msrIndices(text: string): readonly number[] {
  return indicesOf(text);
}

function jsonOf(source: unknown, where: string): unknown {
  return typeof source === 'string' ? parseJsonText(source, where) : source;
}
