/**
 * The public entry `msrdiff/vitest`: matchers for engines. Import it in a test file, or name it in vitest's
 * `setupFiles`. docs/library.md
 *
 *     import 'msrdiff/vitest';
 *     import { expect, it } from 'vitest';
 *     import * as engine from './engine.ts';
 *
 *     it('follows the rules', async () => {
 *       await expect(engine).toAgreeWith('reference', { cases: 512 });
 *     });
 */
import { expect, type MatcherState } from 'vitest';
import { z } from 'zod';
import { CAMPAIGN, runCampaign } from '../library/campaign.ts';
import { type EngineInput, engineList } from '../library/engine-list.ts';
import { checked } from '../library/options.ts';
import { reduced } from '../library/probing.ts';
import { PROOF, PROOF_FIELDS, runProof } from '../library/proof.ts';
import { failureText } from './failure-text.ts';
import { readReproducer } from './reproducer.ts';

/** What both matchers take. */
export interface MatcherOptions {
  /** Id of the kernel profile whose rules apply, or `newest`, the default. */
  readonly profile?: string;
  /** Seconds that an engine may take for one case of a campaign, or one filter of a proof. Default: 10. */
  readonly timeout?: number;
  /** Worker threads, for engines that are paths and names. Default: 1. */
  readonly workers?: number;
  /** Folder for the scenario of a failure, made when there is one. Default: `msrdiff-reproducers`. */
  readonly reproducers?: string;
}

/** Without `cases`, `seconds` and `scenario` a campaign has 512 cases, which takes seconds. */
export interface AgreeOptions extends MatcherOptions {
  /** Cases to run. */
  readonly cases?: number;
  /** Seconds to run for; the test needs a time-out of its own that is longer. */
  readonly seconds?: number;
  /** u64; above 2^53 as bigint or text. Default: 1, so that what passes once passes again. */
  readonly seed?: number | bigint | string;
  /** Accesses of one case. */
  readonly accesses?: number;
  /** Instead of a campaign, the scenario in this file: a stored reproducer, or one by hand (docs/formats.md). */
  readonly scenario?: string;
}

/** One of `ranges`, `states` and `filter`; by default `ranges: 2`. docs/proofs.md */
export interface ProofOptions extends MatcherOptions {
  /** Engine that it is compared with. Default: `reference`. */
  readonly to?: EngineInput;
  /** Every filter with up to so many ranges, 1 to 5, up to isomorphism: 2 takes seconds, 3 half a minute. */
  readonly ranges?: number;
  /** Every sequence of so many changes of state, 1 to 6. */
  readonly states?: number;
  /** All 2^33 accesses with this filter, JSON value. */
  readonly filter?: unknown;
  /** For `filter`: exit mask, 1 INVAL, 2 UNKNOWN, 4 FILTER. Default: 7. */
  readonly mask?: number;
  /** For `filter`: APIC mode. Default: `none`. */
  readonly apic?: 'none' | 'xapic' | 'x2apic';
}

/** The matchers, as vitest's `expect(engine)` has them once this module is imported. */
export interface EngineMatchers {
  /**
   * Fails with the first divergence that random filters and accesses show between the engine and another, or others.
   * The failure tells the access, what each engine answers and why, the broken rule, the reduced scenario, and where it
   * is stored.
   *
   * @throws InputError for options that are wrong, EngineUnavailable for engines that do not load
   */
  toAgreeWith(other: EngineInput | readonly EngineInput[], options?: AgreeOptions): Promise<void>;
  /**
   * Fails unless the engine is proven equivalent to another, within the bound that the options give.
   *
   * @throws InputError for options that are wrong, EngineUnavailable for engines that do not load
   */
  toBeProvenEquivalent(options?: ProofOptions): Promise<void>;
}

declare module 'vitest' {
  // biome-ignore lint/suspicious/noExplicitAny: an augmentation has to repeat the parameters of what it adds to.
  interface Matchers<T = any> extends EngineMatchers {}
}

/** What a matcher hands to vitest. */
interface Outcome {
  readonly pass: boolean;
  readonly message: () => string;
}

const DEFAULT_CASES = 512;
const DEFAULT_RANGES = 2;
const DEFAULT_FOLDER = 'msrdiff-reproducers';
const own = { reproducers: z.string('give a folder').min(1, 'give a folder').default(DEFAULT_FOLDER) };
const AGREE = z.strictObject({
  ...CAMPAIGN.omit({ signal: true, onProgress: true, stopAtFirst: true, ledger: true }).shape,
  ...own,
  scenario: z.string('give the path of a scenario').optional(),
});
const PROVEN = z.strictObject({
  ...PROOF_FIELDS.omit({ seconds: true, signal: true, onProgress: true }).shape,
  ...own,
  to: z.custom<EngineInput>().default('reference'),
});

async function toAgreeWith(
  this: MatcherState,
  engine: EngineInput,
  other: EngineInput | readonly EngineInput[],
  options: AgreeOptions = {},
): Promise<Outcome> {
  const { reproducers, scenario, ...settings } = checked(AGREE, options, 'toAgreeWith');
  const others = Array.isArray(other) ? (other as readonly EngineInput[]) : [other as EngineInput];
  const list = await engineList([...others, engine]);
  const context = { others, list, reproducers, timeoutMs: settings.timeout * 1000 };
  if (scenario !== undefined) {
    const { profile } = settings;
    const question = { profile, ledger: true, timeoutMs: context.timeoutMs, scenario: readReproducer(scenario) };
    const [divergence] = await reduced(list, question);
    if (!divergence) return passed(`the engines agree on ${scenario}, and were expected not to`);
    return failed(await failureText(divergence, { ...context, found: `in ${scenario}`, store: false }));
  }
  const { cases = settings.seconds === undefined ? DEFAULT_CASES : undefined, seed = 1n, ...rest } = settings;
  const limits = cases === undefined ? {} : { cases };
  const report = await runCampaign(list, { ...rest, ...limits, seed, ledger: true, stopAtFirst: true });
  const run = `${report.cases} cases of seed ${seed}, profile ${report.profile}`;
  const [divergence] = report.found;
  if (!divergence) return passed(`the engines agree on ${run}, and were expected not to`);
  return failed(await failureText(divergence, { ...context, found: `within ${run}`, store: !this.isNot }));
}

async function toBeProvenEquivalent(
  this: MatcherState,
  engine: EngineInput,
  options: ProofOptions = {},
): Promise<Outcome> {
  const { reproducers, to, ...rest } = checked(PROVEN, options, 'toBeProvenEquivalent');
  const isBounded = rest.ranges !== undefined || rest.states !== undefined || rest.filter !== undefined;
  const settings = checked(PROOF, isBounded ? rest : { ...rest, ranges: DEFAULT_RANGES }, 'toBeProvenEquivalent');
  const list = await engineList([to, engine]);
  const { outcome, statement, divergence, witness } = await runProof(list, settings);
  const bound = statement[0]!;
  if (outcome === 'proven') return passed(`proven, and expected not to be: ${bound}`);
  if (!divergence) {
    return failed(`disproven: ${bound}\nThe scenario that shows it does not when it is run by itself:\n${witness}`);
  }
  const context = { others: [to], list, reproducers, timeoutMs: settings.timeout * 1000 };
  return failed(await failureText(divergence, { ...context, found: 'by a proof', store: !this.isNot }));
}

function passed(message: string): Outcome {
  return { pass: true, message: () => message };
}

function failed(message: string): Outcome {
  return { pass: false, message: () => message };
}

expect.extend({ toAgreeWith, toBeProvenEquivalent });
