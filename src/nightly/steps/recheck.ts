/** Divergences that somebody has triaged, run again: is a fixed one back, is a known one gone? */
import type { EngineSpec } from '../../engines/registry.ts';
import type { Status } from '../../model/status.ts';
import type { Budget } from '../budget.ts';
import type { NightRecheck, RecheckResult, StepReport } from '../report.ts';
import { mayStart, runStep, type StepContext, skipped } from './step.ts';

/** Of those with another status nobody has said yet what is to be expected, or it does not matter any more. */
export const RECHECKED: readonly Status[] = ['triaged', 'known', 'fixed'];

/** What a divergence that shows now and then may be missed with, at most. */
const MISSED = 0.05;
const MOST_RUNS = 10;

/** A stored divergence, as far as it matters here. */
export interface Recheckable {
  readonly id: string;
  readonly kind: string;
  readonly subject: string;
  readonly status: Status;
  /** Share of re-runs that showed it. */
  readonly reliability: number;
  readonly engines: readonly unknown[];
}

/** Kinds of divergences that are an engine which did not come back, or ended its thread. */
const LOST = ['engine-timeout', 'engine-error'];

/** What `msrdiff replay --json` prints, as far as it is read here. */
interface Reply {
  readonly kind: 'done' | 'lost';
  readonly diverges: boolean;
  readonly findings?: readonly { readonly kind: string; readonly subject: string }[];
}

/**
 * The longest unchecked first, as far as the time goes.
 *
 * @param checkedAt ISO time of the last check, by id
 */
export async function recheck(
  context: StepContext,
  budget: Budget,
  divergences: readonly Recheckable[],
  checkedAt: Readonly<Record<string, string>>,
): Promise<{ steps: StepReport[]; rechecks: NightRecheck[] }> {
  const steps: StepReport[] = [];
  const rechecks: NightRecheck[] = [];
  const due = divergences
    .filter(({ status }) => RECHECKED.includes(status))
    .sort((a, b) => order(checkedAt[a.id] ?? '', checkedAt[b.id] ?? '') || order(a.id, b.id));
  for (const [i, divergence] of due.entries()) {
    if (!mayStart(context, budget)) {
      // One line for all of them: there may be thousands.
      const rest = due.length - i;
      steps.push(skipped(context, 'recheck', `${rest} ${rest === 1 ? 'divergence' : 'divergences'}`, []));
      break;
    }
    const { id, kind, subject, status } = divergence;
    const command = ['replay', id, '--database', context.settings.database, ...permitted(context, divergence)];
    let result: RecheckResult = 'unknown';
    let runs = 0;
    do {
      const limit = budget.left() + context.settings.grace;
      const { report, json } = await runStep(context, 'recheck', id, command, limit);
      steps.push(report);
      result = resultOf(json as Reply | null, divergence);
      runs++;
    } while (result === 'agrees' && runs < runsFor(divergence) && mayStart(context, budget));
    // Not shown in fewer runs than it takes says nothing.
    if (result === 'agrees' && runs < runsFor(divergence)) result = 'unknown';
    rechecks.push({ id, kind, subject, status, result, runs });
  }
  return { steps, rechecks };
}

/** So many that one which shows now and then is hardly missed. */
export function runsFor({ reliability }: { readonly reliability: number }): number {
  if (reliability >= 1) return 1;
  if (reliability <= 0) return MOST_RUNS;
  return Math.min(MOST_RUNS, Math.max(1, Math.ceil(Math.log(MISSED) / Math.log(1 - reliability))));
}

/** Commands of the configuration that it was found with: a stored one is not run without being given again. */
function permitted({ settings }: StepContext, { engines }: Recheckable): string[] {
  const stored = (engines as readonly EngineSpec[]).flatMap((spec) => (spec.kind === 'command' ? [spec.command] : []));
  const configured = [
    ...(settings.campaign === false ? [] : settings.campaign.engineCommands),
    ...(settings.conformance?.engineCommands ?? []),
  ];
  const both = configured.filter((command, i) => stored.includes(command) && configured.indexOf(command) === i);
  return both.flatMap((command) => ['--engine-command', command]);
}

function resultOf(reply: Reply | null, { kind, subject }: Recheckable): RecheckResult {
  if (reply === null) return 'unknown';
  // An engine that does not come back, or ends its thread, shows nothing but that.
  if (reply.kind === 'lost') return LOST.includes(kind) ? 'diverges' : 'other';
  // Also where a ledger knows it by now: it is still there.
  if (reply.findings?.some((found) => found.kind === kind && found.subject === subject)) return 'diverges';
  return reply.diverges ? 'other' : 'agrees';
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
