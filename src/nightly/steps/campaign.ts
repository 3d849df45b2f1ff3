/** Campaigns, one for each profile; they share what is left of the night. */
import type { Budget } from '../budget.ts';
import type { CampaignSettings } from '../config.ts';
import type { StepReport } from '../report.ts';
import { engineOptions, mayStart, runStep, type StepContext, skipped } from './step.ts';

/** @param seed u64, decimal: of all profiles */
export async function campaigns(context: StepContext, budget: Budget, seed: string): Promise<StepReport[]> {
  const { campaign: config, database, grace } = context.settings;
  if (config === false) return [];
  const steps: StepReport[] = [];
  for (const [i, profile] of config.profiles.entries()) {
    const seconds = Math.max(1, Math.round(budget.left() / (config.profiles.length - i)));
    const command = [
      ...['fuzz', '--database', database, '--seed', seed, '--profile', profile, '--seconds', String(seconds)],
      ...campaignOptions(config),
    ];
    if (!mayStart(context, budget)) steps.push(skipped(context, 'campaign', profile, command));
    else steps.push((await runStep(context, 'campaign', profile, command, seconds + grace)).report);
  }
  return steps;
}

/**
 * The date as a number, and how many nights that day has had before: 2026112100 is the first one of 21 November 2026.
 * Nights without a seed of their own go on to new cases, and anybody can tell which ones they were.
 */
export function seedOfDay(startedAt: string, earlierNights: readonly string[]): string {
  const day = startedAt.slice(0, 10);
  const before = earlierNights.filter((time) => time.slice(0, 10) === day).length;
  return `${day.replaceAll('-', '')}${String(before).padStart(2, '0')}`;
}

function campaignOptions(config: CampaignSettings): string[] {
  const { cases, workers, accesses, sample, sampleAccesses, timeout, kernel } = config;
  const values = {
    ...{ '--cases': cases, '--workers': workers, '--accesses': accesses, '--sample': sample },
    ...{ '--sample-accesses': sampleAccesses, '--timeout': timeout },
    ...{ '--kernel-image': kernel?.image, '--modules': kernel?.modules, '--guest-mode': kernel?.guestMode },
  };
  return [
    ...engineOptions(config),
    ...Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [name, String(value)])),
    ...config.ledgers.flatMap((path) => ['--ledger', path]),
    ...(kernel?.moduleParameters ?? []).flatMap((text) => ['--module-parameters', text]),
  ];
}
